"""The detectability ledger over what a store really has."""

from collections.abc import Callable, Iterable, Sequence

from mumetal.catalog.techniques import techniques
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.power.facts import CalibrationFacts, StreamFacts, calibration_facts, stream_facts
from mumetal.watch.power.ledger import Entry, ledger

NS = 10**9
LOOK_S = 20.0  # so much of a stream is read at each look
BACK_S = (0.0, 60.0, 600.0, 3_600.0, 6 * 3_600.0, 86_400.0, 2 * 86_400.0, 4 * 86_400.0, 6.5 * 86_400.0)
SeriesOf = Callable[[str, str, int, int], Iterable[Series]]
SnapshotsOf = Callable[[str], Sequence[DeviceSnapshot]]


def ledger_of(
    streams: Sequence[tuple[str, str, int]],
    series_of: SeriesOf,
    snapshots_of: SnapshotsOf,
    *,
    lasting_s: float,
    alerts_per_week: float,
) -> tuple[Entry, ...]:
    """Return the ledger of a tenant.

    Args:
        streams: Device, stream and time of its newest row (ns since 1970) each.
        series_of: Returns the rows of a device's stream in a stretch of time.
        snapshots_of: Returns a device's snapshots, oldest first.
        lasting_s: How long an attack is taken to last, s.
        alerts_per_week: False alerts a week that a detector may raise.
    """
    facts: list[StreamFacts] = []
    for device, stream, last_ns in streams:
        if stream == "calibration":
            continue
        looks = [list(series_of(device, stream, *_look(last_ns, back))) for back in BACK_S]
        oldest = max((i for i, look in enumerate(looks) if any(len(s) for s in look)), default=0)
        found = stream_facts(device, stream, looks[: oldest + 1])  # before its first row it was not there to be missed
        if found is not None:
            facts.append(found)
    devices = sorted({device for device, _, _ in streams})
    calibrations: list[CalibrationFacts] = [calibration_facts(d, snapshots_of(d)) for d in devices]
    return ledger(techniques(), facts, calibrations, lasting_s=lasting_s, alerts_per_week=alerts_per_week)


def _look(last_ns: int, back_s: float) -> tuple[int, int]:
    stop = last_ns + 1 - round(back_s * NS)
    return stop - round(LOOK_S * NS), stop
