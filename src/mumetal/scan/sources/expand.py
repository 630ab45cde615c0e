"""Takes apart what holds other artefacts: notebooks by cell, archives by member, jobs by part, to a bounded depth."""

from collections.abc import Iterator

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.formats import qpy
from mumetal.scan.sources.archive import Budget, kind_of, members
from mumetal.scan.sources.limits import Limits, Report
from mumetal.scan.sources.notebook import cells
from mumetal.scan.sources.payload import is_payload, metadata, parts

_MAX_NESTED = 4  # archives within archives


def is_plain(artefact: Artefact) -> bool:
    """Whether it holds no other artefacts."""
    return not (artefact.uri.endswith(".ipynb") or kind_of(artefact.data) or _has_parts(artefact))


def _has_parts(artefact: Artefact) -> bool:
    """Whether it is a job's payload or a QPY; both are looked into as they are, and then part by part."""
    if artefact.kind == "payload" or qpy.is_qpy(artefact.data):
        return True
    return artefact.uri.endswith(".json") and is_payload(artefact.data)


def expanded(
    artefact: Artefact, limits: Limits, report: Report, budget: Budget | None = None, depth: int = 0
) -> Iterator[Artefact]:
    """Yield the artefact, or what it holds.

    Args:
        artefact: What a source read.
        limits: Bounds.
        report: Told what is left out, and why.
        budget: What may still be unpacked; made anew when not given.
        depth: How many archives this one lies in.
    """
    if artefact.uri.endswith(".ipynb"):
        yield from cells(artefact, report)
        return
    if not kind_of(artefact.data):
        yield artefact
        if qpy.is_qpy(artefact.data):
            yield from metadata(artefact, report)
        elif _has_parts(artefact):
            yield from _payload(artefact, limits, report, budget, depth)
        return
    if depth >= _MAX_NESTED:
        report(Quarantined.of(artefact.uri, f"an archive inside {_MAX_NESTED} others: not read"))
        return
    left = budget or Budget(left=limits.unpacked, members=limits.members)
    for member in members(artefact, limits, left, report):
        yield from expanded(member, limits, report, left, depth + 1)


def _payload(
    artefact: Artefact, limits: Limits, report: Report, budget: Budget | None, depth: int
) -> Iterator[Artefact]:
    if artefact.data[:64].lstrip()[:1] not in {b"{", b"["}:
        return
    if depth >= _MAX_NESTED:
        report(Quarantined.of(artefact.uri, f"a payload inside {_MAX_NESTED} others: not taken apart"))
        return
    left = budget or Budget(left=limits.unpacked, members=limits.members)
    for part in parts(artefact, limits, left, report):
        yield from expanded(part, limits, report, left, depth + 1)
