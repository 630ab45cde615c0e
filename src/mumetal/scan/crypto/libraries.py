"""Libraries of cryptography that lock files pin: pip, poetry, uv, npm, Cargo. Which, in what version, fit or not."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from mumetal.core.errors import BadInputError
from mumetal.scan.crypto.asset import Asset, Verdict, judge_library
from mumetal.scan.dependencies.pins import Pin, pins

MAX_BYTES = 32 * 2**20
MAX_PACKAGES = 50_000


class Library(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One library.

    Args:
        holds: Which cryptography is in it.
        state: ``"maintained"``, or ``"unfit"``: to be replaced whatever it is used for.
        why: Why it is unfit.
        instead: What to use.
        reference: Where that is written.
    """

    holds: str
    state: Literal["maintained", "unfit"] = "maintained"
    why: str = ""
    instead: str = ""
    reference: str = ""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    checked: str
    grade: str
    python: dict[str, Library]
    npm: dict[str, Library]
    cargo: dict[str, Library]


class _Locked(Struct, frozen=True):
    version: str = ""


class _PackageLock(Struct, frozen=True):
    packages: dict[str, _Locked] = {}
    dependencies: dict[str, _Locked] = {}


class _Crate(Struct, frozen=True):
    name: str
    version: str


class _CargoLock(Struct, frozen=True):
    package: tuple[_Crate, ...] = ()


@cache
def libraries() -> dict[tuple[str, str], Library]:
    """Return what is known, by (``"python"``, ``"npm"`` or ``"cargo"``, name)."""
    read = msgspec.toml.decode(files("mumetal.scan.crypto").joinpath("libraries.toml").read_bytes(), type=_File)
    tables = (("python", read.python), ("npm", read.npm), ("cargo", read.cargo))
    return {(kind, name): library for kind, table in tables for name, library in table.items()}


def verdict(asset: Asset) -> Verdict:
    """Judge a library by its asset's name, ``"pypi pycrypto 2.6.1"``."""
    kind, name = [*asset.name.split(" "), ""][:2]
    known = libraries().get(({"pypi": "python"}.get(kind, kind), name))
    return judge_library(asset, known.why if known else "", known.instead if known else "")


def assets(data: bytes, where: str) -> Iterator[Asset]:
    """Yield the libraries of cryptography that a file pins; nothing for a file of another kind.

    Raises:
        BadInputError: Too large, or not what its name says.
    """
    name = where.rsplit("/", 1)[-1].lower()
    if name not in {"package-lock.json", "npm-shrinkwrap.json", "cargo.lock"}:
        for pin in pins(where, data):
            yield from _asset("python", "pypi", pin, where)
        return
    if len(data) > MAX_BYTES:
        raise BadInputError(f"{name} has {len(data)} bytes, more than {MAX_BYTES}", where=where)
    kind = "cargo" if name == "cargo.lock" else "npm"
    for number, (package, version, mark) in enumerate(_cargo(data, where) if kind == "cargo" else _npm(data, where)):
        if number >= MAX_PACKAGES:
            raise BadInputError(f"more than {MAX_PACKAGES} packages are named", where=where)
        if (kind, package) in libraries():
            line = data.count(b"\n", 0, max(0, data.find(mark))) + 1
            yield from _asset(kind, kind, Pin(package=package, version=version, line=line), where)


def _asset(table: str, prefix: str, pin: Pin, where: str) -> Iterator[Asset]:
    library = libraries().get((table, pin.package))
    if library:
        said = re.sub(r"[^A-Za-z0-9.+!-]", "", pin.version)[:40] or (f"below {pin.below}"[:40] if pin.below else "any")
        note = f"{library.holds}{f'; {library.why}' if library.why else ''}"
        name = f"{prefix} {pin.package} {said}"
        yield Asset(kind="library", name=name, use="library", where=where, line=pin.line, note=note)


def _npm(data: bytes, where: str) -> Iterator[tuple[str, str, bytes]]:
    try:
        read = msgspec.json.decode(data, type=_PackageLock)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"cannot be read: {str(error)[:200]}", where=where) from None
    for path, held in (*read.packages.items(), *read.dependencies.items()):
        yield path.rpartition("node_modules/")[2], held.version, f'"{path}"'.encode(errors="replace")


def _cargo(data: bytes, where: str) -> Iterator[tuple[str, str, bytes]]:
    try:
        read = msgspec.toml.decode(data, type=_CargoLock)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"cannot be read: {str(error)[:200]}", where=where) from None
    for crate in read.package:
        yield crate.name, crate.version, f'name = "{crate.name}"'.encode(errors="replace")
