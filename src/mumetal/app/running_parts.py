"""Runs the parts that are open: starts and stops them, does their tasks, shows them the records, asks how they are.

What a part of another package raises leaves that part out from then on, and is told as a finding; what one of ours raises
stops the stack aloud.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mumetal.access.api import whole_stack_scope
from mumetal.app.left_out import left_out
from mumetal.app.opened import STOP_S, OpenedPart
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding, Severity
from mumetal.core.logs import RoomLogger
from mumetal.core.part import Health, HealthState, Idle, Part, Running, Task
from mumetal.core.records import RecordLog
from mumetal.core.subject import Subject, SubjectKind

AGENT = "mumetal.parts"
HEALTH_S = 60.0
_log = RoomLogger("app")


@dataclass(slots=True, kw_only=True)
class _One:
    part: Part
    running: Running
    ours: bool
    next_s: dict[str, float] = field(default_factory=dict)
    health: HealthState = HealthState.GOOD
    out: bool = False

    @property
    def follows(self) -> bool:
        return getattr(type(self.running), "follow", None) is not Idle.follow

    def due(self, now_s: float) -> list[Task]:
        """Return the tasks that are due, and set when each is due again."""
        found = [task for task in self.part.tasks if now_s >= self.next_s[task.task_id]]
        self.next_s |= {task.task_id: now_s + task.every_s for task in found}
        return found


class RunningParts:
    """What runs of all parts.

    Args:
        opened: The parts.
        report: Takes what they find.
        log: The records they follow.
        clock: Time.
        own: Ids of the package's own parts.
    """

    def __init__(
        self,
        opened: Sequence[OpenedPart],
        report: Callable[[Finding], None],
        log: RecordLog,
        clock: Clock,
        own: Sequence[str],
    ) -> None:
        self._report, self._log, self._clock = report, log, clock
        self._scope = whole_stack_scope(AGENT)
        self._each = [
            _One(part=o.part, running=o.running, ours=o.part.part_id in own) for o in opened if o.running is not None
        ]
        for one in self._each:
            one.next_s = {task.task_id: self._now_s() + task.every_s for task in one.part.tasks}
        self._asked_s = self._now_s()

    def start(self) -> None:
        """Start every part, in order."""
        for one in self._each:
            self._guarded(one, one.running.start)

    def stop(self) -> None:
        """Stop every part, the last first; one that fails keeps no other from stopping."""
        failed: list[BaseException] = []
        for one in reversed(self._each):
            try:
                one.running.stop(STOP_S)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - each is stopped; the first failure is raised after
                _log.failure("part.failed", error, part=one.part.part_id)
                failed += [error] if one.ours else []
        if failed:
            raise failed[0]

    def run_due(self) -> None:
        """Do what is due: tasks, records that were not shown yet, and each minute the question how they are."""
        now_s = self._now_s()
        asks = now_s - self._asked_s >= HEALTH_S
        self._asked_s = now_s if asks else self._asked_s
        for one in self._each:
            for task in one.due(now_s):
                self._guarded(one, partial(self._do, one, task))
            if one.follows:
                self._guarded(one, partial(self._show, one))
            if asks:
                self._guarded(one, partial(self._ask, one))

    def _guarded(self, one: _One, call: Callable[[], object]) -> None:
        if one.out:
            return
        try:
            call()
        except (Exception, SystemExit) as error:
            if one.ours:
                raise
            one.out = True
            _log.failure("part.failed", error, part=one.part.part_id)
            self._report(left_out(one.part.part_id, "A part of another package", error, self._clock.now_ns()))

    def _do(self, one: _One, task: Task) -> None:
        for finding in one.running.run(task.task_id):
            if not isinstance(finding, Finding):
                raise TypeError("a task finds findings")
            self._report(finding)

    def _show(self, one: _One) -> None:
        reader = f"part.{one.part.part_id}"
        cursor = self._log.cursor(self._scope, reader)
        if self._log.missed(self._scope, cursor):
            self._tell(one, "records were dropped before it had read them", "Keep records for longer.", Severity.MEDIUM)
        for record in self._log.after(self._scope, cursor):
            one.running.follow(record)
            cursor = record.sequence
        self._log.advance(self._scope, reader, cursor)

    def _ask(self, one: _One) -> None:
        health: Health = one.running.health()
        if health.state is not one.health and health.state is not HealthState.GOOD:
            lag = f", {health.lag_s:.0f} s behind" if health.lag_s else ""
            grave = Severity.HIGH if health.state is HealthState.FAILED else Severity.MEDIUM
            self._tell(one, f"{health.reason or health.state}{lag}", health.mend, grave)
        one.health = health.state

    def _tell(self, one: _One, why: str, mend: str, severity: Severity) -> None:
        now_ns = self._clock.now_ns()
        self._report(
            Finding(
                subject=Subject(kind=SubjectKind.SOURCE, name=one.part.part_id),
                rule="app.part_unwell",
                title=f"The part {one.part.part_id} is not well",
                detail=why[:4_000],
                remedy=mend[:4_000],
                start_ns=now_ns,
                stop_ns=now_ns,
                severity=severity,
                confidence=1.0,
            )
        )

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
