"""``mumetal power``: the smallest attacks that would have been caught, and where it is blind."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mumetal.core.check import EARLIEST_NS, LATEST_NS
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, TenantOption, seconds
from mumetal.watch.api import PowerEntry

EVENTS = 100_000  # records of acts that are counted at most


def power(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    tenant: TenantOption = "local",
    lasting: Annotated[str, typer.Option("--lasting", help="How long an attack is taken to last, such as 1h.")] = "1h",
    as_json: JsonOption = False,
) -> int:
    """Say, per attack technique, the smallest that would have been caught this week, and where nothing would."""
    from mumetal.app import wiring
    from mumetal.connect.api import LogStore
    from mumetal.core.clock import SystemClock
    from mumetal.serve.cli import show
    from mumetal.watch.api import measure_conditions

    lasting_s = seconds(lasting)
    if not 1.0 <= lasting_s <= 7 * 86_400.0:
        raise BadInputError(f"an attack of {lasting_s:g} s is not between a second and a week", where="--lasting")
    chosen = wiring.load(settings, wiring.Overrides(store=store))
    folder = _folder(Path(chosen.store.directory))
    kept = LogStore(folder / "telemetry", chosen.store, SystemClock())
    try:
        streams = [
            (device, stream, newest)
            for device, stream in kept.streams(tenant)
            if (newest := _newest(kept.thinned(tenant, device, stream, EARLIEST_NS, LATEST_NS, 8)))
        ]
        had = measure_conditions(
            streams,
            lambda device, stream, start, stop: kept.series(tenant, device, stream, start, stop),
            lambda device: kept.snapshots(tenant, device),
            lambda device, start, stop: [e for e in kept.events(tenant, start, stop, EVENTS) if e.device == device],
        )
    finally:
        kept.close()
    entries = had.ledger(
        lasting_s=lasting_s, alerts_per_week=chosen.watch.alerts_per_week, codes=wiring.timing_codes(chosen)
    )
    if as_json:
        typer.echo(msgspec.json.encode([_plain(e) for e in entries]).decode())
        return 0
    out = show.console()
    seen = [e for e in entries if not e.power.blind]
    out.print(f"Attacks of {lasting}, caught with 90 % at {chosen.watch.alerts_per_week:g} false alerts a week:\n")
    for e in seen:
        ratio = f", {e.over_bound:.1f} times the bound" if math.isfinite(e.over_bound) else ""
        out.print(f"[bold]{e.technique.title}[/] on {e.device}", markup=True)
        out.print(
            f"  from {e.power.smallest:.3g}{_unit(e.power.unit)} on{ratio}; by {e.detector}\n  {e.had}"
            + (f"\n  {e.measured}" if e.measured else ""),
            soft_wrap=True,
            markup=False,
        )
    out.print(f"\nBlind to {len(entries) - len(seen)} of {len(entries)}:\n")
    for e in entries:
        if e.power.blind:
            out.print(f"[bold]{e.technique.title}[/]", markup=True)
            out.print(f"  {e.power.reason}\n  to see it: {e.power.advice}", soft_wrap=True, markup=False)
    return 0


def _folder(directory: Path) -> Path:
    for folder in (directory, directory / "demo"):
        if (folder / "telemetry" / "log").exists():
            return folder
    raise BadInputError("no data are kept here", where=str(directory), hint="run `mumetal up` first, or name --store")


def _newest(series: Iterable[Series]) -> int:
    return max((int(s.t_ns[-1]) for s in series if len(s)), default=0)


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"


def _plain(e: PowerEntry) -> dict[str, object]:
    return {
        "technique": e.technique.technique_id,
        "device": e.device,
        "blind": e.power.blind,
        "smallest": e.power.smallest if math.isfinite(e.power.smallest) else None,
        "bound": e.power.bound if math.isfinite(e.power.bound) else None,
        "unit": e.power.unit,
        "detector": e.detector,
        "measured": e.measured,
        "had": e.had,
        "reason": e.power.reason,
        "advice": e.power.advice,
    }
