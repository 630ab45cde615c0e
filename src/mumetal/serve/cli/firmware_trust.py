"""The half of ``mumetal firmware`` that proves: sign, verify, inventory, attest, rollout."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.serve.cli.keys import PinOption, RootsOption, SignOption, _bytes, _versions, _write, secrets
from mumetal.serve.cli.options import JsonOption, seconds

if TYPE_CHECKING:
    from mumetal.trust.keys.root import TrustRoot

ReleaseOption = Annotated[Path | None, typer.Option("--release", help="The signed release [default: IMAGE.release].")]
FleetArgument = Annotated[Path, typer.Argument(help="TOML file of boards: [device.NAME] with board and image.")]
StateOption = Annotated[Path, typer.Option("--state", help="Folder for floors and the ledger of rollouts.")]
ACTIONS = ("firmware.install", "firmware.restore", "firmware.confirm")
OPERATOR = "operator"


def _root(roots: Path, pin: str, now_ns: int) -> "TrustRoot":
    from mumetal.trust.keys import chain

    return chain.load(_versions(roots), pinned=pin, now_ns=now_ns)


def _beside(image: Path, release: Path | None) -> Path:
    return release or image.with_name(image.name + ".release")


def sign(
    image: Annotated[Path, typer.Argument(help="The image.")],
    *,
    sign: SignOption,
    name: Annotated[str, typer.Option("--name", help="What the release is called over all versions.")],
    board: Annotated[str, typer.Option("--board", help="The board it is for.")],
    version: Annotated[str, typer.Option("--version", help="Its version, for people.")],
    security_version: Annotated[int, typer.Option("--security-version", min=1, help="Counts up, never down.")],
    lasting: Annotated[str, typer.Option("--for", help="How long it may be installed.")] = "180d",
    declared: Annotated[Path | None, typer.Option("--declared", help="What the release changes, JSON.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Sign an image as a release; further approvers use `mumetal keys countersign`."""
    from mumetal.core.clock import SystemClock
    from mumetal.scan.firmware import diff
    from mumetal.trust.firmware import release as releases
    from mumetal.trust.keys.uri import open_key

    said = diff.decode(_bytes(declared), str(declared)) if declared else diff.DeclaredChange()
    made = releases.Release(
        name=name,
        board=board,
        version=version,
        security_version=security_version,
        expires_ns=SystemClock().now_ns() + round(seconds(lasting) * 1e9),
        regions=said.regions,
        facts=said.facts,
    )
    place = _beside(image, release)
    _write(place, releases.sign(made, _bytes(image), [open_key(uri, secrets()) for uri in sign]))
    typer.echo(msgspec.json.encode({"release": str(place)}).decode() if as_json else f"{place}: signed by {len(sign)}")
    return 0


