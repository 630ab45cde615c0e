"""Configuration: in TOML, YAML, JSON and INI a secret becomes ``${NAME}``, which whoever reads the file must fill in."""

import json
import tomllib
from collections.abc import Sequence

from mumetal.core.errors import BadInputError
from mumetal.scan.fix.edit import Edit, Leak, edited

KINDS = {
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".ini": "ini",
    ".cfg": "ini",
    ".conf": "ini",
}
NOTE = "${…} is not filled in by every program: check that the one that reads this file does"
_ENDS = b" \t\r\n,]}#"


def fix(data: bytes, leaks: Sequence[Leak], kind: str, where: str = "file") -> bytes:
    """Return a configuration file without the secrets; nothing but them is touched.

    Args:
        data: The file.
        leaks: Where secrets are, and what shall hold each.
        kind: A value of ``KINDS``.
        where: The file's name, for errors.

    Raises:
        BadInputError: The file is not what it says, or would no longer be; nothing is changed then.
    """
    _hold(data, kind, where)
    after = edited(data, [Edit(start=k.start, stop=k.stop, new=_new(data, k, kind)) for k in leaks])
    _hold(after, kind, where)
    return after


def _new(data: bytes, leak: Leak, kind: str) -> bytes:
    said = f"${{{leak.name}}}".encode()
    if kind != "yaml":
        return said
    line = data.rfind(b"\n", 0, leak.start) + 1
    lead = data[line : leak.start].rstrip(b" \t")[-1:]
    whole = lead in {b":", b"-", b"[", b"{", b","} and data[leak.stop : leak.stop + 1] in {
        b"",
        *(_ENDS[i : i + 1] for i in range(len(_ENDS))),
    }
    return b'"' + said + b'"' if whole else said


def _hold(data: bytes, kind: str, where: str) -> None:
    try:
        text = data.decode()
        if kind == "toml":
            tomllib.loads(text)
        elif kind == "json":
            json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"no {kind} that can be read: {str(error)[:120]}", where=where) from None
