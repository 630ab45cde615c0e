"""Fetch real firmware, by package name, into a folder outside the project: what ``mumetal bench trust`` measures on.

    python scripts/fetch_firmware.py FOLDER [--sources APT_SOURCES_LIST]

Python packages come through pip, Debian packages through ``apt-get download``. With ``--sources`` (an apt sources list
that names several suites) every version of those suites is fetched and apt keeps its own lists inside FOLDER, so that
the machine's settings stay as they are. Images land in ``FOLDER/images/FAMILY/VERSION/…``.
"""

import argparse
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

QICK = ("0.2.132", "0.2.300", "0.2.350", "0.2.400", "0.2.436")
WHEELS = {"qick": QICK, "linien-server": ("",), "pyrpl": ("",)}
DEBIAN = (
    "seabios",
    "opensbi",
    "u-boot-qemu",
    "firmware-ath9k-htc",
    "hackrf-firmware",
    "ipxe-qemu",
    "ovmf",
    "qemu-efi-aarch64",
)
IMAGES = {".bit", ".hwh", ".bin", ".elf", ".fw", ".rom", ".fd", ".dtb", ".efirom", ".dfu", ".itb"}


def wheels(folder: Path) -> None:
    """Fetch the Python packages and take the images out."""
    if importlib.util.find_spec("pip") is None:
        print("not fetched: the Python packages, as this Python has no pip; run it with one that has", file=sys.stderr)
        return
    for name, versions in WHEELS.items():
        for version in versions:
            wanted = f"{name}=={version}" if version else name
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder / "wheels"), wanted]
            if subprocess.run(command, check=False).returncode:
                print(f"not fetched: {wanted}", file=sys.stderr)
    for path in sorted((folder / "wheels").glob("*.whl")):
        family, version = path.name.split("-")[:2]
        with zipfile.ZipFile(path) as wheel:
            for member in wheel.infolist():
                if Path(member.filename).suffix in IMAGES:
                    target = folder / "images" / family / version / Path(member.filename).name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(wheel.read(member))


def apt(folder: Path, sources: Path | None, *words: str) -> list[str]:
    """Return an apt command; with ``sources`` its lists and cache lie inside ``folder``."""
    if sources is None:
        return list(words)
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / "apt" / part).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::Etc::sourcelist": sources.resolve(), "Dir::Etc::sourceparts": "-", "APT::Sandbox::User": "root",
        "Dir::State::lists": (folder / "apt/lists").resolve(), "Dir::Cache": (folder / "apt/cache").resolve(),
    }  # fmt: skip
    return [words[0], *(f"-o{name}={value}" for name, value in settings.items()), *words[1:]]


def debian(folder: Path, sources: Path | None) -> None:
    """Fetch every offered version of the Debian packages and unpack the images."""
    if sources is not None:
        subprocess.run(apt(folder, sources, "apt-get", "update", "-qq"), check=True)
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    for name in DEBIAN:
        said = subprocess.run(apt(folder, sources, "apt-cache", "madison", name), check=True, capture_output=True)
        for version in sorted({line.split("|")[1].strip() for line in said.stdout.decode().splitlines()}):
            command = apt(folder, sources, "apt-get", "download", "-qq", f"{name}={version}")
            if subprocess.run(command, cwd=debs, check=False).returncode:
                print(f"not fetched: {name} {version}", file=sys.stderr)
    for path in sorted(debs.glob("*.deb")):
        family, version = path.name.split("_")[:2]
        unpacked = folder / "unpacked" / f"{family}_{version}"
        unpacked.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg-deb", "-x", str(path), str(unpacked)], check=True)
        for image in sorted(unpacked.rglob("*")):
            if image.is_file() and not image.is_symlink() and (image.suffix in IMAGES or image.name == "u-boot"):
                place = "_".join(image.relative_to(unpacked).parts[-2:])
                target = folder / "images" / family / version.replace("%3a", "~") / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(image.read_bytes())


def main() -> None:
    """Fetch everything."""
    parser = argparse.ArgumentParser(description="Fetch real firmware by package name.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sources", type=Path, help="apt sources list that names several suites")
    chosen = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    if chosen.folder.resolve().is_relative_to(root):
        parser.error("choose a folder outside the project")
    wheels(chosen.folder)
    debian(chosen.folder, chosen.sources)
    count = sum(1 for p in (chosen.folder / "images").rglob("*") if p.is_file())
    print(f"{count} images in {chosen.folder / 'images'}")


if __name__ == "__main__":
    main()
