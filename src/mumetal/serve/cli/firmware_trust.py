"""The half of ``mumetal firmware`` that proves: sign and verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.serve.cli.keys import PinOption, RootsOption, SignOption, _bytes, _versions, _write, secrets
from mumetal.serve.cli.options import JsonOption, seconds

if TYPE_CHECKING:
    from mumetal.trust.keys.root import TrustRoot

ReleaseOption = Annotated[Path | None, typer.Option("--release", help="The signed release [default: IMAGE.release].")]


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
