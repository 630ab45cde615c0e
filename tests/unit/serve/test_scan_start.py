"""What a scan of a clean file loads: a hook before every commit has half a second."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "numpy",
    "duckdb",
    "fastapi",
    "onnxruntime",
    "sqlalchemy",
    "cryptography",
    "rich",
    "arro3",
    "jinja2",
    "asyncio",
}
PROGRAM = """
import sys
sys.argv = ["mumetal", "scan", "--format", "json", "clean.py"]
from mumetal.serve.cli import main
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_a_scan_loads_nothing_of_the_rest_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("x = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    code, *loaded = done.stderr.split()
    assert code == "0", done.stdout
    assert "msgspec" in loaded  # the list is one of modules
    assert not HEAVY & set(loaded)


def test_a_scan_needs_no_home(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("x = 1\n")
    kept = {k: v for k, v in os.environ.items() if k not in {"HOME", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=kept, capture_output=True, text=True, check=True
    )
    assert done.stderr.split()[0] == "0"
    assert [f.name for f in tmp_path.iterdir()] == ["clean.py"]
