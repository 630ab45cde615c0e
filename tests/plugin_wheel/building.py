"""Builds a wheel of pure Python and unpacks one, as a build backend and an installer do it (PEP 427): no network, no tool."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parent / "mumetal_tally"
GROUPS: Mapping[str, Mapping[str, str]] = {
    "mumetal.parts": {"tally": "mumetal_tally.part:PART"},
    "mumetal.detectors": {"tally.distance": "mumetal_tally.detector:TallyDistance"},
    "mumetal.causes": {"tally.drill": "mumetal_tally.cause:DRILL"},
    "mumetal.sources": {"tallylog": "mumetal_tally.source:FACTORY"},
}


def build_wheel(
    folder: Path, name: str, files: Mapping[str, str | bytes], groups: Mapping[str, Mapping[str, str]]
) -> Path:
    """Write ``NAME-1.0-py3-none-any.whl``.

    Args:
        folder: Where.
        name: Of the package.
        files: What it holds, by path.
        groups: Its entry points.
    """
    info = f"{name}-1.0.dist-info"
    points = "\n".join(
        f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for g, entries in groups.items()
    )
    whole: dict[str, bytes] = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    whole |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: mumetal-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points.encode(),
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, data in whole.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow((path, f"sha256={digest}", len(data)))
    rows.writerow((f"{info}/RECORD", "", ""))
    made = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in {**whole, f"{info}/RECORD": record.getvalue().encode()}.items():
            wheel.writestr(path, data)
    return made


def tally_wheel(folder: Path) -> Path:
    """Build the part `tally`."""
    files = {f"mumetal_tally/{p.name}": p.read_bytes() for p in sorted(SOURCE.glob("*.py"))}
    return build_wheel(folder, "mumetal_tally", files, GROUPS)


def unpack(wheel: Path, site: Path) -> Path:
    """Put a wheel's files where Python looks for packages; returns ``site``."""
    with zipfile.ZipFile(wheel) as whole:
        for path in whole.namelist():
            assert not path.startswith("/")
            assert ".." not in path
        whole.extractall(site)
    return site
