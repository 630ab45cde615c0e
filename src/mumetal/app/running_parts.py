"""Runs the parts that are open: starts and stops them, does their tasks, shows them the records, asks how they are.

What a part of another package raises leaves that part out from then on, and is told as a finding; what one of ours raises
stops the stack aloud. A part of another package is called in a thread of its own, one call after another, and nobody waits
for it but a start and a stop, for a few seconds: one that does not answer for PATIENCE_S is left out as well.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mumetal.access.api import whole_stack_scope
from mumetal.app.ending import Ending
from mumetal.app.left_out import left_out
from mumetal.app.opened import OpenedPart, stop_part
from mumetal.core import check
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding, Severity
from mumetal.core.logs import RoomLogger
from mumetal.core.part import Health, HealthState, Idle, Part, Running, Task
from mumetal.core.records import RecordLog
from mumetal.core.subject import Subject, SubjectKind

AGENT = "mumetal.parts"
HEALTH_S = 60.0
PATIENCE_S = 300.0  # of the clock: where time stands still for a call, the call is not late
START_S = 10.0  # so long a start waits for a guest's, in real time; it may go on after that
_log = RoomLogger("app")


@dataclass(slots=True, kw_only=True)
class _One:
    part: Part
    running: Running
    ours: bool
    next_s: dict[str, float] = field(default_factory=dict)
    health: HealthState = HealthState.GOOD
    out: bool = False
    asked_s: float = 0.0
    called: threading.Thread | None = None
    since_s: float = 0.0

    @property
    def busy(self) -> bool:
        """Whether a call of it has not ended."""
        return self.called is not None and self.called.is_alive()

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
        self._leaving = threading.Lock()
        self._ending = Ending()
        for one in self._each:
            self._ending.then(partial(self._stop, one))
            one.asked_s = self._now_s()
            one.next_s = {task.task_id: one.asked_s + task.every_s for task in one.part.tasks}

    def start(self) -> None:
        """Start every part, in order."""
        for one in self._each:
            self._call(one, [partial(self._start, one)])  # looked up where it is called: a guest's look-up may fail
            if one.called is not None:
                one.called.join(START_S)

    def stop(self) -> None:
        """Stop every part once, the last first; one that fails or does not end keeps no other from stopping."""
        self._ending.run()

    def run_due(self) -> None:
        """Do what is due: tasks, records that were not shown yet, and each minute the question how they are."""
        for one in self._each:
            if one.out:
                continue
            if not one.busy:
                self._call(one, self._due(one))
            elif self._now_s() - one.since_s >= PATIENCE_S:
                self._leave_out(one, f"did not answer for {PATIENCE_S:.0f} s")

    def _due(self, one: _One) -> list[Callable[[], object]]:
        now_s = self._now_s()
        calls: list[Callable[[], object]] = [partial(self._do, one, task) for task in one.due(now_s)]
        if one.follows:
            calls.append(partial(self._show, one))
        if now_s - one.asked_s >= HEALTH_S:
            one.asked_s = now_s
            calls.append(partial(self._ask, one))
        return calls

    def _call(self, one: _One, calls: Sequence[Callable[[], object]]) -> None:
        """Call one of ours here and now; a guest in a thread of its own, which nobody has to wait for."""
        if one.ours:
            for call in calls:
                call()
        elif calls:
            one.since_s = self._now_s()
            one.called = self._clock.thread(partial(self._call_guest, one, calls), f"part {one.part.part_id}")
            one.called.start()

    def _call_guest(self, one: _One, calls: Sequence[Callable[[], object]]) -> None:
        try:
            for call in calls:
                if one.out:
                    return
                one.since_s = self._now_s()
                call()
        except BaseException as error:  # noqa: BLE001 - the thread is the guest's alone
            self._leave_out(one, f"raised {type(error).__name__}", error)

    def _leave_out(self, one: _One, did: str, error: BaseException | None = None) -> None:
        with self._leaving:  # a call may fail at the very moment when it is given up
            if one.out:
                return
            one.out = True
        if error is None:
            _log.error("part.blocked", part=one.part.part_id, reason=did)
        else:
            _log.failure("part.failed", error, part=one.part.part_id)
        self._report(left_out(one.part.part_id, "A part of another package", did, self._clock.now_ns()))

    def _stop(self, one: _One) -> None:
        given_up = one.out and one.busy
        stop_part(one.part, one.running, self._clock, ours=one.ours, wait=not given_up)

    @staticmethod
    def _start(one: _One) -> None:
        one.running.start()

    def _do(self, one: _One, task: Task) -> None:
        for finding in one.running.run(task.task_id):
            if one.out:
                return
            if not isinstance(finding, Finding):
                raise TypeError("a task finds findings")
            self._report(finding)

    def _show(self, one: _One) -> None:
        reader = f"part.{one.part.part_id}"
        cursor = self._log.cursor(self._scope, reader)
        if self._log.missed(self._scope, cursor):
            self._tell(one, "records were dropped before it had read them", "Keep records for longer.", Severity.MEDIUM)
        for record in self._log.after(self._scope, cursor):
            one.since_s = self._now_s()
            one.running.follow(record)
            if one.out:
                return
            cursor = record.sequence
        self._log.advance(self._scope, reader, cursor)

    def _ask(self, one: _One) -> None:
        health: Health = one.running.health()
        if one.out:
            return
        state = HealthState(health.state)  # a guest may say it in plain text
        if state is not one.health and state is not HealthState.GOOD:
            lag = f", {health.lag_s:.0f} s behind" if health.lag_s else ""
            grave = Severity.HIGH if state is HealthState.FAILED else Severity.MEDIUM
            self._tell(one, check.readable(f"{health.reason or state}{lag}"), check.readable(health.mend), grave)
        one.health = state

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
