"""How many streams a tenant may have: whoever may send data could otherwise make names until nothing else gets done."""

import threading
from collections.abc import Callable
from dataclasses import replace

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import Store
from mumetal.core.series import Series
from mumetal.core.subject import Subject, SubjectKind

Name = tuple[str, str]


class Newcomers:
    """Lets new streams in until there are enough of them; those that are known always come in.

    Args:
        store: Which streams there are.
        most: How many a tenant may have.
        report: Takes the finding that there are too many, once for each tenant.
        clock: Time.
    """

    def __init__(self, store: Store, most: int, report: Callable[[Finding], None], clock: Clock) -> None:
        self._store, self._most, self._report, self._clock = store, most, report, clock
        self._known: dict[str, set[Name]] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def admitted(self, delivery: Delivery) -> Delivery:
        """Return the delivery with what is of one stream too many refused."""
        with self._lock:
            known = self._known.get(delivery.tenant)
            if known is None:
                known = self._known[delivery.tenant] = set(self._store.streams(delivery.tenant))
            taken, refused = list[Datum](), dict[Name, None]()
            for datum in delivery.data:
                name = (datum.device, datum.stream if isinstance(datum, Series) else "")
                if name in known or len(known) < self._most:
                    known.add(name)
                    taken.append(datum)
                else:
                    refused[name] = None
            first = bool(refused) and delivery.tenant not in self._told
            if first:
                self._told.add(delivery.tenant)
        if not refused:
            return delivery
        if first:
            self._report(self._finding(delivery, next(iter(refused))))
        now_ns = self._clock.now_ns()
        why = f"a new stream beyond the {self._most} that a tenant may have (store.max_streams)"
        left_out = [Quarantined(where=f"{d}/{s}"[:4_096], reason=why, t_ns=now_ns) for d, s in refused]
        return replace(delivery, data=tuple(taken), quarantined=(*delivery.quarantined, *left_out))

    def _finding(self, delivery: Delivery, name: Name) -> Finding:
        now_ns = self._clock.now_ns()
        return Finding(
            tenant=delivery.tenant,
            subject=Subject(kind=SubjectKind.STORE, name="telemetry"),
            rule="app.too_many_streams",
            title=f"{delivery.source[:100]} sends more streams than may be",
            detail=f"{self._most} streams are known; {name[0][:200]} and what else is new is refused and not watched.",
            remedy="Find out who makes these names; where they are real, raise store.max_streams.",
            start_ns=now_ns,
            stop_ns=now_ns,
            severity=Severity.HIGH,
            confidence=1.0,
        )
