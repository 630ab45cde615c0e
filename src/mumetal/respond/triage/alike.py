"""Incidents that are one for other reasons than a shared place: what comes again, and what comes on many devices at once."""

from collections import OrderedDict
from typing import TypeVar

from mumetal.respond.triage.group import Trace

INSTANT_NS = 2 * 10**9  # the same thing on two devices so near in time has one cause
PLACES = (
    2  # channels of one stream on which the same rule is news; on more of them something befell the stream as a whole
)
MAX_KEPT = 20_000
Key = tuple[str, ...]
T = TypeVar("T")


class Alike:
    """Remembers the incident that each thing last began, by place and by kind.

    Args:
        join_ns: How near in time the same thing on many devices is one, ns.
        repeat_ns: How long after it began the same thing in the same place is the same incident, ns; 0 for never.
        storm: On so many devices the same thing is one incident; 0 for never.
    """

    def __init__(self, join_ns: int, repeat_ns: int, storm: int) -> None:
        self._join_ns, self._repeat_ns, self._storm = join_ns, repeat_ns, storm
        self._places: OrderedDict[Key, tuple[int, str]] = OrderedDict()
        self._kinds: OrderedDict[Key, list[tuple[int, str, str]]] = OrderedDict()
        self._rules: OrderedDict[Key, list[tuple[int, str]]] = OrderedDict()

    def begun(self, trace: Trace, tenant: str, incident_id: str) -> None:
        """Note that a finding began an incident, or joined it as what comes on another device."""
        _put(self._places, _place(trace, tenant), (trace.start_ns, incident_id))
        rule = _rule(trace, tenant)
        _put(self._rules, rule, [*self._rules.get(rule, []), (trace.start_ns, incident_id)][-PLACES:])
        if not trace.explained:
            kind = _kind(trace, tenant)
            near = [one for one in self._kinds.get(kind, []) if trace.start_ns - one[0] <= self._join_ns]
            _put(self._kinds, kind, [*near[-self._storm :], (trace.start_ns, trace.device, incident_id)])

    def again(self, trace: Trace, tenant: str) -> str:
        """Return the incident that the same thing in the same place began lately; empty when there is none."""
        begun_ns, incident_id = self._places.get(_place(trace, tenant), (0, ""))
        return incident_id if self._lately(trace, begun_ns) else ""

    def widely(self, trace: Trace, tenant: str) -> str:
        """Return the incident that the same rule began lately on enough other channels of the stream; empty when there is none."""
        begun = self._rules.get(_rule(trace, tenant), [])
        return begun[0][1] if len(begun) == PLACES and self._lately(trace, begun[0][0]) else ""

    def _lately(self, trace: Trace, begun_ns: int) -> bool:
        return bool(self._repeat_ns) and 0 <= trace.start_ns - begun_ns <= self._repeat_ns

    def elsewhere(self, trace: Trace, tenant: str) -> list[str]:
        """Return the incidents that the same thing began on other devices about now, if they are enough to be one."""
        if trace.explained or trace.device == "-" or not self._storm:
            return []
        found = [
            (abs(trace.start_ns - t_ns), device, incident_id)
            for t_ns, device, incident_id in self._kinds.get(_kind(trace, tenant), [])
            if device != trace.device and abs(trace.start_ns - t_ns) <= self._join_ns
        ]
        storm = len({device for _, device, _ in found}) + 1 >= self._storm
        return list(dict.fromkeys(i for gap_ns, _, i in found if storm or gap_ns <= INSTANT_NS))


def _place(trace: Trace, tenant: str) -> Key:
    return (tenant, trace.device, trace.stream, trace.lead or trace.rule)


def _rule(trace: Trace, tenant: str) -> Key:
    return (tenant, trace.device, trace.stream, trace.rule)


def _kind(trace: Trace, tenant: str) -> Key:
    return (tenant, trace.rule, trace.stream)


def _put(kept: "OrderedDict[Key, T]", key: Key, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)
