"""The part of ``mumetal firmware`` that knows the boards: inventory, challenge, attest, rollout, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, seconds
from mumetal.serve.cli.trust.firmware_trust import ReleaseOption, StateOption, _beside, _root, folder_of
from mumetal.serve.cli.trust.key_options import PinOption, RootsOption, read_bytes
from mumetal.serve.cli.trust.model_options import MAX_APPROVAL, ApprovalOption, read_file

if TYPE_CHECKING:
    from mumetal.trust.api import BoardActs, BoardRecord, FirmwareBook, RolloutReport

FleetArgument = Annotated[Path, typer.Argument(help="TOML file of boards: [device.NAME] with board and image.")]
DeviceArgument = Annotated[str, typer.Argument(help="The device.")]


def inventory(
    fleet: FleetArgument,
    *,
    roots: RootsOption,
    pin: PinOption,
    store: StoreOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> int:
    """Look at what each board's file holds, who approved it and whether it keeps its promises; 1 when one ails."""
    from mumetal.app import wiring
    from mumetal.app.firmware.operating import operating
    from mumetal.app.firmware.stock import Stocktaker
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import HOST_OBSERVED, BoardFiles, FirmwareBook, decode_fleet

    clock = SystemClock()
    now = clock.now_ns()
    boards = decode_fleet(read_bytes(fleet), str(fleet))
    root, files, book = _root(roots, pin, now), BoardFiles(boards), FirmwareBook(folder_of(state, store))
    with operating(book, clock=clock, operator=wiring.operator_scope().principal) as acts:
        taker = Stocktaker(book=book, read=files.read, root=root, tenant=LOCAL, enter=acts.enter)
        found = [taker.look(device, board, now) for device, board in boards.items()]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        for record in found:
            typer.echo(_line(record))
        typer.echo(f"digests are {HOST_OBSERVED}s: what the file holds, not what the board runs")
    return 1 if any(record.state != "good" for record in found) else 0


def _line(record: "BoardRecord") -> str:
    failed = record.verdict.failed if record.verdict else ()
    word = "not vouched for" if record.release is None else "ailing" if failed else "released"
    who = record.release
    what = f"{who.name} {who.version} by {', '.join(who.approvers)}" if who else ""
    stage = f"; {record.stage.state}" if record.stage else ""
    said = "; ".join([*([what] if what else []), *failed]) + stage
    return f"{word:16} {record.device:20} {record.board:12} {record.sha384[:16] or '-':16}  {said}"


def challenge(
    device: DeviceArgument, *, store: StoreOption = None, state: StateOption = None, as_json: JsonOption = False
) -> int:
    """Hand out a nonce for a board's host to quote; `attest` takes one answer to it, within 30 s."""
    import os

    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import FirmwareBook

    nonce = os.urandom(32)
    FirmwareBook(folder_of(state, store)).challenge(LOCAL, device, nonce, SystemClock().now_ns())
    said = {"device": device, "nonce": nonce.hex()}
    typer.echo(msgspec.json.encode(said).decode() if as_json else nonce.hex())
    return 0


