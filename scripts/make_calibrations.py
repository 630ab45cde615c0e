"""Build ``src/mumetal/catalog/calibrations.csv.gz`` from the calibration files inside IBM's Apache-2.0 wheels.

Usage::

    python scripts/make_calibrations.py qiskit_ibm_runtime-0.51.0-py3-none-any.whl …
    python scripts/make_calibrations.py --download

The wheels hold BackendProperties files (``props_<backend>.json``) of real devices; figures are copied, never changed,
only rounded to the digits below. One device's snapshot of one date is kept once, whichever wheel it came from.
"""

import argparse
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "src" / "mumetal" / "catalog" / "calibrations.csv.gz"
SOURCES = ROOT / "src" / "mumetal" / "catalog" / "SOURCES.md"
NOTICE = ROOT / "NOTICE"
RELEASES = (
    "qiskit-ibm-runtime==0.20.0",
    "qiskit-ibm-runtime==0.26.0",
    "qiskit-ibm-runtime==0.40.1",
    "qiskit-ibm-runtime==0.46.1",
    "qiskit-ibm-runtime==0.51.0",
    "qiskit-terra==0.25.3",
    "qiskit-terra==0.46.3",
)
SCALE = {"us": 1e-6, "µs": 1e-6, "ns": 1e-9, "ms": 1e-3, "s": 1.0, "GHz": 1e9, "MHz": 1e6, "Hz": 1.0, "": 1.0}
FIGURES = (("T1", 5), ("T2", 5), ("frequency", 8), ("anharmonicity", 6), ("readout_error", 5))
MIN_QUBITS = 5
LEFT_OUT = {"cambridge_alt", "fractional"}  # a copy of another file, and a composite that no device ever was
MAX_BYTES = 400_000


def wheels_from_index(folder: Path) -> list[Path]:
    """Fetch the releases by name through pip and return the wheel files."""
    for release in RELEASES:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(folder), release], check=True)
    return sorted(folder.glob("*.whl"))


def seconds(date: str) -> int:
    """Return an ISO date with zone as seconds since 1970 UTC."""
    return int(datetime.fromisoformat(date).timestamp())


def figure(entry: dict | None, digits: int, reference: int) -> str:
    """Return ``value,age``: SI value at ``digits`` significant digits and age in s at the snapshot; empty if absent."""
    if entry is None:
        return ","
    value = float(entry["value"]) * SCALE[entry.get("unit", "")]
    return f"{value:.{digits}g},{reference - seconds(entry['date'])}"


def snapshot_lines(name: str, properties: dict, source: str) -> list[str]:
    """Return the table's lines for one snapshot."""
    now = seconds(properties["last_update_date"])
    lines = [f"S,{name},{now},{len(properties['qubits'])},{properties['backend_version']},{source}"]
    for index, qubit in enumerate(properties["qubits"]):
        by_name = {entry["name"]: entry for entry in qubit}
        lines.append(f"Q,{index}," + ",".join(figure(by_name.get(n), d, now) for n, d in FIGURES))
    for gate in properties["gates"]:
        if len(gate["qubits"]) == 2 and gate["gate"] in {"cx", "ecr", "cz"}:
            by_name = {entry["name"]: entry for entry in gate["parameters"]}
            first, second = gate["qubits"]
            both = figure(by_name.get("gate_error"), 4, now), figure(by_name.get("gate_length"), 4, now)
            lines.append(f"G,{gate['gate']},{first},{second}," + ",".join(both))
    return lines


def read_wheel(path: Path) -> dict[tuple[str, int], list[str]]:
    """Return the snapshots of one wheel by (backend, time)."""
    package, version = path.name.split("-")[:2]
    found: dict[tuple[str, int], list[str]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.namelist()):
            name = re.search(r"/props_(\w+)\.json$", member)
            if name is None or name[1] in LEFT_OUT:
                continue
            properties = json.loads(archive.read(member))
            if len(properties["qubits"]) < MIN_QUBITS:
                continue
            lines = snapshot_lines(name[1], properties, f"{package.replace('_', '-')} {version}")
            found[name[1], int(lines[0].split(",")[2])] = lines
    return found


def notice(sources: list[str]) -> str:
    """Return the text of NOTICE."""
    listed = "\n".join(f"  - {source}, Apache License 2.0" for source in sources)
    return (
        "Mumetal\n\nThis product includes calibration figures of quantum devices published by IBM in the Python\n"
        "packages below (files props_*.json), rounded and put into one table by scripts/make_calibrations.py:\n\n"
        f"{listed}\n\nThe packages are (C) Copyright IBM and the Qiskit contributors.\n\n"
        "The pages carry htmx 4.0.1 (Zero-Clause BSD) and uPlot 1.6.32 (MIT, (C) Leon Sorokin), unchanged, with their licences, in\n"
        "src/mumetal/serve/pages/static/vendor.\n"
    )


def main() -> None:
    """Read the wheels and write the table, its sources and NOTICE."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", nargs="*", type=Path)
    parser.add_argument("--download", action="store_true", help="fetch the releases by name through pip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheels = wheels_from_index(Path(folder)) if arguments.download else arguments.wheels
        if not wheels:
            parser.error("name wheel files, or give --download")
        snapshots: dict[tuple[str, int], list[str]] = {}
        for wheel in sorted(wheels):
            for key, lines in read_wheel(wheel).items():
                snapshots.setdefault(key, lines)
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=9) as packed:
        for key in sorted(snapshots):
            packed.write(("\n".join(snapshots[key]) + "\n").encode())
    if len(raw.getvalue()) > MAX_BYTES:
        sys.exit(f"the table has {len(raw.getvalue())} bytes, more than {MAX_BYTES}")
    TABLE.write_bytes(raw.getvalue())
    sources = sorted({lines[0].rsplit(",", 1)[1] for lines in snapshots.values()})
    NOTICE.write_text(notice(sources))
    rows = "\n".join(
        f"| {lines[0].rsplit(',', 1)[1]} | {name} | {datetime.fromtimestamp(now, UTC):%Y-%m-%d} | {lines[0].split(',')[3]} |"
        for (name, now), lines in sorted(snapshots.items())
    )
    SOURCES.write_text(
        "# Where `calibrations.csv.gz` comes from\n\nMade by `scripts/make_calibrations.py`; Apache-2.0, see NOTICE.\n\n"
        f"| package | backend | date (UTC) | qubits |\n|---|---|---|---|\n{rows}\n"
    )
    print(f"{len(snapshots)} snapshots, {len({k[0] for k in snapshots})} backends, {len(raw.getvalue())} bytes")


if __name__ == "__main__":
    main()
