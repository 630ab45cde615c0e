"""Opens a finding of a scan again: is the file still the one that was seen, and what stands there now, masked."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.sighting import Sighting
from mumetal.git.repository import Git
from mumetal.scan.place import first_line
from mumetal.scan.report.entry import veiled
from mumetal.scan.scanning import scanners as scanners_of
from mumetal.scan.secrets.scanner import SecretScanner
from mumetal.scan.settings import ScanSettings
from mumetal.scan.sources.limits import Limits as ScanLimits
from mumetal.scan.sources.limits import silent as silent_scan
from mumetal.scan.sources.named import named_blob, named_file

AROUND = 2


class Now(Struct, frozen=True, kw_only=True):
    """What is there now.

    Args:
        same: Whether the bytes are those that were seen.
        said: The same, in one sentence.
        lines: Number and masked text of the lines around the place; empty when the file changed or is gone.
    """

    same: bool
    said: str
    lines: tuple[tuple[int, str], ...] = ()


def look_again(seen: Sighting, root: Path, chosen: ScanSettings) -> Now:
    """Return what stands at a finding's place now; reads only that one file or blob, below ``root``."""
    if seen.mode == "stream":
        return Now(same=False, said="it came from a stream that is not kept; only the masked line is")
    try:
        found = [a for a in _artefacts(seen, root, chosen) if a.uri == seen.path]
    except (BadInputError, UnavailableError, OSError) as error:
        return Now(same=False, said=f"the place cannot be opened from {root}: {error}")
    if not found:
        return Now(same=False, said=f"it is not below {root} any more")
    exact = next((a for a in found if hashlib.sha256(a.data).hexdigest() == seen.digest), None)
    if exact is None:
        return Now(same=False, said="the file changed since; scan again")
    return Now(same=True, said="the bytes are those that were seen", lines=tuple(_around(exact, seen.line)))


def _artefacts(seen: Sighting, root: Path, chosen: ScanSettings) -> Iterator[Artefact]:
    limits = ScanLimits(file_bytes=chosen.max_file_mib * 2**20)
    outer = seen.path.partition("!")[0]
    if seen.mode == "history":
        return named_blob(Git(root), outer.partition("#")[0], limits, silent_scan)
    outer = outer.partition("#")[0] if ".ipynb#" in outer else outer
    return named_file(root, outer, limits, silent_scan)


def _around(artefact: Artefact, line: int) -> Iterator[tuple[int, str]]:
    first = first_line(artefact)
    lines = _without_secrets(artefact).split(b"\n")
    end = first + len(lines) - (not lines[-1])
    for number in range(max(first, line - AROUND), min(end, line + AROUND + 1)):
        yield number, veiled(lines[number - first].decode(errors="replace"))[:400]


def _without_secrets(artefact: Artefact) -> bytes:
    """Return the bytes with every secret that the rules know masked, on as many lines as before."""
    scanner = scanners_of(("secrets",))[0]
    assert isinstance(scanner, SecretScanner)
    out, at = bytearray(), 0
    for hit in scanner.hits(artefact):
        value = artefact.data[hit.start : hit.stop]
        out += artefact.data[at : hit.start] + value[: min(4, len(value) // 4)].split(b"\n")[0] + "…".encode()
        out += b"\n" * value.count(b"\n")
        at = hit.stop
    return bytes(out + artefact.data[at:])
