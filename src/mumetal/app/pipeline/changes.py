"""What changed since yesterday, in sentences."""

from collections.abc import Sequence

import numpy as np

from mumetal.core.incident import Incident, IncidentState
from mumetal.core.snapshot import DeviceSnapshot

DAY_NS = 86_400 * 10**9
MANY = 3


def _incident_lines(incidents: Sequence[Incident], since_ns: int) -> list[str]:
    recent = [i for i in incidents if i.start_ns >= since_ns]
    lines = []
    for state, verb in (
        (IncidentState.OPEN, "opened and wait"),
        (IncidentState.EXPLAINED, "were explained by an innocent cause"),
        (IncidentState.RESOLVED, "were resolved"),
    ):
        count = sum(i.state == state for i in recent)
        if count:
            lines.append(f"{count} incident{'s' if count > 1 else ''} {verb}")
    return lines


def calibration_change(before: DeviceSnapshot, after: DeviceSnapshot) -> str:
    """Say how the typical figure of each kind moved between two snapshots."""
    old = {p.channel: p.value for p in before.parameters}
    ratios: dict[str, list[float]] = {}
    for p in after.parameters:
        was = old.get(p.channel, float("nan"))
        if was > 0 and p.value > 0:
            ratios.setdefault(p.name, []).append(p.value / was)
    return ", ".join(
        f"{name} {100 * (float(np.median(ratios[name])) - 1):+.1f} %"
        for name in ("T1", "T2", "readout_error", "gate_error")
        if len(ratios.get(name, ())) >= MANY
    )


def changes(
    incidents: Sequence[Incident], snapshots: Sequence[DeviceSnapshot], quarantined: int, now_ns: int
) -> tuple[str, ...]:
    """Return sentences on the last day, most urgent first.

    Args:
        incidents: All incidents of a tenant.
        snapshots: Snapshots of its devices, oldest first.
        quarantined: Pieces of input refused since the start.
        now_ns: The stack's time.
    """
    lines = _incident_lines(incidents, now_ns - DAY_NS)
    by_device: dict[str, list[DeviceSnapshot]] = {}
    for snapshot in snapshots:
        by_device.setdefault(snapshot.device, []).append(snapshot)
    for device, history in sorted(by_device.items()):
        if len(history) >= 2 and history[-1].t_ns >= now_ns - DAY_NS:
            moved = calibration_change(history[-2], history[-1])
            lines.append(f"{device} was recalibrated" + (f": median {moved}" if moved else ""))
    if quarantined:
        lines.append(f"{quarantined} of what came in was refused; see quarantine")
    return tuple(lines)