def verify(
    image: Annotated[Path, typer.Argument(help="The image.")],
    *,
    board: Annotated[str, typer.Option("--board", help="The board it is to run on.")],
    roots: RootsOption,
    pin: PinOption,
    floor: Annotated[int, typer.Option("--floor", min=0, help="Lowest security version that may run.")] = 0,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check that an image is released for a board; ends with 4 and the step that failed when it is not."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.firmware import release as releases

    now = SystemClock().now_ns()
    place = _beside(image, release)
    envelope = _bytes(place) if place.exists() else None
    root = _root(roots, pin, now)
    releases.verify(envelope, _bytes(image), board=board, floor=floor, root=root, now_ns=now, where=str(image))
    checked = (
        "signed by the role's threshold in both schemes, for this board, not expired, not below the floor, unaltered"
    )
    unknown = "whether the signers meant well; whether the board runs these bytes"
    said = {"image": str(image), "checked": checked, "not_known": unknown}
    typer.echo(msgspec.json.encode(said).decode() if as_json else f"{image}: {checked}\nnot known from this: {unknown}")
    return 0


def inventory(fleet: FleetArgument, *, roots: RootsOption, pin: PinOption, as_json: JsonOption = False) -> int:
    """List what each board's file holds and which release vouches for it; ends with 1 when one has none."""
    from mumetal.core.clock import SystemClock
    from mumetal.core.errors import MumetalError
    from mumetal.serve import firmware_fleet
    from mumetal.trust.attest.host import KIND, measure
    from mumetal.trust.firmware import release as releases

    now = SystemClock().now_ns()
    boards = firmware_fleet.decode(_bytes(fleet), str(fleet))
    files, root = firmware_fleet.BoardFiles(boards), _root(roots, pin, now)
    lines: list[dict[str, str]] = []
    for device, board in boards.items():
        line = {"device": device, "board": board.board, "image": board.image, "measured": KIND}
        try:
            line["sha384"] = measure(device, files.read, now).sha384
            place = _beside(Path(board.image), Path(board.release) if board.release else None)
            envelope = _bytes(place) if place.exists() else None
            releases.verify(
                envelope, files.read(device), board=board.board, floor=0, root=root, now_ns=now, where=device
            )
            release, _ = releases.decode(envelope or b"", device)
            line |= {"release": release.name, "version": release.version, "state": "released"}
        except MumetalError as error:
            line |= {"state": "not vouched for", "why": str(error)}
        lines.append(line)
    if as_json:
        typer.echo(msgspec.json.encode(lines).decode())
    else:
        for line in lines:
            what = line.get("version") or line.get("why", "")
            typer.echo(
                f"{line['state']:16} {line['device']:20} {line['board']:12} {line.get('sha384', '-')[:16]}  {what}"
            )
        typer.echo(f"digests are {KIND}s: what the file holds, not what the board runs")
    return 1 if any(line["state"] != "released" for line in lines) else 0


def attest(
    quote: Annotated[Path, typer.Argument(help="The quote, as `tpm2_quote -m` wrote it.")],
    *,
    signature: Annotated[Path, typer.Option("--signature", help="Its signature, as `tpm2_quote -s` wrote it.")],
    key: Annotated[Path, typer.Option("--key", help="The attestation key's public half, PEM.")],
    values: Annotated[Path, typer.Option("--values", help="The registers, as `tpm2_quote -o -F values` wrote them.")],
    golden: Annotated[Path, typer.Option("--golden", help='JSON of golden values: {"0": "64 hex digits"}.')],
    nonce: Annotated[str, typer.Option("--nonce", help="The challenge that was handed out, hex.")],
    asked: Annotated[float, typer.Option("--asked", help="When it was handed out, seconds since 1970.")],
    as_json: JsonOption = False,
) -> int:
    """Verify a TPM 2.0 quote; ends with 4 and the step that failed when it does not hold."""
    from mumetal.core.clock import SystemClock
    from mumetal.core.errors import BadInputError
    from mumetal.trust.attest import quote as quotes

    try:
        wanted = {int(k): bytes.fromhex(v) for k, v in msgspec.json.decode(_bytes(golden), type=dict[str, str]).items()}
        challenge = quotes.Challenge(nonce=bytes.fromhex(nonce), asked_ns=round(asked * 1e9))
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInputError(f"golden values or nonce cannot be read: {error}"[:300], where=str(golden)) from None
    raw = _bytes(values)
    told = {index: raw[32 * i : 32 * i + 32] for i, index in enumerate(sorted(wanted))}
    quotes.verify(
        _bytes(quote),
        _bytes(signature),
        key=quotes.load_key(_bytes(key), str(key)),
        challenge=challenge,
        values=told,
        golden=wanted,
        now_ns=SystemClock().now_ns(),
        where=str(quote),
    )
    registers = ", ".join(map(str, sorted(wanted)))
    said = {"quote": str(quote), "registers": registers, "verified": True}
    typer.echo(msgspec.json.encode(said).decode() if as_json else f"{quote}: registers {registers} are the golden ones")
    return 0


def rollout(
    fleet: FleetArgument,
    image: Annotated[Path, typer.Option("--image", help="The image to bring out.")],
    *,
    roots: RootsOption,
    pin: PinOption,
    state: StateOption,
    soak: Annotated[str, typer.Option("--soak", help="How long boards are watched after each stage.")] = "1h",
    store: Annotated[Path | None, typer.Option("--store", help="Store whose incidents stop the rollout.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a release to one board, a tenth, then all; back to the last good image at the first drift (ends with 1)."""
    import os

    from mumetal.access.local import LocalOperator
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.serve import firmware_fleet
    from mumetal.trust.firmware.floors import Floors
    from mumetal.trust.firmware.rollout import Outcome, Plan, Rollout
    from mumetal.trust.ledger.local import open_local

    clock = SystemClock()
    boards = firmware_fleet.decode(_bytes(fleet), str(fleet))
    envelope, data = _bytes(_beside(image, release)), _bytes(image)
    root = _root(roots, pin, clock.now_ns())
    state.mkdir(parents=True, exist_ok=True)
    ledger = open_local(state / "ledger", clock=clock, entropy=os.urandom)
    try:
        work = Rollout(
            boards=firmware_fleet.BoardFiles(boards),
            drifted=firmware_fleet.incidents_since(store, clock.now_ns()),
            authorizer=LocalOperator(principal=OPERATOR, tenant=LOCAL, actions=ACTIONS),
            ledger=ledger,
            floors=Floors(state / "floors.json", firmware_fleet.all_entries(ledger)),
            root=root,
            clock=clock,
        )
        watch = seconds(soak)
        devices = {name: board.board for name, board in boards.items()}
        look_s = max(0.05, min(10.0, watch / 10))
        plan = Plan(devices=devices, envelope=envelope, data=data, soak_s=watch, look_s=look_s, actor=OPERATOR)
        report = work.run(plan)
    finally:
        ledger.close()
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        typer.echo(f"{report.outcome.value}: {len(report.installed)} installed, {len(report.restored)} restored")
        if report.reason:
            typer.echo(f"stopped because {report.reason}")
        for device in report.stuck:
            typer.echo(f"STUCK {device}: somebody must go there")
    return 0 if report.outcome is Outcome.DONE else 1