def attest(
    quote: Annotated[Path, typer.Argument(help="The quote, as `tpm2_quote -m` wrote it.")],
    *,
    signature: Annotated[Path, typer.Option("--signature", help="Its signature, as `tpm2_quote -s` wrote it.")],
    key: Annotated[Path, typer.Option("--key", help="The attestation key's public half, PEM.")],
    values: Annotated[Path, typer.Option("--values", help="The registers, as `tpm2_quote -o -F values` wrote them.")],
    golden: Annotated[Path, typer.Option("--golden", help='JSON of golden values: {"0": "64 hex digits"}.')],
    device: Annotated[
        str, typer.Option("--device", help="Whose quote: answers its open challenge, goes on record.")
    ] = "",
    nonce: Annotated[str, typer.Option("--nonce", help="The challenge, hex, when there is no --device.")] = "",
    asked: Annotated[float, typer.Option("--asked", help="When it was handed out, seconds since 1970.")] = 0.0,
    store: StoreOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> int:
    """Verify a TPM 2.0 quote; ends with 4 and the step that failed when it does not hold."""
    from contextlib import nullcontext

    from mumetal.app import wiring
    from mumetal.app.firmware.operating import operating
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.core.errors import BadInputError, RejectedError
    from mumetal.trust.api import Challenge, FirmwareBook, load_quote_key, verify_quote

    if bool(device) == bool(nonce):
        raise BadInputError(
            "name the device, or give nonce and time",
            hint="mumetal firmware challenge DEVICE, then attest --device DEVICE",
        )
    try:
        wanted = {
            int(k): bytes.fromhex(v) for k, v in msgspec.json.decode(read_bytes(golden), type=dict[str, str]).items()
        }
        given = bytes.fromhex(nonce)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInputError(f"golden values or nonce cannot be read: {error}"[:300], where=str(golden)) from None
    clock = SystemClock()
    raw, now = read_bytes(values), clock.now_ns()
    message, signed, public = read_bytes(quote), read_bytes(signature), load_quote_key(read_bytes(key), str(key))
    book = FirmwareBook(folder_of(state, store))
    asked_ns = round(asked * 1e9)
    held = operating(book, clock=clock, operator=wiring.operator_scope().principal) if device else nullcontext()
    with held as acts:  # a ledger that cannot be written is told before the challenge is used up
        if device:
            given, asked_ns = book.answer(LOCAL, device)
        known = book.board(LOCAL, device) if device else None
        try:
            verify_quote(
                message,
                signed,
                key=public,
                challenge=Challenge(nonce=given, asked_ns=asked_ns),
                values={index: raw[32 * i : 32 * i + 32] for i, index in enumerate(sorted(wanted))},
                golden=wanted,
                now_ns=now,
                last=known.clocks if known else None,
                where=device or str(quote),
            )
        except RejectedError as error:
            if acts is not None:
                _record_quote(book, acts, device, message, error.message, sorted(wanted), now)
            raise
        if acts is not None:
            _record_quote(book, acts, device, message, "", sorted(wanted), now)
    registers = ", ".join(map(str, sorted(wanted)))
    said = {"quote": str(quote), "device": device, "registers": registers, "verified": True}
    typer.echo(msgspec.json.encode(said).decode() if as_json else f"{quote}: registers {registers} are the golden ones")
    return 0


def _record_quote(
    book: "FirmwareBook", acts: "BoardActs", device: str, message: bytes, why: str, registers: list[int], now_ns: int
) -> None:
    """Put the verdict on the ledger, then on the board's record."""
    import hashlib

    from mumetal.core import LOCAL
    from mumetal.trust.api import (
        ATTEST_BOARD,
        TPM_QUOTE,
        BoardProof,
        BoardRecord,
        TpmClocks,
        decode_quote,
    )

    clocks = None
    if not why:
        said = decode_quote(message)
        clocks = TpmClocks(resets=said.resets, restarts=said.restarts, clock_ms=said.clock_ms)
    listed = ", ".join(map(str, registers))
    proof = BoardProof(kind=TPM_QUOTE, t_ns=now_ns, held=not why, said=f"SHA-256 registers {listed}", why=why[:1_000])

    def edit(known: BoardRecord) -> BoardRecord:
        return msgspec.structs.replace(known.with_proof(proof), clocks=clocks or known.clocks)

    def record() -> str:
        book.change(LOCAL, device, edit)
        return "recorded"

    verdict = f"refused: {why[:800]}" if why else "held"
    about = f"quote sha256={hashlib.sha256(message).hexdigest()[:32]}, registers {listed}"
    acts.enter(ATTEST_BOARD, device, f"{about}: {verdict}", record)


def rollout(
    fleet: FleetArgument,
    image: Annotated[Path, typer.Option("--image", help="The image to bring out.")],
    *,
    roots: RootsOption,
    pin: PinOption,
    store: Annotated[
        Path | None,
        typer.Option("--store", help="A stack's store: its incidents stop the rollout [default: .mumetal]."),
    ] = None,
    state: StateOption = None,
    settings: SettingsOption = None,
    approval: ApprovalOption = None,
    soak: Annotated[str, typer.Option("--soak", help="How long boards are watched after each stage.")] = "1h",
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a release to one board, a tenth, then all; back to the last good image at the first drift (ends with 1)."""
    from mumetal.app import wiring
    from mumetal.app.firmware.drift import incidents_since
    from mumetal.app.firmware.operating import operating
    from mumetal.app.firmware.stock import Stocktaker
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import BoardFiles, FirmwareBook, RolloutPlan, decode_fleet, demand_of, rollout_of

    clock, who = SystemClock(), wiring.operator_scope().principal
    demand = demand_of(wiring.load(settings, wiring.Overrides(store=store)).approvals)
    word = read_file(approval, MAX_APPROVAL) if approval else None
    boards = decode_fleet(read_bytes(fleet), str(fleet))
    envelope, data = read_bytes(_beside(image, release)), read_bytes(image)
    root, folder, watch = _root(roots, pin, clock.now_ns()), folder_of(state, store), seconds(soak)
    watched = _watched(store)
    if watched is None:
        _say("no stack's incidents are watched: only a board that fails stops this rollout (name one with --store)")
    files, book = BoardFiles(boards), FirmwareBook(folder)
    devices = {name: board.board for name, board in boards.items()}
    look_s = max(0.05, min(10.0, watch / 10))
    plan = RolloutPlan(
        devices=devices, envelope=envelope, data=data, soak_s=watch, look_s=look_s, principal=who, approval=word
    )
    drifted = incidents_since(watched, clock.now_ns())
    with operating(book, clock=clock, operator=who) as acts:
        work = rollout_of(book, files, root, acts, drifted=drifted, clock=clock, say=_say, demand=demand)
        report = work.run(plan)
        taker = Stocktaker(book=book, read=files.read, root=root, tenant=LOCAL, enter=acts.enter)
        for device in (*report.installed, *report.restored, *report.stuck):
            runs = envelope if device in report.installed else None
            taker.look(device, boards[device], clock.now_ns(), envelope=runs)
    return _told(report, as_json=as_json)


def restore(
    fleet: FleetArgument,
    device: Annotated[list[str] | None, typer.Argument(help="Devices [default: all that a rollout left open].")] = None,
    *,
    roots: RootsOption,
    pin: PinOption,
    store: StoreOption = None,
    state: StateOption = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the ledger.")] = "the rollout was cut off",
    as_json: JsonOption = False,
) -> int:
    """Put the last good image back on boards that a rollout left open, as after a crash; ends with 1 when one is stuck."""
    from mumetal.app import wiring
    from mumetal.app.firmware.operating import operating
    from mumetal.app.firmware.stock import Stocktaker, entry_of
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.core.errors import RejectedError
    from mumetal.trust.api import BoardFiles, FirmwareBook, RolloutOrder, decode_fleet, rollout_of

    clock, who = SystemClock(), wiring.operator_scope().principal
    boards = decode_fleet(read_bytes(fleet), str(fleet))
    book, files, root = FirmwareBook(folder_of(state, store)), BoardFiles(boards), _root(roots, pin, clock.now_ns())
    good: dict[str, bytes] = {}
    for name in device or boards:
        entry_of(boards, name)
        record = book.board(LOCAL, name)
        if record is not None and record.open:
            good[name] = book.image(record.last_good)
        elif device:
            raise RejectedError(
                "no rollout is open on this board: it runs what it confirmed",
                where=name,
                hint="an older image is brought out by `rollout`, with a release that its floor lets pass",
            )
    if not good:
        typer.echo("[]" if as_json else "No board was left open by a rollout.")
        return 0
    with operating(book, clock=clock, operator=who) as acts:
        work = rollout_of(book, files, root, acts, drifted=lambda _: "", clock=clock, say=_say)
        report = work.restore(RolloutOrder(principal=who), good, why[:300])
        taker = Stocktaker(book=book, read=files.read, root=root, tenant=LOCAL, enter=acts.enter)
        for name in (*report.restored, *report.stuck):
            taker.look(name, boards[name], clock.now_ns())
    told = _told(report, as_json=as_json)
    return told if report.stuck else 0


def _watched(store: Path | None) -> Path | None:
    """Return the store whose incidents stop a rollout: the one named, or the default one where a stack has run."""
    from mumetal.connect.api import has_records
    from mumetal.serve.cli.trust.model_options import store_of

    if store is not None:
        return store
    usual = store_of(None, None)
    return usual if has_records(usual) else None


def _told(report: "RolloutReport", *, as_json: bool) -> int:
    from mumetal.trust.api import RolloutOutcome

    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        typer.echo(f"{report.outcome.value}: {len(report.installed)} installed, {len(report.restored)} restored")
        if report.reason:
            typer.echo(f"stopped because {report.reason}")
        for device in report.stuck:
            typer.echo(f"STUCK {device}: somebody must go there")
    return 0 if report.outcome is RolloutOutcome.DONE else 1


def _say(what: str) -> None:
    typer.echo(what, err=True)
