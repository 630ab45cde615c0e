"""Rules for calibration snapshots: one finding per device and rule, with the figures listed."""

import math
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.quality.breach import Breach

STALE = PluginInfo(plugin_id="watch.quality.stale", title="Calibrated figures are stale")
SENTINEL = PluginInfo(plugin_id="watch.quality.sentinel", title="Figures are sentinels, not measurements")
IMPOSSIBLE = PluginInfo(
    plugin_id="watch.quality.impossible",
    title="Figures contradict physics",
    techniques=("impair.calibration_misreport",),
)
INFOS = (STALE, SENTINEL, IMPOSSIBLE)
T2_SLACK = 1.1  # T2 ≤ 2·T1 holds for the truth; both are measured with error


def check_snapshot(snapshot: DeviceSnapshot, stale_hours: float) -> Iterator[Breach]:
    """Yield what is wrong with one snapshot.

    Args:
        snapshot: The figures.
        stale_hours: Age at which a figure is stale, h.
    """
    start, stop = snapshot.t_ns, snapshot.t_ns + 1
    ages = {p.channel: (snapshot.t_ns - p.t_ns) / 3.6e12 for p in snapshot.parameters if p.t_ns}
    stale = sorted((c for c, age in ages.items() if age > stale_hours), key=lambda c: -ages[c])
    if stale:
        yield Breach(
            info=STALE,
            start_ns=start,
            stop_ns=stop,
            detail=f"{len(stale)} of {len(ages)} dated figures are older than {stale_hours:g} h, the oldest "
            f"{ages[stale[0]]:.0f} h.",
            channels=tuple(stale),
            remedy="Recalibrate, or keep work off the components named.",
        )
    flagged = [p for p in snapshot.parameters if p.flag or math.isnan(p.value)]
    if flagged:
        shown = "; ".join(f"{p.channel}: {p.flag or 'no value'}" for p in flagged[:5])
        yield Breach(
            info=SENTINEL,
            start_ns=start,
            stop_ns=stop,
            detail=f"{len(flagged)} of {len(snapshot.parameters)} figures are no measurements ({shown}).",
            channels=tuple(p.channel for p in flagged),
            severity=Severity.INFORMATIONAL,
            remedy="Leave the components named out of layouts.",
        )
    values = {p.channel: p.value for p in snapshot.parameters}
    wrong = [
        p.channel
        for p in snapshot.parameters
        if (p.name == "T2" and p.value > 2 * T2_SLACK * values.get(f"{p.component}.T1", math.inf))
        or (p.unit == "1" and p.name.endswith("error") and not math.isnan(p.value) and not 0 <= p.value <= 1)
        or (p.name in {"T1", "T2"} and p.value <= 0)
    ]
    if wrong:
        yield Breach(
            info=IMPOSSIBLE,
            start_ns=start,
            stop_ns=stop,
            detail=f"{len(wrong)} figures cannot be true (T2 above 2·T1, a negative time, an error outside 0 to 1).",
            channels=tuple(wrong),
            severity=Severity.LOW,
            confidence=0.9,
            remedy="Ask how these figures were fitted before relying on them.",
        )
