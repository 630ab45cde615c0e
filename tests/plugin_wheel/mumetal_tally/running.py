"""What runs of the part: it performs its verbs and its task."""

from collections.abc import Sequence

from mumetal.core.act import Act, ActState, Outcome
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding, Severity
from mumetal.core.part import House, Idle
from mumetal.core.ports import Decision
from mumetal.core.subject import Subject, SubjectKind

from .settings import TallySettings
from .tables import Counts


class TallyRunning(Idle):
    """Resets counts and takes that back.

    Args:
        counts: What was counted.
        settings: What must not be done.
        clock: Time.
    """

    def __init__(self, counts: Counts, settings: TallySettings, clock: Clock) -> None:
        self.counts, self._settings, self._clock = counts, settings, clock
        self._told: set[tuple[str, str]] = set()

    def perform(self, act: Act, decision: Decision) -> Outcome:
        """Reset a device, or take a reset back."""
        if act.verb == "tally.reset":
            self.counts.reset(act.tenant, act.subject.device, act.act_id)
            said, undo = f"{act.subject.device} counts from zero", (("act", act.act_id),)
            return Outcome(act_id=act.act_id, state=ActState.DONE, said=said, undo=undo)
        if act.verb == "tally.restore":
            self.counts.restore(act.tenant, act.parameter("act"))
            return Outcome(act_id=act.act_id, state=ActState.DONE, said="what was set aside counts again")
        return super().perform(act, decision)

    def run(self, task_id: str) -> Sequence[Finding]:
        """Tell once of each device to which too much is done."""
        assert task_id == "tally.flood"
        busy = [b for b in self.counts.busy(self._settings.flood) if b[:2] not in self._told]
        self._told |= {(tenant, device) for tenant, device, _ in busy}
        now = self._clock.now_ns()
        return [
            Finding(
                tenant=tenant,
                subject=Subject(kind=SubjectKind.DEVICE, name=device, device=device),
                rule="tally.flood",
                title=f"{n} events on {device}",
                start_ns=now,
                stop_ns=now,
                severity=Severity.HIGH,
                confidence=1.0,
            )
            for tenant, device, n in busy
        ]


def open_tally(house: House) -> TallyRunning:
    """Open the part."""
    assert isinstance(house.settings, TallySettings)
    return TallyRunning(Counts(house.tables), house.settings, house.clock)
