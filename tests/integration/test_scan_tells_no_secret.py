"""S6: secrets planted in good, broken and encoded files are looked for in all that a scan writes: reports, errors, cache, store."""

import base64
import gzip
import json
import secrets
import string
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal.serve.cli.app import app

RUN = CliRunner()


def drawn(length: int = 40) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length - 1)) + "7"


class Planted:
    """A folder of files with a secret each, and the secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: list[str] = []
        key = self.new
        self.write("run.py", f'service = QiskitRuntimeService(token="{key(44)}")\n')
        self.write("two.py", f'api_key = "{key()}"; access_token = "{key()}"\n')
        self.write("broken.py", f'api_key = "{key()}"\ndef f(:\n    secret = "{key()}"\n')
        self.write(".env", f"DB_PASSWORD={key(16)}\nIONQ_API_KEY={key(32)}\n")
        self.write("min.js", f'{"a = 1;" * 2_000}apiKey="{key()}";{"b = 2;" * 2_000}\n')
        self.write("wrong.toml", f'[a\napi_key = "{key()}"\n')
        self.write("wrong.json", f'{{"client_secret": "{key()}", \n')
        cell = {
            "cell_type": "code",
            "source": [f'token = "{key()}"'],
            "outputs": [{"text": [f"access_token={key()}\n"]}],
        }
        self.write("good.ipynb", json.dumps({"cells": [cell]}))
        self.write("broken.ipynb", f'{{"cells": [{{"source": "api_key = \\"{key()}\\"" \n')
        self.write("coded.txt", base64.b64encode(f"api_key = '{key()}'\npassword = '{key(20)}'\n".encode()).decode())
        (folder / "log.gz").write_bytes(gzip.compress(f"Authorization: Bearer {key()}\n".encode()))
        with zipfile.ZipFile(folder / "in.zip", "w") as archive:
            archive.writestr("deep/a.yaml", f"auth_token: {key()}\n")
        cut = (folder / "in.zip").read_bytes()
        (folder / "cut.zip").write_bytes(cut[: len(cut) // 2])

    def new(self, length: int = 40) -> str:
        self.values.append(drawn(length))
        return self.values[-1]

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def told(self, text: bytes) -> Iterator[str]:
        """Yield each secret of which a half, or the whole in base64 or hex, stands in the text."""
        for value in self.values:
            raw, half = value.encode(), len(value) // 2 + 1
            forms = (raw[:half], raw[-half:], base64.b64encode(raw)[:-4], raw.hex().encode())
            if any(form in text for form in forms):
                yield value


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Planted(work)


def test_no_planted_secret_is_told_by_anything_a_scan_writes(planted: Planted, tmp_path: Path) -> None:
    mine = {p.name for p in planted.folder.iterdir()}
    found = 0
    for form in ("text", "json", "sarif", "junit"):
        done = RUN.invoke(app, ["scan", ".", "--format", form, "--out", f"../report.{form}"])
        shown = RUN.invoke(app, ["scan", ".", "--format", form])
        assert done.exit_code == shown.exit_code == 1, done.output
        for text in (done.output, shown.output):
            assert not list(planted.told(text.encode())), form
    report = json.loads((tmp_path / "report.json").read_text())
    found = len({(f["path"], f["line"], f["column"]) for f in report["findings"] if "secrets" in f["rule"]})
    assert found >= 12, "the test is one of telling, so the secrets must have been found"
    assert report["problems"], "broken files are reported"
    assert RUN.invoke(app, ["scan", ".", "--baseline", "../known.json", "--write-baseline"]).exit_code == 0
    filed = RUN.invoke(app, ["scan", ".", "--record", "--store", "../store", "--target", "work"])
    assert filed.exit_code == 1, filed.output
    assert not list(planted.told(filed.output.encode()))
    written = [p for p in tmp_path.rglob("*") if p.is_file() and not (p.parent == planted.folder and p.name in mine)]
    assert {p.name for p in written} >= {"report.sarif", "known.json"}
    assert any("store" in p.parts for p in written)
    assert any("cache" in p.parts for p in written)
    for path in written:
        assert not list(planted.told(path.read_bytes())), path


@pytest.mark.parametrize("words", [["scan", "run.py", "--only", "{}"], ["scan", "{}"], ["scan", ".", "--diff", "{}"]])
def test_an_error_names_what_was_asked_and_no_file_s_secret(planted: Planted, words: list[str]) -> None:
    done = RUN.invoke(app, [w.format("nothing-of-that-name") for w in words])
    assert done.exit_code in {2, 3}, done.output
    assert not list(planted.told(done.output.encode()))
