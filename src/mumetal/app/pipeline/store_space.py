"""Room on the disk of the store: new data are refused while there is still enough to say so."""

import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from mumetal.core import check
from mumetal.core.clock import Clock
from mumetal.core.errors import UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Store
from mumetal.core.subject import Subject, SubjectKind

LOOK_S = 1.0
DAY_NS = 86_400 * 10**9
HINT = "free space on the disk of the store, or lower store.reserve_mib"
_log = RoomLogger("app")


class StoreSpace:
    """Looks after the room that the store has.

    Args:
        store: What is compacted.
        folder: Where it lies.
        reserve_mib: What new data leave free for incidents, the ledger and the log, MiB.
        report: Takes the finding that there is no room.
        clock: Time.
    """

    def __init__(
        self, store: Store, folder: Path, reserve_mib: int, report: Callable[[Finding], None], clock: Clock
    ) -> None:
        self._store, self._folder, self._reserve = store, folder, reserve_mib * 2**20
        self._report, self._clock = report, clock
        self._looked_s, self._free = -math.inf, 0
        self._lock = threading.Lock()

    def demand(self) -> None:
        """Check that new data may be written.

        Raises:
            UnavailableError: Less than the reserve is free; it is an incident, once a day.
        """
        now_s = self._clock.monotonic_ns() / 1e9
        with self._lock:
            if now_s - self._looked_s >= LOOK_S:
                self._looked_s, self._free = now_s, shutil.disk_usage(self._folder).free
            free = self._free
        if free >= self._reserve:
            return
        said = f"{free // 2**20} MiB are free, and {self._reserve // 2**20} MiB are kept for what must be written"
        self._tell("serve.disk_full", "The disk of the store is full: no new data are taken", said, Severity.HIGH)
        raise UnavailableError(f"the disk is full: {said}", where=str(self._folder), hint=HINT)

    def compact(self) -> None:
        """Let the store tidy itself up; where it cannot, the watching goes on and it is told."""
        try:
            self._store.maintain(self._clock.now_ns())
        except (OSError, UnavailableError) as error:
            _log.warning("store.maintenance_failed", reason=str(error))
            said = check.readable(str(error))[:4_000]
            self._tell("serve.maintenance_failed", "The store cannot be compacted", said, Severity.UNKNOWN)

    def _tell(self, rule: str, title: str, said: str, severity: Severity) -> None:
        now_ns = self._clock.now_ns()
        self._report(
            Finding(
                subject=Subject(kind=SubjectKind.STORE, name="telemetry"),
                rule=rule,
                title=title,
                detail=said,
                remedy="Free space on the disk of the store; it is tried again by itself.",
                start_ns=now_ns - now_ns % DAY_NS,
                stop_ns=now_ns,
                severity=severity,
                confidence=1.0,
            )
        )
