"""The house rules a tool can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "mumetal"
ROOMS = {
    "core", "numerics", "formats", "catalog", "git", "connect", "watch", "scan", "trust", "access", "decoy", "respond",
    "redteam", "assess", "twin", "app", "serve",
}  # fmt: skip


def modules() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def test_no_stray_room() -> None:
    found = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert found <= ROOMS, f"name the new room in DESIGN and here: {found - ROOMS}"


def test_no_module_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(SRC)): n for p in modules() if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_core_stays_small() -> None:
    assert sum(len(p.read_text().splitlines()) for p in (SRC / "core").rglob("*.py")) <= 4_000


def test_no_vague_module_names() -> None:
    vague = {"utils", "helpers", "common", "manager", "misc", "util", "helper"}
    assert not [p for p in modules() if p.stem in vague or vague & set(p.parent.parts[len(SRC.parts) :])]


def test_nothing_executes_data() -> None:
    banned = {"pickle", "dill", "joblib", "marshal", "shelve"}
    bad: list[str] = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                bad.append(f"{path.relative_to(SRC)}:{node.lineno} {node.func.id}")
            bad += [f"{path.relative_to(SRC)} imports {n}" for n in names if n.split(".")[0] in banned]
    assert not bad


def test_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_public_name_is_documented_and_every_module_says_what_it_is_for() -> None:
    bare = [
        f"{p.relative_to(SRC)}:{getattr(n, 'lineno', 1)}"
        for p in modules()
        for n in ast.walk(ast.parse(p.read_text()))
        if isinstance(n, ast.Module) or (isinstance(n, ast.ClassDef) and not n.name.startswith("_"))
        if not ast.get_docstring(n)
    ]
    assert not bare


# They read events, snapshots or pieces of a stream and not rows: watch/watchers runs them.
OUTSIDE = {"watch.covert.export", "watch.covert.misreport", "watch.covert.noisy_replay"}


def test_every_plugin_file_is_listed() -> None:
    """A file that declares a plug-in (`info = PluginInfo(plugin_id=…)`) is in its folder's registry, under that id."""
    from mumetal.connect.sinks import SINKS
    from mumetal.connect.sources import SOURCES
    from mumetal.scan import SCANNERS
    from mumetal.watch.causes import CAUSES
    from mumetal.watch.listed import DETECTORS

    folders = {
        "watch/detectors": {p for p, _ in DETECTORS},
        "watch/covert": {p for p, _ in DETECTORS} | OUTSIDE,
        "watch/causes": {p for p, _ in CAUSES},
        "connect/sources": {f.info.plugin_id for _, f in SOURCES},
        "connect/sinks": {f.info.plugin_id for _, f in SINKS},
    }
    for folder, listed in folders.items():
        declared = {
            match
            for path in (SRC / folder).glob("*.py")
            for match in re.findall(r'\binfo = PluginInfo\(\s*plugin_id="([^"]+)"', path.read_text())
        }
        assert declared, folder
        assert declared <= listed, f"{folder}: not listed {declared - listed}"
    assert len(SCANNERS) >= 6
