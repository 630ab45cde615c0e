"""``mumetal calibration``: sign calibration sets, declare recalibrations, and see what nothing explains."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption
from mumetal.serve.cli.trust.key_options import PinOption, RootsOption, SignOption, secrets, write_bytes

if TYPE_CHECKING:
    from mumetal.core.snapshot import DeviceSnapshot

SourceArgument = Annotated[str, typer.Argument(help="Where the sets are, KIND:PLACE, such as ibm:calibrations/.")]
FolderOption = Annotated[Path, typer.Option("--to", help="Folder of signed sets and recalibrations.")]
SignedOption = Annotated[Path, typer.Option("--signed", help="Folder of signed sets and recalibrations.")]
DeviceOption = Annotated[str, typer.Option("--device", help="Only this device.")]
LOOKED = 50_000_000


def sign(
    source: SourceArgument,
    *,
    sign: SignOption,
    to: FolderOption,
    device: DeviceOption = "",
    as_json: JsonOption = False,
) -> int:
    """Sign the newest calibration set of each device; further signers use `mumetal keys countersign`."""
    from mumetal.trust.api import calibration_set_name, open_key, sign_set

    signers = [open_key(uri, secrets()) for uri in sign]
    written = []
    for sets in _sets(source, device).values():
        place = to / calibration_set_name(sets[-1])
        write_bytes(place, sign_set(sets[-1], signers))
        written.append(str(place))
    typer.echo(msgspec.json.encode({"signed": written}).decode() if as_json else "\n".join(written))
    return 0


def declare(
    device: Annotated[str, typer.Argument(help="Which device was recalibrated.")],
    *,
    channel: Annotated[list[str], typer.Option("--channel", help="Which figures, such as 'q3.*'; may be repeated.")],
    most: Annotated[float, typer.Option("--most", min=0, help="Largest relative change, 0.1 for a tenth.")],
    since: Annotated[datetime, typer.Option("--from", help="When it began, UTC.")],
    until: Annotated[datetime, typer.Option("--until", help="When it ended, UTC.")],
    actor: Annotated[str, typer.Option("--actor", help="Who did it.")],
    ticket: Annotated[str, typer.Option("--ticket", help="Under which change ticket.")],
    sign: SignOption,
    to: FolderOption,
    as_json: JsonOption = False,
) -> int:
    """Declare a recalibration and sign it, so that what it changes is no finding."""
    from mumetal.core import check
    from mumetal.trust.api import RECALIBRATION_SUFFIX, Recalibration, open_key, sign_recalibration

    check.name(device, "device")
    check.name(ticket, "ticket")
    done = Recalibration(
        device=device,
        actor=actor,
        ticket=ticket,
        channels=tuple(channel),
        max_relative_change=most,
        start_ns=_ns(since),
        stop_ns=_ns(until),
    )
    place = to / f"{device}-{ticket}{RECALIBRATION_SUFFIX}"
    write_bytes(place, sign_recalibration(done, [open_key(uri, secrets()) for uri in sign]))
    said = {"declared": str(place), "signers": len(sign)}
    typer.echo(msgspec.json.encode(said).decode() if as_json else f"{place}: signed by {len(sign)}")
    return 0


def verify(
    source: SourceArgument,
    *,
    signed: SignedOption,
    roots: RootsOption,
    pin: PinOption,
    device: DeviceOption = "",
    as_json: JsonOption = False,
) -> int:
    """Hold every set against the one before it; ends with 1 when something changed that nothing signed explains."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import SignedFolder, SignedSetWatcher

    clock = SystemClock()
    folder = SignedFolder(folder=signed, roots=roots, pin=pin)
    root = folder.root(clock.now_ns())
    found, looked, whole = [], 0, 0
    for sets in _sets(source, device).values():
        looked += len(sets)
        whole += sum(folder.is_signed(s, root, clock.now_ns()) for s in sets)
        watch = SignedSetWatcher(folder, partial(_before, sets), clock)
        for each in sets:
            found += watch.inspect(each)
    if as_json:
        said = {"sets": looked, "signed": whole, "findings": found}
        typer.echo(msgspec.json.encode(said).decode())
        return 1 if found else 0
    for finding in found:
        when = datetime.fromtimestamp(finding.start_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{finding.device} {when}Z: {finding.title}. {finding.detail}")
    typer.echo(f"{looked} sets looked at, {whole} signed as they are; {len(found)} with changes that nothing explains.")
    return 1 if found else 0


def _before(
    sets: "list[DeviceSnapshot]", _tenant: str, _device: str, count: int, until_ns: int
) -> "list[DeviceSnapshot]":
    return [s for s in sets if s.t_ns < until_ns][-count:]


def _sets(source: str, device: str) -> "dict[str, list[DeviceSnapshot]]":
    from mumetal.connect.api import open_source
    from mumetal.core.errors import BadInputError
    from mumetal.core.snapshot import DeviceSnapshot

    opened = open_source(source)
    found: dict[str, dict[int, DeviceSnapshot]] = {}
    cursor = ""
    try:
        while True:
            part = opened.poll(cursor, LOOKED)
            for refused in part.quarantined:
                typer.echo(f"not read: {refused.where}: {refused.reason}", err=True)
            for datum in part.data:
                if isinstance(datum, DeviceSnapshot) and device in {"", datum.device}:
                    found.setdefault(datum.device, {})[datum.t_ns] = datum
            if part.caught_up or part.cursor == cursor:
                break
            cursor = part.cursor
    finally:
        opened.close()
    if not found:
        raise BadInputError("there is no calibration set here", where=source, hint="name one such as ibm:calibrations/")
    return {name: [sets[t] for t in sorted(sets)] for name, sets in found.items()}


def _ns(moment: datetime) -> int:
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1e9)


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``calibration`` commands."""
    group = typer.Typer(
        help="Sign calibration sets, declare recalibrations, see what nothing explains.", no_args_is_help=True
    )
    for name, command in (("sign", sign), ("declare", declare), ("verify", verify)):
        group.command(name)(guard(command))
    return group
