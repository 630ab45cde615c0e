"""Things said once when they begin and once when they end, not once per sample."""

from dataclasses import dataclass, replace

from mumetal.core.finding import Finding


@dataclass(slots=True, kw_only=True)
class Sighting:
    """A finding that is out, when it was last seen and how often."""

    finding: Finding
    last_ns: int
    times: int = 1


class Ongoing:
    """Findings that are out, by key.

    Args:
        hold_ns: How long after the last sighting it counts as the same, nanoseconds of the data's time.
    """

    saved = ("_known",)
    unsaved = ("_hold",)

    def __init__(self, hold_ns: int) -> None:
        self._hold = hold_ns
        self._known: dict[tuple[str, ...], Sighting] = {}

    def seen(self, key: tuple[str, ...], finding: Finding) -> list[Finding]:
        """Return ``[finding]`` when it is new, nothing when it merely goes on."""
        entry = self._known.get(key)
        if entry is not None:
            entry.last_ns = max(entry.last_ns, finding.stop_ns)
            entry.times += 1
            return []
        self._known[key] = Sighting(finding=finding, last_ns=finding.stop_ns)
        return [finding]

    def gone(self, key: tuple[str, ...]) -> list[Finding]:
        """Close one at once and return its last version."""
        entry = self._known.pop(key, None)
        return [] if entry is None else [_closed(entry)]

    def pass_time(self, now_ns: int, ending: tuple[str, ...] = ()) -> list[Finding]:
        """Close what was not seen for the hold time, among keys that end with ``ending``."""
        over = [key for key, entry in self._known.items() if key[1:] == ending and now_ns - entry.last_ns > self._hold]
        return [f for key in over for f in self.gone(key)]

    def __contains__(self, key: object) -> bool:
        return key in self._known


def _closed(entry: Sighting) -> Finding:
    finding = entry.finding
    if entry.times == 1:
        return replace(finding, stop_ns=max(finding.stop_ns, entry.last_ns))
    seconds = (entry.last_ns - finding.start_ns) / 1e9
    detail = f"{finding.detail} It was seen {entry.times} times over {seconds:.0f} s and is over."
    return replace(finding, stop_ns=max(finding.stop_ns, entry.last_ns), detail=detail[:4_000])
