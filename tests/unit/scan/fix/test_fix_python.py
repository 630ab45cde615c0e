"""Programs keep their meaning when their secrets move out (bar S7): they parse, the literal is gone, twice is once."""

import ast
import os
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.core.errors import BadInputError
from mumetal.scan.fix import python
from mumetal.scan.fix.edit import Leak

SECRET = "Qz7" + "kP2vLm9" * 5
NAME = "IONQ_API_KEY"
# Each holds the secret as S; run, it leaves what it made of it in `seen`.
SNIPPETS = (
    'key = "S"\nseen.append(key)\n',
    "seen.append('S')\n",
    'seen.append("""S""")\n',
    'seen.append(b"S")\n',
    'seen.append(rb"S")\n',
    'seen.append("https://user:S@host/é")\n',
    'seen.append("a" "S" "b")\n',
    'seen.append(f"Bearer S")\n',
    "seen.append(f'{1 + 1} S {{x}}')\n",
    'seen.append(F"""{seen!r:>5}\n S""")\n',
    'def call(token="S"):\n    seen.append(token)\ncall()\n',
    'def inner():\n    """Uses S."""\n    def deep():\n        return"S"if seen else"S"\n    seen.append(deep())\ninner()\n',
    'seen.append({"S": 1}["S"])\n',
    'seen.append(dict(a=["S", ("S",)])["a"][1][0])\n',
    'seen.append("S".encode().hex())\n',
    'seen.append("%s-S" % 3)\n',
    "# token S\nseen.append(1)  # and again S\n",
    'def mark(x):\n    def add(f):\n        seen.append(x)\n        return f\n    return add\n@mark("S")\nclass A:\n    pass\n',
    'class B:\n    """Holds S."""\n    key: str = "S"\nseen.append(B.key)\n',
    'x = "\\x41S"; seen.append(x)\n',
    'seen.append("é" + "S" + "ü")\n',
    'lambda os: os\nseen.append("S")\n',
)
HEADS = (
    "", '"""Doc."""\n', '"""Doc S."""\nfrom __future__ import annotations\n', "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n",
    "import os\n", "import os, sys\n", "import os as operating\n", '"""Doc."""; y = 0\n', "from __future__ import annotations; y = 0\n",
    "if True:\n    import os\n", "from os import path as os\n",
)  # fmt: skip


def leaks_in(data: bytes) -> list[Leak]:
    found, at = [], data.find(SECRET.encode())
    while at >= 0:
        found.append(Leak(start=at, stop=at + len(SECRET), name=NAME))
        at = data.find(SECRET.encode(), at + 1)
    return found


def run(data: bytes) -> list[Any]:
    seen: list[Any] = []
    with mock.patch.dict(os.environ, {NAME: SECRET}):
        exec(compile(data, "program", "exec"), {"seen": seen, "__name__": "program"})
    return seen


@settings(max_examples=150)
@given(
    head=st.sampled_from(HEADS),
    snippets=st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=4),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
)
def test_programs_mean_the_same(head: str, snippets: list[str], newline: str, *, bom: bool) -> None:
    text = (head + "".join(snippets)).replace("S", SECRET).replace("\n", newline)
    before = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    after = python.fix(before, leaks_in(before))
    ast.parse(after)
    assert SECRET.encode() not in after
    assert run(after) == run(before)
    assert python.fix(after, leaks_in(after)) == after
    assert after.count(b"\r\n") >= before.count(b"\r\n")
    assert after.startswith(b"\xef\xbb\xbf") == bom


def test_only_what_must_change_does() -> None:
    before = f'import sys\n\n\nx   =  [ 1,\n  "{SECRET}" ]   # kept\n'.encode()
    assert python.fix(before, leaks_in(before)) == (
        b'import os\nimport sys\n\n\nx   =  [ 1,\n  os.environ["IONQ_API_KEY"] ]   # kept\n'
    )


def test_the_keyring_serves_as_well() -> None:
    before = f'x = "{SECRET}"\n'.encode()
    after = python.fix(before, leaks_in(before), store="keyring")
    assert after == b'import keyring\nx = keyring.get_password("mumetal", "IONQ_API_KEY")\n'


@pytest.mark.parametrize(
    "text",
    [
        'match x:\n    case "S":\n        pass\n',
        "x = f'{\"S\"}'\n",
        'x = f"{y}" "S"\n',
        "x = S\n",
        "x = (\n",
        "\udcff",
        "((((" * 5_000,
    ],
)
def test_what_cannot_be_mended_is_refused_and_said(text: str) -> None:
    data = text.replace("S", SECRET).encode(errors="surrogateescape")
    with pytest.raises(BadInputError):
        python.fix(data, leaks_in(data) or [Leak(start=0, stop=1, name="X")])
