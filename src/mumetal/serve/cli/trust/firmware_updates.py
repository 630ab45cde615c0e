"""``mumetal firmware updates``: a repository of updates (TUF), from its making to the host that fetches from it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, StoreOption
from mumetal.serve.cli.trust.key_options import read_bytes, secrets, write_bytes

if TYPE_CHECKING:
    from mumetal.trust.api import UpdateRepository, UpdateSigners

FolderArgument = Annotated[Path, typer.Argument(help="The repository's folder: static files for any web server.")]
MakerOption = Annotated[list[str], typer.Option("--maker", help="A maker's key, as a URI; may be given several times.")]
PublisherOption = Annotated[
    list[str], typer.Option("--publisher", help="Key of the machine that publishes, as a URI; it signs every day.")
]


def _team(uris: list[str], threshold: int = 0) -> "UpdateSigners":
    from mumetal.trust.api import UpdateSigners, open_soft

    return UpdateSigners(owners=tuple(open_soft(uri, secrets()) for uri in uris), threshold=threshold or len(uris))


def _repository(folder: Path, makers: "UpdateSigners", publisher: "UpdateSigners") -> "UpdateRepository":
    from mumetal.trust.api import UpdateRepository

    return UpdateRepository(folder, makers=makers, publisher=publisher)


def create(
    folder: FolderArgument,
    *,
    maker: MakerOption,
    publisher: PublisherOption,
    threshold: Annotated[
        int, typer.Option("--threshold", min=0, help="How many makers must sign; more than half [default: all].")
    ] = 0,
    as_json: JsonOption = False,
) -> int:
    """Make an empty repository, and say which root its clients are given."""
    from datetime import UTC, datetime

    _repository(folder, _team(maker, threshold), _team(publisher)).create(datetime.now(UTC))
    root = folder / "metadata" / "1.root.json"
    said = f"{folder}: {threshold or len(maker)} of {len(maker)} makers must sign\nroot for clients: {root}"
    typer.echo(msgspec.json.encode({"repository": str(folder), "root": str(root)}).decode() if as_json else said)
    return 0


def publish(
    folder: FolderArgument,
    image: Annotated[Path, typer.Argument(help="The image; the release beside it goes along.")],
    *,
    board: Annotated[str, typer.Option("--board", help="The board it is for.")],
    security_version: Annotated[int, typer.Option("--security-version", min=1, help="Counts up, never down.")],
    maker: MakerOption,
    publisher: PublisherOption,
    name: Annotated[
        str, typer.Option("--name", help="What it is called over all versions [default: the file's name].")
    ] = "",
    as_json: JsonOption = False,
) -> int:
    """Publish an image, and its signed release when IMAGE.release exists."""
    from datetime import UTC, datetime

    from mumetal.trust.api import UpdateItem

    wanted = name or image.name
    items = [UpdateItem(name=wanted, data=read_bytes(image), board=board, security_version=security_version)]
    beside = image.with_name(image.name + ".release")
    if beside.exists():
        release = UpdateItem(
            name=f"{wanted}.release", data=read_bytes(beside), board=board, security_version=security_version
        )
        items.append(release)
    _repository(folder, _team(maker), _team(publisher)).publish(items, datetime.now(UTC))
    names = [item.name for item in items]
    said = f"{folder}: published {', '.join(names)}, security version {security_version}"
    typer.echo(msgspec.json.encode({"published": names}).decode() if as_json else said)
    return 0


def refresh(folder: FolderArgument, *, publisher: PublisherOption, as_json: JsonOption = False) -> int:
    """Sign the list of what is current anew, before it expires; run it every few hours on the machine that publishes."""
    from datetime import UTC, datetime

    team = _team(publisher)
    _repository(folder, team, team).refresh(datetime.now(UTC))
    typer.echo(msgspec.json.encode({"refreshed": str(folder)}).decode() if as_json else f"{folder}: refreshed")
    return 0


def fetch(
    place: Annotated[str, typer.Argument(help="The repository: a folder, or https://…")],
    name: Annotated[str, typer.Argument(help="What it is called.")],
    *,
    root: Annotated[Path, typer.Option("--root", help="The repository's first root, from somewhere trusted.")],
    board: Annotated[str, typer.Option("--board", help="The board it is wanted for.")],
    out: Annotated[Path, typer.Option("--out", help="File for the image; its release goes to OUT.release.")],
    device: Annotated[
        str, typer.Option("--device", help="Refuse what is below the version this device confirmed.")
    ] = "",
    floor: Annotated[int, typer.Option("--floor", min=0, help="Lowest security version that may run.")] = 0,
    store: StoreOption = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder that remembers metadata and floors [default: STORE/firmware]."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Fetch an image as a board's host does: verified, current, for this board and not older than what it confirmed."""
    import hashlib

    from mumetal.core import LOCAL
    from mumetal.core.errors import BadInputError
    from mumetal.serve.cli.trust.firmware_trust import folder_of
    from mumetal.trust.api import FirmwareBook, UpdateClient, confirmed_version, open_mirror

    trusted, folder = read_bytes(root), folder_of(state, store)
    if device:
        floor = max(floor, confirmed_version(FirmwareBook(folder), LOCAL, device))
    client = UpdateClient(
        folder / "updates" / hashlib.sha256(trusted).hexdigest()[:40], root=trusted, get=open_mirror(place)
    )
    data = client.fetch(name, board=board, floor=floor)
    try:
        release = client.fetch(f"{name}.release", board=board, floor=floor)
    except BadInputError:
        release = b""  # the makers published the image alone
    write_bytes(out, data)
    if release:
        write_bytes(out.with_name(out.name + ".release"), release)
    digest = hashlib.sha384(data).hexdigest()
    values = {"image": str(out), "sha384": digest, "release": bool(release), "floor": floor}
    text = f"{out}: {len(data)} bytes, verified, security version at least {floor}"
    more = "" if release else "\nno release came along: `rollout` will ask for one"
    typer.echo(msgspec.json.encode(values).decode() if as_json else text + more)
    return 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``firmware updates`` commands."""
    group = typer.Typer(help="A repository of updates: create, publish, refresh, fetch.", no_args_is_help=True)
    for name, command in (("create", create), ("publish", publish), ("refresh", refresh), ("fetch", fetch)):
        group.command(name)(guard(command))
    return group
