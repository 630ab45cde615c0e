"""The ledger: for each technique of the catalogue the physical bound, the smallest attack caught, or *blind*."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mumetal.core.technique import Conditions, Power, Technique
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.codes import Codes
from mumetal.watch.covert.timing import timing_channels
from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.power.answers import CANARIES, PASSIVE, Answer, answers_with
from mumetal.watch.power.counts import EventFacts, Told, told
from mumetal.watch.power.facts import CalibrationFacts, ChannelFacts, StreamFacts
from mumetal.watch.power.measured import measured_for

WEEK_S = 604_800.0
CAUGHT = 0.9  # probability with which "caught" is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger.

    Args:
        technique: The technique.
        device: Where; ``"-"`` where no stream of any device shows it.
        power: Smallest caught and bound.
        detector: Who would have caught it; empty where blind.
        had: What there was to see it with, in words.
    """

    technique: Technique
    device: str
    power: Power
    detector: str = ""
    had: str = ""

    @property
    def measured(self) -> str:
        """How near the detector was measured to come to the best test; empty where nobody measured."""
        found = measured_for(self.detector, self.technique.technique_id)
        return "" if found is None else found.told

    @property
    def over_bound(self) -> float:
        """Smallest caught over the smallest that any test could have caught; NaN where either is unknown."""
        known = math.isfinite(self.power.smallest) and self.power.bound > 0
        return self.power.smallest / self.power.bound if known else math.nan


def ledger(
    techniques: Sequence[Technique],
    streams: Sequence[StreamFacts],
    calibrations: Sequence[CalibrationFacts],
    events: Sequence[EventFacts] = (),
    *,
    lasting_s: float,
    alerts_per_week: float,
    codes: Codes | None = None,
) -> tuple[Entry, ...]:
    """Return one entry per technique and device that could show it, and one where none can.

    Args:
        techniques: The catalogue.
        streams: What each stream had.
        calibrations: What each device's calibrations had.
        events: What each device's records of acts had.
        lasting_s: How long an attack is taken to last, s.
        alerts_per_week: False alerts a week that a detector may raise.
        codes: Pulse timing codes of the lab's own that are looked for.

    Returns:
        Entries in the order of the catalogue: those that see, then those that are blind, never none.
    """
    alarm = min(0.1, alerts_per_week / max(1.0, WEEK_S / lasting_s))
    out: list[Entry] = []
    for technique in techniques:
        known = told(technique.technique_id, streams, calibrations, events, lasting_s=lasting_s, alarm=alarm)
        found = [
            *_live(technique, answers_with(codes), streams, lasting_s, alarm),
            *_calibrated(technique, calibrations, alarm),
            *(_counted(technique, line) for line in known),
        ]
        out += found or [_blind(technique, alarm)]
    return tuple(out)


def _live(
    technique: Technique, answers: Sequence[Answer], streams: Sequence[StreamFacts], lasting_s: float, alarm: float
) -> list[Entry]:
    out: list[Entry] = []
    missing = ""
    for answer in (a for a in answers if a.technique == technique.technique_id):
        best: dict[str, tuple[float, Entry]] = {}
        for facts in streams:
            channels = _carrying(answer, facts) if answer.stream.fullmatch(facts.stream) else []
            if channels:
                chosen = min(channels, key=_relative)
                entry = _entry(technique, answer, facts, chosen, lasting_s, alarm)
                rank = (entry.power.smallest / chosen.noise) * _relative(chosen)
                if facts.device not in best or rank < best[facts.device][0]:
                    best[facts.device] = rank, entry
        out += [entry for _, (_, entry) in sorted(best.items())]
        missing = missing or answer.missing
    return out or ([_nothing(technique, missing)] if missing else [])


def _relative(channel: ChannelFacts) -> float:
    return channel.noise / (abs(channel.level) or 1.0)


def _carrying(answer: Answer, facts: StreamFacts) -> list[ChannelFacts]:
    for pattern in answer.channel:
        found = [
            c
            for c in facts.channels
            if pattern.fullmatch(c.name) and answer.unit in {"", c.unit} and c.seen > 0 and c.noise > 0
        ]
        if found:
            return found
    return []


