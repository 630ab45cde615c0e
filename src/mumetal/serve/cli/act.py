"""``mumetal act``: what can be asked to be done, ask for it, take it back."""

import base64
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.core.subject import SubjectKind
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

WhyOption = Annotated[str, typer.Option("--why", help="What calls for it: an incident's id most often.")]
MAX_APPROVAL = 1_000_000


def verbs(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """List what can be asked to be done, with its bound and what takes it back."""
    found = _ask(settings, store, "GET", "/api/v1/verbs", None)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    elif not found:
        typer.echo("No part of this installation can be asked for anything.")
    for verb in () if as_json else found:
        more = ", ".join(
            filter(
                None,
                (
                    "needs an approval" if verb["approved"] else "",
                    f"taken back by {verb['undo']}" if verb["undo"] else "",
                ),
            )
        )
        typer.echo(
            f"{verb['verb']}  ({verb['part']})\n    {verb['title']}; {verb['bound']}{f'; {more}' if more else ''}"
        )
    return 0


def listed(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """List the acts so far, newest first; also while no stack runs."""
    found = _kept(settings, store)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    elif not found:
        typer.echo("Nothing was asked for yet.")
    for act in () if as_json else found:
        typer.echo(f"{act['act_id']}  {act['state']}  {act['said']}")
    return 0


def run(
    verb: Annotated[str, typer.Argument(help="What is to be done; see `mumetal act verbs`.")],
    *,
    kind: Annotated[SubjectKind, typer.Option("--kind", help="What kind of thing it is done to.")],
    name: Annotated[str, typer.Option("--name", help="To what.")],
    why: WhyOption,
    device: Annotated[str, typer.Option("--device", help="Device it belongs to.")] = "-",
    parameter: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; may be repeated.")] = None,
    act_id: Annotated[str, typer.Option("--id", help="The same id is done once, however often it is asked for.")] = "",
    approval: Annotated[Path | None, typer.Option("--approval", help="A signed approval of the act.")] = None,
    to_approve: Annotated[
        Path | None, typer.Option("--to-approve", help="Write what people approve to this file, and do nothing.")
    ] = None,
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Ask the running stack for an act: approved where needed, permitted, on the ledger, then done."""
    from mumetal.app.wiring import operator_scope
    from mumetal.core import LOCAL
    from mumetal.core.act import Act
    from mumetal.core.subject import Subject

    pairs = [text.partition("=") for text in parameter or ()]
    if any(not key or not equals for key, equals, _ in pairs):
        raise BadInputError("a parameter is written NAME=VALUE", where="--set")
    body = {
        "act_id": act_id or f"act-{uuid.uuid4()}",
        "verb": verb,
        "kind": kind.value,
        "name": name,
        "device": device,
        "parameters": {key: value for key, _, value in pairs},
        "why": why,
    }
    if to_approve is not None:
        act = Act(
            tenant=LOCAL,
            act_id=str(body["act_id"]),
            verb=verb,
            subject=Subject(kind=kind, name=name, device=device),
            parameters=tuple(sorted((key, value) for key, _, value in pairs)),
            principal=operator_scope().principal,
            why=why,
        )
        to_approve.write_bytes(act.to_approve())
        typer.echo(
            f"{to_approve}: approve it with `mumetal keys approve {to_approve} --action {verb} --resource {name}`,"
        )
        typer.echo(f"then run the same again with --id {body['act_id']} --approval {to_approve}.approval")
        return 0
    if approval is not None:
        body["approval"] = base64.b64encode(_read(approval)).decode()
    done = _ask(settings, store, "POST", "/api/v1/acts", msgspec.json.encode(body))
    typer.echo(msgspec.json.encode(done).decode() if as_json else f"{done['act_id']}  {done['state']}  {done['said']}")
    return 0


def undo(
    act_id: Annotated[str, typer.Argument(help="Id of the act.")],
    *,
    why: WhyOption,
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take an act back."""
    done = _ask(settings, store, "POST", f"/api/v1/acts/{act_id}/undo", msgspec.json.encode({"why": why}))
    typer.echo(msgspec.json.encode(done).decode() if as_json else f"{done['act_id']}  {done['state']}  {done['said']}")
    return 0


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_APPROVAL + 1)
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None
    if len(data) > MAX_APPROVAL:
        raise BadInputError(f"an approval has at most {MAX_APPROVAL} bytes", where=str(path))
    return data


def _kept(settings: Path | None, store: Path | None) -> Any:  # noqa: ANN401
    """Return the acts that the running stack tells; where none runs, those in the records of the folder."""
    from mumetal.app import running
    from mumetal.app.wiring import operator_scope
    from mumetal.connect.api import has_records, open_records

    folders = _folders(settings, store)
    records = next((d for d in folders if has_records(d)), None)
    if records is None or any(running.read(d) for d in folders):
        return _ask(settings, store, "GET", "/api/v1/acts", None)
    kept = open_records(records)
    try:
        found = kept.acts.listed(operator_scope())
    finally:
        kept.close()
    return [{"act_id": a.act_id, "state": a.state, "said": a.said, "can_undo": a.undo is not None} for a in found]


def _folders(settings: Path | None, store: Path | None) -> tuple[Path, Path]:
    """Return where a stack's records may lie: the store's folder, and the demonstration's in it."""
    from mumetal.app import wiring

    folder = Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)
    return folder, folder / "demo"


def _ask(settings: Path | None, store: Path | None, method: str, path: str, body: bytes | None) -> Any:  # noqa: ANN401
    from mumetal.app import running

    alive = running.found(_folders(settings, store))
    return msgspec.json.decode(running.ask(alive, path, body, method))


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``act`` commands."""
    group = typer.Typer(help="What can be asked to be done: list it, ask for it, take it back.", no_args_is_help=True)
    for name, command in (("verbs", verbs), ("list", listed), ("run", run), ("undo", undo)):
        group.command(name)(guard(command))
    return group
