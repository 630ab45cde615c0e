"""Of what a scan of changed files found, only what the change brought.

Files are scanned whole, so that a rule that looks at several lines sees them all. A finding counts as brought when its line
is new, or when the file did not have it where the change began: a source of foreign bytes added above an old ``loads``, a
cell of a notebook, a member of an archive. The file as it was is scanned only where that question is open.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mumetal.core.clock import Clock
from mumetal.core.ports import Scanner
from mumetal.scan import scanning
from mumetal.scan.report.entry import Entry
from mumetal.scan.report.outcome import Outcome
from mumetal.scan.sources.changes import Changes, Delta


def only_brought(
    outcome: Outcome, changed: Iterable[tuple[str, Changes]], looking: Sequence[Scanner], clock: Clock
) -> Outcome:
    """Return the outcome without what was there before.

    Args:
        outcome: Of a scan of the changed files as they are now.
        changed: The changes, each with what stands before its paths in findings.
        looking: The scanners that looked.
        clock: For scanning the files as they were.
    """
    if not outcome.entries:
        return outcome
    deltas = {
        f"{prefix}{name}": (source, delta) for prefix, source in changed for name, delta in source.deltas().items()
    }
    by_file: dict[str, list[Entry]] = {}
    for entry in outcome.entries:
        by_file.setdefault(_file_of(entry.path, deltas), []).append(entry)
    kept: set[str] = set()
    for name, entries in by_file.items():
        source, delta = deltas.get(name, (None, None))
        new = [e for e in entries if delta is None or _on_a_new_line(e, name, delta)]
        kept |= {e.fingerprint for e in new}
        rest = [e for e in entries if e.fingerprint not in kept]
        if rest and source is not None and delta is not None:
            had = Counter(e.alike for e in _before(source, delta, looking, clock))
            for entry in rest:
                if had[entry.alike] <= 0:
                    kept.add(entry.fingerprint)
                had[entry.alike] -= 1
    return replace(outcome, entries=tuple(e for e in outcome.entries if e.fingerprint in kept))


def _file_of(path: str, known: dict[str, tuple[Changes, Delta]]) -> str:
    """Return the file that a path lies in; members of archives and cells of notebooks name theirs first."""
    for mark in ("!", "#"):
        if path not in known:
            path = path.partition(mark)[0]
    return path


def _on_a_new_line(entry: Entry, name: str, delta: Delta) -> bool:
    if not delta.before:
        return True
    return entry.path == name and entry.place is not None and delta.adds(entry.place.line)


def _before(source: Changes, delta: Delta, looking: Sequence[Scanner], clock: Clock) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for artefact in source.before(delta):
        entries += scanning.scan(scanning.Given(artefact), looking, clock=clock).entries
    return tuple(entries)
