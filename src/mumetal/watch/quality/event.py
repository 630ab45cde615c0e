"""Rules for records of acts: dated in the future, the same id with another content."""

from collections import OrderedDict
from collections.abc import Iterator

from mumetal.core.event import Event
from mumetal.core.finding import Severity
from mumetal.core.ports import PluginInfo
from mumetal.watch.quality.breach import Breach

CONFLICT = PluginInfo(plugin_id="watch.quality.duplicate", title="One record id with two contents")
EVENT_AHEAD = PluginInfo(plugin_id="watch.quality.event_ahead", title="Records are dated in the future")
INFOS = (CONFLICT, EVENT_AHEAD)
REMEMBERED = 10_000


class EventRules:
    """Checks records of one device.

    Args:
        skew_s: Difference between two clocks that is a finding, s.
    """

    saved = ("_known",)
    unsaved = ("_skew",)

    def __init__(self, skew_s: float) -> None:
        self._skew = skew_s
        self._known: OrderedDict[str, tuple[int, str, str]] = OrderedDict()

    def check(self, event: Event, now_ns: int) -> Iterator[Breach]:
        """Yield what is wrong with one record that arrived at ``now_ns``."""
        ahead = (event.t_ns - now_ns) / 1e9
        if ahead > self._skew:
            yield Breach(
                info=EVENT_AHEAD,
                start_ns=event.t_ns,
                stop_ns=event.t_ns + 1,
                detail=f"Record {event.event_id[:80]!r} is {ahead:.1f} s ahead of this machine's clock.",
                severity=Severity.MEDIUM,
                remedy="Check the clock of the machine that writes the log; order in time cannot be relied on.",
            )
        content = (event.t_ns, event.activity, event.actor)
        before = self._known.get(event.event_id)
        if before is not None and before != content:
            yield Breach(
                info=CONFLICT,
                start_ns=event.t_ns,
                stop_ns=event.t_ns + 1,
                detail=f"Record {event.event_id[:80]!r} came as {before[1][:80]!r} and as {event.activity[:80]!r}.",
                severity=Severity.HIGH,
                confidence=0.9,
                remedy="Compare the log with its off-site copy: a record may have been rewritten.",
            )
        self._known[event.event_id] = content
        self._known.move_to_end(event.event_id)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
