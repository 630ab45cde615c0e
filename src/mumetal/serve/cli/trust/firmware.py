"""``mumetal firmware``: what is in an image, what an update changes, and what is on the boards."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption
from mumetal.serve.cli.trust import firmware_boards, firmware_trust, firmware_updates
from mumetal.serve.cli.trust.key_options import read_bytes, write_bytes

if TYPE_CHECKING:
    from mumetal.core.firmware import FirmwareImage

ImageArgument = Annotated[Path, typer.Argument(help="The image.")]
BoardOption = Annotated[str, typer.Option("--board", help="The board it is meant for.")]
HandoffOption = Annotated[
    Path | None, typer.Option("--hwh", help="The hand-off of a bitstream [default: IMAGE with .hwh, if there is one].")
]
SHOWN = 40


def look(path: Path, *, board: str = "", hwh: Path | None = None) -> "FirmwareImage":
    """Read an image, or a baseline of one.

    Raises:
        BadInputError: It cannot be read.
    """
    from mumetal.core.artefact import Artefact
    from mumetal.scan.api import decode_firmware_baseline, is_firmware_baseline
    from mumetal.scan.api import inspect_firmware as inspect_image

    data = read_bytes(path)
    if is_firmware_baseline(data):
        return decode_firmware_baseline(data, str(path))
    beside = hwh or (path.with_suffix(".hwh") if path.suffix == ".bit" and path.with_suffix(".hwh").exists() else None)
    artefact = Artefact(uri=str(path), kind="firmware", data=data)
    return inspect_image(artefact, board=board, handoff=read_bytes(beside) if beside else None)


def inspect(
    image: ImageArgument, *, board: BoardOption = "", hwh: HandoffOption = None, as_json: JsonOption = False
) -> int:
    """Say what an image is, which promises of its format it keeps, and what cannot be known; 1 when one is broken."""
    found = look(image, board=board, hwh=hwh)
    broken = [p for p in found.promises if not p.held]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return 1 if broken else 0
    typer.echo(f"{image}: {found.format}, {found.size} bytes, version {found.version or 'not said'}")
    typer.echo(f"SHA-384 {found.sha384}")
    for kind, text in found.facts[:SHOWN]:
        typer.echo(f"  {kind}: {text}")
    if len(found.facts) > SHOWN:
        typer.echo(f"  and {len(found.facts) - SHOWN} more facts (--json has all)")
    for region in found.regions[:SHOWN]:
        typer.echo(f"  {region.start:#010x}–{region.stop:#010x}  {region.kind:10} {region.name}")
    if len(found.regions) > SHOWN:
        typer.echo(f"  and {len(found.regions) - SHOWN} more regions (--json has all)")
    typer.echo(f"checked: {len(found.promises)} promises of the format, {len(broken)} not kept")
    for promise in broken:
        typer.echo(f"  NOT KEPT {promise.name}: {promise.detail}")
    for line in found.unknowable:
        typer.echo(f"not known from the bytes: {line}")
    return 1 if broken else 0


def diff(
    before: Annotated[Path, typer.Argument(help="The image that runs, or its baseline.")],
    after: Annotated[Path, typer.Argument(help="The image that is to run.")],
    *,
    declared: Annotated[
        Path | None, typer.Option("--declared", help="What the maker says of the change: JSON, or a signed release.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Name every change that was not declared; ends with 1 when there is one."""
    from mumetal.core.clock import SystemClock
    from mumetal.scan.api import DeclaredChange, firmware_findings

    said = _declaration(declared) if declared else DeclaredChange()
    found = firmware_findings(look(before), look(after), said, SystemClock().now_ns())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return 1 if found else 0
    for finding in found:
        typer.echo(f"{finding.severity.name.lower():8} {finding.confidence:.2f}  {finding.rule}: {finding.detail}")
    if not found:
        typer.echo("Nothing changed beyond the declaration. What changed inside declared regions is the signers' word.")
    return 1 if found else 0


def baseline(
    image: ImageArgument,
    *,
    out: Annotated[Path, typer.Option("--out", help="File for the baseline.")],
    board: BoardOption = "",
    hwh: HandoffOption = None,
    as_json: JsonOption = False,
) -> int:
    """Keep what an image is now, to compare the next one with."""
    from mumetal.scan.api import encode_firmware_baseline

    found = look(image, board=board, hwh=hwh)
    write_bytes(out, encode_firmware_baseline(found))
    said = {"baseline": str(out), "sha384": found.sha384, "regions": len(found.regions)}
    typer.echo(msgspec.json.encode(said).decode() if as_json else f"{out}: {len(found.regions)} regions of {image}")
    return 0


def sbom(
    image: ImageArgument, *, board: BoardOption = "", hwh: HandoffOption = None, as_json: JsonOption = False
) -> int:
    """Print a CycloneDX bill of what the bytes show."""
    from mumetal.core.clock import SystemClock
    from mumetal.scan.api import firmware_sbom as bill

    del as_json  # it is JSON either way
    typer.echo(bill(look(image, board=board, hwh=hwh), SystemClock().now_ns()))
    return 0


def _declaration(path: Path) -> Any:  # noqa: ANN401 - a DeclaredChange, whose module waits
    from mumetal.core.errors import BadInputError
    from mumetal.scan.api import DeclaredChange, decode_declared_change
    from mumetal.trust.api import decode_release

    data = read_bytes(path)
    try:
        release, _ = decode_release(data, str(path))
    except BadInputError:
        return decode_declared_change(data, str(path))
    return DeclaredChange(version=release.version, regions=release.regions, facts=release.facts)


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``firmware`` commands."""
    group = typer.Typer(help="Inspect, compare, sign, verify, attest and roll out firmware.", no_args_is_help=True)
    for name, command in (
        ("inspect", inspect),
        ("diff", diff),
        ("baseline", baseline),
        ("sbom", sbom),
        ("sign", firmware_trust.sign),
        ("verify", firmware_trust.verify),
        ("inventory", firmware_boards.inventory),
        ("challenge", firmware_boards.challenge),
        ("attest", firmware_boards.attest),
        ("rollout", firmware_boards.rollout),
        ("restore", firmware_boards.restore),
    ):
        group.command(name)(guard(command))
    group.add_typer(firmware_updates.app(guard), name="updates")
    return group
