"""How a stop of cooling is put into words: in order of time, with values and units."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.subject import Subject, SubjectKind
from mumetal.watch.operating.refrigerator import Refrigerator
from mumetal.watch.operating.trail import MINUTE_NS, Switched, Switches

INFO = PluginInfo(
    plugin_id="watch.operating.cooling_stopped",
    title="A refrigerator stops cooling",
    techniques=("impair.cryostat_sabotage",),
)
REMEDY = (
    "See whether somebody switched it off. If nobody did: save the mixture, then look at power, cooling water, compressor "
    "and pulse tube, in this order."
)
BEFORE_NS = 15 * MINUTE_NS  # switches thrown so long before the first plate moved belong to it
SURE = 0.95  # the state is measured on several thermometers at once; what is left is that all are wrong together
STREAMS = 40  # that a finding points at
SHOWN = 12  # switches that it names


def plates_now(fridge: Refrigerator, minute: int) -> str:
    """Say where each plate is, and where it was while cold."""
    said = []
    for name, trail in sorted(fridge.plates.items()):
        now = trail.at(minute)
        if not math.isnan(now):
            said.append(f"{name} {_kelvin(now)}" + (f" (cold: {_kelvin(trail.base)})" if trail.base > 0 else ""))
    return ", ".join(said[:16])


def _kelvin(value: float) -> str:
    return f"{value * 1e3:.3g} mK" if value < 1 else f"{value:.3g} K"


def _clock(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def begun(rows: Series, fridge: Refrigerator, switches: Switches, minute: int) -> Finding:
    """Return the finding as it is raised: from when the first thing happened that belongs to it."""
    thrown = switches.between(fridge.since_ns - BEFORE_NS, fridge.since_ns + MINUTE_NS)
    start_ns = min([fridge.since_ns, *(each.t_ns for each in thrown)])
    warmer = {n: t.at(minute) / t.base for n, t in fridge.plates.items() if t.base > 0 and t.at(minute) > t.base}
    total = sum(warmer.values())
    return Finding(
        tenant=rows.tenant,
        subject=Subject(kind=SubjectKind.DEVICE, name=rows.device, device=rows.device),
        rule=INFO.plugin_id,
        identity=f"cooling {start_ns}",
        title=f"Cooling of {rows.device} stopped: it is {fridge.mode}",
        detail="",
        remedy=REMEDY,
        start_ns=start_ns,
        stop_ns=(minute + 1) * MINUTE_NS,
        severity=Severity.HIGH,
        confidence=SURE,
        attribution=tuple(Attribution(channel=n, share=v / total, method="own-score") for n, v in warmer.items())[:8],
        techniques=INFO.techniques,
    )


def grown(finding: Finding, streams: Mapping[str, int], stop_ns: int) -> Finding:
    """Return the finding as it lasts until now, with each stream that it rests on; streams with their newest row, ns."""
    stop_ns, note = max(stop_ns, finding.stop_ns), "what the refrigerator is known from"
    evidence = tuple(
        Evidence.of_series(finding.device, stream, finding.start_ns, stop_ns, note=note)
        for stream, newest_ns in sorted(streams.items())
        if newest_ns >= finding.start_ns
    )
    return replace(finding, stop_ns=stop_ns, evidence=evidence[:STREAMS])


def told(finding: Finding, fridge: Refrigerator, switches: Switches, minute: int, *, over: bool) -> Finding:
    """Return the finding with what happened: what was switched, how far it has warmed, how it ended."""
    thrown, since = switches.between(finding.start_ns, finding.stop_ns), _clock(finding.start_ns)
    said = [f"{since} UTC: {_switched(thrown)}" if thrown else f"Since {since} UTC"]
    said.append(f"{_clock(finding.stop_ns)} UTC: {plates_now(fridge, minute)}")
    if over:
        said.append(f"It is {fridge.mode} since {_clock(fridge.since_ns)} UTC")
    return replace(finding, detail=". ".join(said)[:3_900] + ".")


def _switched(thrown: Sequence[Switched]) -> str:
    first: dict[str, Switched] = {}
    for each in thrown:
        first.setdefault(each.channel, each)
    said = [f"{c} {s.before:g} → {s.after:g}" for c, s in list(first.items())[:SHOWN]]
    return ", ".join(said) + (f" and {len(first) - SHOWN} more" if len(first) > SHOWN else "")
