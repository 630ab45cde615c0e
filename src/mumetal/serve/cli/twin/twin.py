"""``mumetal twin``: a lab to practise on, with known truth."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, seconds

if TYPE_CHECKING:
    from mumetal.twin.api import Planned

HapOption = Annotated[
    list[str] | None,
    typer.Option("--happening", help="NAME@START+LASTING, such as cryostat_sabotage@4h+1h. May be repeated."),
]
CALIBRATION_S = 3_600.0
MOST_S = 31 * 86_400.0


def record(
    directory: Annotated[Path, typer.Argument(help="Folder to write; made, and must be empty if it is there.")],
    *,
    lasting: Annotated[str, typer.Option("--for", help="How much of the twin's time to record.")] = "6h",
    backend: Annotated[
        str, typer.Option("--backend", help="Real device whose calibration is the background.")
    ] = "brisbane",
    happening: HapOption = None,
    rate_hz: Annotated[
        float, typer.Option("--rate", min=0.001, max=10.0, help="Rows of the cryostat's log, 1/s.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 1,
    as_json: JsonOption = False,
) -> int:
    """Write what a lab would write: BlueFors logs, calibration files, an audit trail, and the truth beside them."""
    from mumetal.catalog import calibrations
    from mumetal.core.clock import SystemClock
    from mumetal.serve.cli import show
    from mumetal.twin.api import Lab, LabPace, LabWriter, Schedule, backfill, check_shown

    length_s = seconds(lasting)
    if not 1.0 <= length_s <= MOST_S:
        raise BadInputError(f"{lasting!r} is not between 1 s and 31 days", where="--for")
    if directory.exists() and any(directory.iterdir()):
        raise BadInputError("the folder is not empty", where=str(directory), hint="name a new one")
    planned = tuple(_planned(text) for text in happening or ())
    for one in planned:
        check_shown(one, length_s=length_s, calibration_s=CALIBRATION_S)
    pace = LabPace(
        control_hz=0.0,
        cryostat_hz=rate_hz,
        qubits_hz=0.0,
        queue_hz=0.0,
        supply_hz=0.0,
        calibration_s=CALIBRATION_S,
        drift=1.0,
    )
    start_ns = SystemClock().now_ns() - round(length_s * 1e9)
    lab = Lab(calibrations.snapshots(backend), seed, start_ns, schedule=Schedule(planned=planned), pace=pace)
    writer = LabWriter(directory)
    step = max(1.0, length_s / 200)
    done = 0.0
    with show.progress() as progress:
        while done < length_s:
            backfill(lab, writer, min(step, length_s - done))
            done += step
            progress(f"writing {directory}", round(min(done, length_s) * rate_hz))
    writer.close()
    truth = list(lab.truth())
    (directory / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth)))
    if as_json:
        typer.echo(msgspec.json.encode({"directory": str(directory), "truth": truth}).decode())
    else:
        typer.echo(f"wrote {directory}: bluefors, calibrations, audit.jsonl and truth.json ({len(truth)} happenings)")
        typer.echo(f"watch it: mumetal watch {shlex.quote(str(directory))}")
    return 0


def _planned(text: str) -> "Planned":
    from mumetal.twin.api import Planned, find_scenario

    name, at, rest = text.partition("@")
    start, plus, lasting = rest.partition("+")
    if not (name and at and plus):
        raise BadInputError(f"{text!r} is not NAME@START+LASTING", where="--happening", hint="cryostat_sabotage@4h+1h")
    return Planned(name=name, start_s=seconds(start), duration_s=seconds(lasting), strength=find_scenario(name).usual)


def happenings(*, as_json: JsonOption = False) -> int:
    """List what can happen on the twin: attacks and innocent causes, with their strengths."""
    from mumetal.twin.api import PERTURBATIONS

    if as_json:
        rows = [{"name": n, "kind": p.kind, "unit": p.unit, "usual": p.usual} for n, p in PERTURBATIONS]
        typer.echo(msgspec.json.encode(rows).decode())
        return 0
    for name, p in PERTURBATIONS:
        typer.echo(f"{name:26} {p.kind:9} usually {p.usual:g} {p.unit} ({p.low:g} to {p.high:g})")
    return 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``twin`` commands."""
    group = typer.Typer(help="A lab to practise on, with known truth.", no_args_is_help=True)
    group.command("record")(guard(record))
    group.command("happenings")(guard(happenings))
    return group
