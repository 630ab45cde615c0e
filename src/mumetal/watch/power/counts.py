"""Lines of the ledger for techniques that show in counts, in pairs of qubits and in records of acts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mumetal.core.event import Event
from mumetal.core.technique import Conditions, Power
from mumetal.watch.authored.commits import CommitMonitor
from mumetal.watch.covert.export import EXPORT, POLL, VOLUME, ExportWatch
from mumetal.watch.covert.misreport import CANARY, CanaryWitness
from mumetal.watch.covert.power_leakage import PowerLeakage
from mumetal.watch.covert.readout_correlation import ReadoutCorrelation, residual_channels
from mumetal.watch.covert.reset_leakage import ResetLeakage, handover_channels
from mumetal.watch.power.answers import PASSIVE
from mumetal.watch.power.facts import CalibrationFacts, StreamFacts

CAUGHT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """What a device's records of acts had.

    Args:
        device: Device name.
        seconds: From the first record to the last, s.
        exports: Calls that take data out.
        polls: Calls that ask for the state of jobs.
        accounts: How many accounts made either.
    """

    device: str
    seconds: float
    exports: int
    polls: int
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A statement of power, on which device, by whom, with what."""

    device: str
    power: Power
    detector: str
    had: str


def event_facts(device: str, events: Sequence[Event]) -> EventFacts | None:
    """Return what records of acts had; None when there are fewer than two."""
    if len(events) < 2:
        return None
    times = [e.t_ns for e in events]
    exports = [e for e in events if EXPORT.search(e.activity)]
    polls = [e for e in events if POLL.search(e.activity)]
    return EventFacts(
        device=device,
        seconds=(max(times) - min(times)) / 1e9,
        exports=len(exports),
        polls=len(polls),
        accounts=len({e.actor for e in (*exports, *polls)}),
    )


def told(
    technique: str,
    streams: Sequence[StreamFacts],
    calibrations: Sequence[CalibrationFacts],
    events: Sequence[EventFacts],
    *,
    lasting_s: float,
    alarm: float,
) -> list[Told]:
    """Return what these detectors could have seen of a technique, one line a device that carries it."""
    if technique in ResetLeakage.info.techniques:
        return [x for facts in streams if (x := _reset(technique, facts, lasting_s, alarm))]
    if technique in PowerLeakage.info.techniques:
        return [_leak(technique, facts, lasting_s, alarm) for facts in streams if facts.leaks]
    if technique in ReadoutCorrelation.info.techniques:
        return [x for facts in streams if (x := _readout(technique, facts, lasting_s, alarm))]
    if technique in CommitMonitor.info.techniques:
        written = [_commits(technique, facts, alarm) for facts in calibrations if facts.commits]
        if technique not in CanaryWitness.info.techniques:
            return written
        seen = (_misreport(technique, facts, streams, lasting_s, alarm) for facts in calibrations)
        return [*(x for x in seen if x is not None), *written]
    if technique in ExportWatch.info.techniques:
        return [_export(technique, facts, lasting_s, alarm) for facts in events if facts.accounts]
    return []


def _reset(technique: str, facts: StreamFacts, lasting_s: float, alarm: float) -> Told | None:
    level = {c.name: c.level * c.seen for c in facts.channels}
    qubits = handover_channels(tuple(level))
    if not qubits:
        return None
    names = [c.name for c in facts.channels]
    columns = max(qubits.values(), key=lambda found: level[names[found["shots1"]]])
    shots, ones, quiet = (level[names[columns[k]]] for k in ("shots1", "ones0", "shots0"))
    error = min(max(ones / quiet, 1e-4), 0.49) if quiet > 0 else 0.0
    rows = lasting_s * facts.rate_hz * facts.coverage
    conditions = Conditions(
        samples=rows * shots, noise=error, rate_hz=facts.rate_hz, false_alarm=alarm / len(qubits), power=CAUGHT
    )
    return Told(
        device=facts.device,
        power=ResetLeakage().power(technique, conditions),
        detector=ResetLeakage.info.plugin_id,
        had=f"{facts.stream}: {len(qubits)} qubits, {shots:.4g} first measurements a row after a 1, readout error {error:.2g}",
    )


