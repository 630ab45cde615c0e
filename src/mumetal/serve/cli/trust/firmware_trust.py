"""The half of ``mumetal firmware`` that proves: sign and verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, StoreOption, seconds
from mumetal.serve.cli.trust.key_options import (
    PinOption,
    RootsOption,
    SignOption,
    read_bytes,
    root_versions,
    secrets,
    write_bytes,
)
from mumetal.serve.cli.trust.model_options import store_of

if TYPE_CHECKING:
    from mumetal.trust.api import TrustRoot

StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", help="Folder of floors, ledger and records, which the pages read [default: STORE/firmware]."
    ),
]
ReleaseOption = Annotated[Path | None, typer.Option("--release", help="The signed release [default: IMAGE.release].")]


def folder_of(state: Path | None, store: Path | None) -> Path:
    """Return the state folder."""
    from mumetal.trust.api import FIRMWARE_FOLDER

    return state or store_of(None, store) / FIRMWARE_FOLDER


def _root(roots: Path, pin: str, now_ns: int) -> "TrustRoot":
    from mumetal.trust.api import load_roots

    return load_roots(root_versions(roots), pinned=pin, now_ns=now_ns)


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
    from mumetal.scan.api import DeclaredChange, decode_declared_change
    from mumetal.trust.api import FirmwareRelease, open_key, sign_release

    said = decode_declared_change(read_bytes(declared), str(declared)) if declared else DeclaredChange()
    made = FirmwareRelease(
        name=name,
        board=board,
        version=version,
        security_version=security_version,
        expires_ns=SystemClock().now_ns() + round(seconds(lasting) * 1e9),
        regions=said.regions,
        facts=said.facts,
    )
    place = _beside(image, release)
    write_bytes(place, sign_release(made, read_bytes(image), [open_key(uri, secrets()) for uri in sign]))
    typer.echo(msgspec.json.encode({"release": str(place)}).decode() if as_json else f"{place}: signed by {len(sign)}")
    return 0


def verify(
    image: Annotated[Path, typer.Argument(help="The image.")],
    *,
    board: Annotated[str, typer.Option("--board", help="The board it is to run on.")],
    roots: RootsOption,
    pin: PinOption,
    device: Annotated[
        str, typer.Option("--device", help="Refuse what is below the version this device confirmed.")
    ] = "",
    floor: Annotated[int, typer.Option("--floor", min=0, help="Lowest security version that may run.")] = 0,
    release: ReleaseOption = None,
    store: StoreOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check that an image is released for a board; ends with 4 and the step that failed when it is not.

    Whether it would take a device back behind what it confirmed is checked where the device, or a floor, is named.
    """
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import FirmwareBook, confirmed_version, verify_release

    now = SystemClock().now_ns()
    place = _beside(image, release)
    envelope = read_bytes(place) if place.exists() else None
    root = _root(roots, pin, now)
    known = confirmed_version(FirmwareBook(folder_of(state, store)), LOCAL, device) if device else 0
    lowest = max(floor, known)
    verify_release(envelope, read_bytes(image), board=board, floor=lowest, root=root, now_ns=now, where=str(image))
    checked = "signed by the role's threshold in both schemes, for this board, not expired, unaltered"
    rollback = _rollback(device, known, floor)
    unknown = "whether the signers meant well; whether the board runs these bytes"
    said = {
        "image": str(image),
        "checked": checked,
        "rollback_checked": bool(lowest),
        "floor": lowest,
        "rollback": rollback,
        "not_known": unknown,
    }
    text = f"{image}: {checked}\nrollback: {rollback}\nnot known from this: {unknown}"
    typer.echo(msgspec.json.encode(said).decode() if as_json else text)
    return 0


def _rollback(device: str, known: int, floor: int) -> str:
    if known >= max(floor, 1):
        return f"checked: not below {known}, which {device} confirmed"
    if floor:
        return f"checked: not below {floor}, as --floor says"
    if device:
        return f"NOT checked: {device} has confirmed no version here"
    return "NOT checked: no device is named (--device), nor a floor"