def _entry(
    technique: Technique,
    answer: Answer,
    facts: StreamFacts,
    best: ChannelFacts,
    lasting_s: float,
    alarm: float,
) -> Entry:
    detector = answer.detector()
    each_s = facts.rate_hz * facts.coverage * best.seen
    conditions = Conditions(
        samples=lasting_s * each_s,
        before=max(0.0, facts.watched_s - lasting_s) * each_s,
        references=_references(facts) if answer.relative else 1.0,
        noise=1.0 if answer.relative else best.noise,
        rate_hz=facts.rate_hz,
        channels=1,
        false_alarm=alarm / max(1, len(facts.channels)),
        power=CAUGHT,
    )
    power = detector.power(technique.technique_id, conditions)
    if power.unit == "unit of the noise":
        total = z_upper(conditions.false_alarm / 2) - z_upper(CAUGHT)
        power = replace(
            power,
            unit=best.unit,
            smallest=math.hypot(power.smallest, total * best.wander),
            reason=power.reason
            + (f"; the level itself wanders by {best.wander:.2g} {best.unit}" if best.wander > 0 else ""),
        )
    had = f"{facts.stream}/{best.name}: {facts.rate_hz:.3g} rows/s, noise {best.noise:.3g} {best.unit}"
    if facts.coverage < 1:
        had += f", there {facts.coverage:.0%} of the time"
    return Entry(
        technique=technique,
        device=facts.device,
        power=power,
        detector="" if power.blind else detector.info.plugin_id,
        had=had,
    )


def _references(facts: StreamFacts) -> int:
    """Return how many channels of reference pulses a stream of pulse timing really had."""
    _, columns = timing_channels(tuple(c.name for c in facts.channels), tuple(c.unit for c in facts.channels))
    return sum(facts.channels[c].noise > 0 for c in columns)


def _calibrated(technique: Technique, calibrations: Sequence[CalibrationFacts], alarm: float) -> list[Entry]:
    out: list[Entry] = []
    for facts in calibrations:
        if technique.technique_id == "impair.device_substitution":
            detector: Identity | DayToDay = Identity()
            count, noise = facts.frequencies, facts.frequency_noise
            had = f"{count} qubit frequencies, moving by {noise / 1e3:.0f} kHz from one snapshot to the next"
        elif technique.technique_id == "impair.calibration_misreport" and not facts.commits:
            detector = DayToDay()
            count, noise = facts.figures, facts.day_noise
            had = f"{count} figures in {facts.snapshots} snapshots, σ of ln {noise:.2f} from one to the next"
        else:
            continue
        if facts.snapshots < 2 or count == 0:
            out.append(_nothing(technique, "publish calibrations at least daily, with frequencies", facts.device))
            continue
        conditions = Conditions(samples=1, noise=noise, channels=count, false_alarm=alarm, power=CAUGHT)
        power = detector.power(technique.technique_id, conditions)
        out.append(
            Entry(
                technique=technique,
                device=facts.device,
                power=power,
                detector="" if power.blind else detector.info.plugin_id,
                had=had,
            )
        )
    return out


def _counted(technique: Technique, line: Told) -> Entry:
    detector = "" if line.power.blind else line.detector
    return Entry(technique=technique, device=line.device, power=line.power, detector=detector, had=line.had)


def _nothing(technique: Technique, advice: str, device: str = "-") -> Entry:
    power = Power(
        technique=technique.technique_id,
        smallest=math.inf,
        bound=math.nan,
        unit="1",
        reason="blind: no channel that is recorded shows it",
        advice=advice,
    )
    return Entry(technique=technique, device=device, power=power)


def _blind(technique: Technique, alarm: float) -> Entry:
    """Say why nothing here sees a technique, and what would."""
    name = technique.technique_id
    canary = next((c for c in CANARIES if c.technique == name), None)
    if canary is not None:
        shots = canary.shots(alarm, CAUGHT)
        advice = f"{canary.circuit}: {shots:,} shots see {canary.before:g} become {canary.after:g} ({canary.source})"
        return _nothing(technique, advice)
    if name in PASSIVE:
        why, record = PASSIVE[name]
        advice = f"to know how much there is to hear {record}; prevent it: {', '.join(technique.mitigations)}"
        power = Power(
            technique=name, smallest=math.inf, bound=math.inf, unit="1",
            reason=f"blind, and any monitor would be: {why}", advice=advice,
        )  # fmt: skip
        return replace(_nothing(technique, advice), power=power)
    return _nothing(technique, "record: " + "; ".join(technique.observables[:3]))