def _readout(technique: str, facts: StreamFacts, lasting_s: float, alarm: float) -> Told | None:
    columns = residual_channels(tuple(c.name for c in facts.channels))
    moving = [c for c in columns if facts.channels[c].noise > 0]
    if len(moving) < 2:
        return None
    conditions = Conditions(
        samples=lasting_s * facts.rate_hz * facts.coverage, noise=1.0, rate_hz=facts.rate_hz, channels=len(moving),
        false_alarm=alarm, power=CAUGHT,
    )  # fmt: skip
    return Told(
        device=facts.device,
        power=ReadoutCorrelation().power(technique, conditions),
        detector=ReadoutCorrelation.info.plugin_id,
        had=f"{facts.stream}: readout errors of {len(moving)} qubits, {facts.rate_hz:.3g} rows/s",
    )


def _leak(technique: str, facts: StreamFacts, lasting_s: float, alarm: float) -> Told:
    """Say what would be seen to grow, and what the loudest channel tells already of what is played."""
    conditions = Conditions(
        samples=lasting_s * facts.rate_hz * facts.coverage, noise=1.0, rate_hz=facts.rate_hz,
        channels=len(facts.leaks), false_alarm=alarm, power=CAUGHT,
    )  # fmt: skip
    power = PowerLeakage().power(technique, conditions)
    why, _ = PASSIVE[technique]
    power = replace(power, reason=f"{power.reason}; a leak that grows is seen, {why} and stays invisible")
    most = max(facts.leaks, key=lambda leak: abs(leak.correlation))
    where = f"{facts.stream}/{most.channel}: {facts.rate_hz:.3g} rows/s"
    if not most.certain:
        had = f"{where}, tells nothing of {most.played} that {most.rows:,} rows could show (|ρ| {abs(most.correlation):.2g})"
        return Told(device=facts.device, power=power, detector=PowerLeakage.info.plugin_id, had=had)
    had = (
        f"{where}, tells {most.share:.2g} of the variance of {most.played} (ρ {most.correlation:.2g}, {most.rows:,} rows): "
        f"{most.bits:.2g} bits a row, {most.bits * facts.rate_hz:.2g} bit/s"
    )
    if most.attenuation_db > 0 and not power.blind:
        advice = f"filter {most.channel} by {most.attenuation_db:.0f} dB of power to leave 0.001 bits a row, or keep the channel in"
        power = replace(power, advice="; ".join(a for a in (advice, power.advice) if a))
    return Told(device=facts.device, power=power, detector=PowerLeakage.info.plugin_id, had=had)


def _misreport(
    technique: str, facts: CalibrationFacts, streams: Sequence[StreamFacts], lasting_s: float, alarm: float
) -> Told | None:
    qubits = {m[1] for s in streams if s.device == facts.device for c in s.channels if (m := CANARY.fullmatch(c.name))}
    if not qubits or facts.snapshots < 2 or facts.every_s <= 0:
        return None
    count = math.floor(lasting_s / facts.every_s)
    conditions = Conditions(samples=count, noise=0.0, channels=len(qubits), false_alarm=alarm, power=CAUGHT)
    return Told(
        device=facts.device,
        power=CanaryWitness().power(technique, conditions),
        detector=CanaryWitness.info.plugin_id,
        had=f"canaries on {len(qubits)} qubits, a snapshot every {facts.every_s:.3g} s",
    )


def _commits(technique: str, facts: CalibrationFacts, alarm: float) -> Told:
    conditions = Conditions(
        samples=facts.pulses, noise=1.0, channels=max(1, facts.reported), false_alarm=alarm, power=CAUGHT
    )
    return Told(
        device=facts.device,
        power=CommitMonitor().power(technique, conditions),
        detector=CommitMonitor.info.plugin_id,
        had=f"the newest {facts.commits} commits: {facts.pulses} changed pulses; {facts.reported} lifetimes and fidelities",
    )


def _export(technique: str, facts: EventFacts, lasting_s: float, alarm: float) -> Told:
    calls, what = (facts.exports, "exports") if technique == VOLUME else (facts.polls, "questions for jobs")
    rate = calls / max(facts.seconds, 1.0) / facts.accounts
    conditions = Conditions(samples=lasting_s, noise=1.0, rate_hz=rate, false_alarm=alarm, power=CAUGHT)
    return Told(
        device=facts.device,
        power=ExportWatch().power(technique, conditions),
        detector=ExportWatch.info.plugin_id,
        had=f"events: {calls} {what} by {facts.accounts} accounts within {facts.seconds:.4g} s",
    )
