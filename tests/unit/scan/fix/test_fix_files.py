"""The other formats, and the command: shown first, written on request, undone, and nothing a second time."""

import json
import secrets
import string
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.scan.fix import apply, config, notebook
from mumetal.scan.fix.edit import Change, Leak
from mumetal.serve.cli.app import app

RUN = CliRunner()
SECRET = "Qz7" + "kP2vLm9" * 5


def leaks(where: str, data: bytes) -> list[Leak]:
    at = data.find(SECRET.encode())
    return [Leak(start=at, stop=at + len(SECRET), name="KEY")] if at >= 0 else []


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("toml", 'a = 1 # x\nkey = "S"\n', 'a = 1 # x\nkey = "${KEY}"\n'),
        ("json", '{"a":  [1, "S"]}', '{"a":  [1, "${KEY}"]}'),
        ("yaml", "a:\n  key: S  # x\n", 'a:\n  key: "${KEY}"  # x\n'),
        ("yaml", "key: 'S'\n", "key: '${KEY}'\n"),
        ("yaml", "{key: S, b: 1}\n", '{key: "${KEY}", b: 1}\n'),
        ("yaml", "url: http://u:S@h\n", "url: http://u:${KEY}@h\n"),
        ("ini", "[x]\nkey = S\n", "[x]\nkey = ${KEY}\n"),
    ],
)
def test_configuration_keeps_everything_else(kind: str, text: str, wanted: str) -> None:
    data = text.replace("S", SECRET).encode()
    after = config.fix(data, leaks("x", data), kind)
    assert after.decode() == wanted
    assert config.fix(after, [], kind) == after


@pytest.mark.parametrize(
    ("kind", "data"), [("toml", b"= 1"), ("json", b"{"), ("json", b"[" * 100_000), ("yaml", b"\xff")]
)
def test_broken_configuration_is_refused(kind: str, data: bytes) -> None:
    with pytest.raises(BadInputError):
        config.fix(data, [], kind)


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
@pytest.mark.parametrize("listed", [True, False])
def test_a_notebook_loses_its_secret_and_its_outputs(indent: int | None, *, listed: bool) -> None:
    source = f'%matplotlib inline\nimport x\nkey = "{SECRET}"\n!ls -é\nprint(key)'
    cells = [
        {"cell_type": "code", "source": source.splitlines(keepends=True) if listed else source, "execution_count": 3,
         "outputs": [{"output_type": "stream", "text": [SECRET]}], "metadata": {}},
        {"cell_type": "markdown", "source": f"the key is {SECRET}", "metadata": {}},
        {"cell_type": "code", "source": "1 + 1", "outputs": [], "execution_count": None, "metadata": {}},
    ]  # fmt: skip
    before = json.dumps(
        {"cells": cells, "nbformat": 4, "metadata": {"ü": 1}}, indent=indent, ensure_ascii=False
    ).encode()
    after = notebook.fix(before, leaks)
    assert SECRET.encode() not in after
    book = json.loads(after)
    text = book["cells"][0]["source"]
    text = "".join(text) if listed else text
    assert text == '%matplotlib inline\nimport os\nimport x\nkey = os.environ["KEY"]\n!ls -é\nprint(key)'
    assert book["cells"][0]["outputs"] == []
    assert notebook.fix(after, leaks) == after
    assert json.dumps(book, indent=indent, ensure_ascii=False).encode() == after


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"cells": 1}', b'{"cells": [1]}', b'{"cells": [{"source": 1}]}', b"[" * 99_999]
)
def test_a_broken_notebook_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        notebook.fix(data, leaks)


def test_writing_is_refused_when_a_file_moved_on_and_undone_when_it_did_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "a").chmod(0o640)
    change = Change(path="a", before=b"1", after=b"2")
    fresh = Change(path=".env.example", before=b"", after=b"X=\n")
    folder = apply.apply(tmp_path, [change, fresh], 5)
    assert (tmp_path / "a").read_bytes() == b"2"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert folder.stat().st_mode & 0o077 == 0
    assert all(f.stat().st_mode & 0o077 == 0 for f in folder.iterdir())
    with pytest.raises(RejectedError):
        apply.apply(tmp_path, [change], 6)
    (tmp_path / "a").write_bytes(b"3")
    with pytest.raises(RejectedError):
        apply.undo(tmp_path)
    (tmp_path / "a").write_bytes(b"2")
    assert apply.undo(tmp_path) == ("a", ".env.example")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert not (tmp_path / ".env.example").exists()
    with pytest.raises(BadInputError):
        apply.undo(tmp_path)


def test_nothing_is_written_through_a_link_or_outside(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"1")
    root = tmp_path / "in"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "out")
    for path in ("link", "../out"):
        with pytest.raises(RejectedError):
            apply.apply(root, [Change(path=path, before=b"1", after=b"2")], 5)
    assert (tmp_path / "out").read_bytes() == b"1"


def test_the_command_shows_writes_and_undoes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))
    source = f'service = QiskitRuntimeService(channel="ibm_cloud", token="{key}")\n'
    Path("run.py").write_text(source)
    Path("conf.toml").write_text(f'QISKIT_IBM_TOKEN = "{key}"\n')
    Path("notes.txt").write_text(f'QiskitRuntimeService(token="{key}")\n')
    Path("mumetal.toml").write_text('[scan]\nexclude = ["cache/"]\n')
    shown = RUN.invoke(app, ["scan", "fix"])
    assert shown.exit_code == 1, shown.output
    assert 'os.environ["QISKIT_IBM_TOKEN"]' in shown.output
    assert key[:8] not in shown.output
    assert "by hand: notes.txt" in shown.output
    assert Path("run.py").read_text() == source
    done = RUN.invoke(app, ["scan", "fix", "--apply"])
    assert key[:8] not in done.output
    assert Path("run.py").read_text().startswith("import os\n")
    assert tomllib.loads(Path("conf.toml").read_text()) == {"QISKIT_IBM_TOKEN": "${QISKIT_IBM_TOKEN}"}
    assert Path(".env.example").read_text() == "QISKIT_IBM_TOKEN=\n"
    assert ".env" in Path(".gitignore").read_text().split()
    Path("notes.txt").unlink()
    again = RUN.invoke(app, ["scan", "fix", "--apply"])
    assert again.exit_code == 0, again.output
    assert "No secret was found" in again.output
    assert RUN.invoke(app, ["scan"]).exit_code == 0
    assert RUN.invoke(app, ["scan", "fix", "--undo"]).exit_code == 0
    assert Path("run.py").read_text() == source
    assert not Path(".env.example").exists()
    assert RUN.invoke(app, ["scan", "fix", "--undo"]).exit_code == 2
