"""``mumetal audit``: read the ledger and prove that nobody rewrote it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from mumetal.core.regular import open_regular
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, seconds
from mumetal.serve.cli.trust.model_options import store_of

if TYPE_CHECKING:
    from mumetal.core.ports import LedgerEntry
    from mumetal.trust.api import Checkpoint, WitnessPlace

LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", help="A ledger's folder, or a copy, in place of --store.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="The log's public key, kept elsewhere [default: its own].")
]
WitnessedOption = Annotated[
    list[Path] | None, typer.Option("--witnessed", help="A witness's folder or note; may be given several times.")
]
KeptOption = Annotated[
    list[Path] | None, typer.Option("--checkpoint", help="A checkpoint of this log that was kept elsewhere.")
]
WitnessKeyOption = Annotated[Path | None, typer.Option("--witness-key", help="The witness's public key.")]


def _path(settings: Path | None, store: Path | None, ledger: Path | None = None) -> Path:
    """Return the folder of the ledger that is meant."""
    from mumetal.app import wiring
    from mumetal.app.lost import has_ledger, lost
    from mumetal.core.errors import BadInputError, RejectedError
    from mumetal.trust.api import LEDGER_FOLDER, find_ledger

    if ledger is not None:
        return ledger
    chosen = wiring.load(settings, wiring.Overrides(store=store))
    directory = Path(chosen.store.directory)
    for folder in (directory, directory / "demo"):
        if has_ledger(folder):
            return find_ledger(folder)
    for what in lost(chosen):
        raise RejectedError(what, where=str(directory), hint="restore it from a copy")
    if (directory / LEDGER_FOLDER).exists():
        return find_ledger(directory)  # without a checkpoint: whoever reads it says what that means
    raise BadInputError("there is no ledger here", where=str(directory), hint="run `mumetal up` first, or name --store")


def verify(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    witnessed: WitnessedOption = None,
    witness_key: WitnessKeyOption = None,
    kept: KeptOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check every entry of the ledger; ends with 4 when one was altered, removed, reordered, added or cut off.

    Without --witnessed the witnesses of the settings are asked.
    """
    path = _path(settings, store, ledger)
    from mumetal.trust.api import LedgerFolder, examine_ledger, ledger_key

    folder = LedgerFolder(path)
    origin, public = ledger_key(path, key)
    seen = _seen(path, key, _asked(path, settings, store, witnessed, witness_key), kept or ())
    found = examine_ledger(folder, public=public, witnessed=seen)
    if as_json:
        facts = {
            "ledger": str(path),
            "origin": origin,
            "entries": found.count,
            "signed": found.signed,
            "vouched": found.vouched,
            "unproved": found.unproved,
            "clock_steps": found.clock_steps,
            "damages": [{"start": d.start, "stop": d.stop, "what": d.what} for d in found.damages],
            "verified": not found.damages,
        }
        typer.echo(msgspec.json.encode(facts).decode())
        return 4 if found.damages else 0
    for damage in found.damages[:20]:
        typer.echo(f"entries {damage.start} to {max(damage.start, damage.stop - 1)}: {damage.what}")
    found.refuse()
    typer.echo(f"{path}: {found.count} entries hold, {found.signed} of them under the log's signed checkpoint.")
    if found.vouched:
        typer.echo(f"A witness, or a checkpoint kept elsewhere, vouches for the first {found.vouched}.")
    else:
        typer.echo("No witness vouches for them: whoever has the log's key could have written them all anew.")
    if found.vouched and found.unproved:
        typer.echo(f"{found.unproved} after them are unproved: for these only the log's own key vouches.")
    if found.count > found.signed:
        typer.echo(f"{found.count - found.signed} of them are under the log's seal alone, until the next checkpoint.")
    if key is None:
        typer.echo("Checked with the public key that lies beside them: name one that you kept elsewhere with --key.")
    if found.clock_steps:
        typer.echo(f"{found.clock_steps} entries are dated before the one before: a clock was set back.")
    return 0


def _asked(
    path: Path, settings: Path | None, store: Path | None, places: Sequence[Path] | None, witness_key: Path | None
) -> "Sequence[WitnessPlace]":
    """Return the witnesses that are named here or, without any, those that the settings name for the store's ledger."""
    from mumetal.app import wiring
    from mumetal.core.errors import BadInputError
    from mumetal.trust.api import LEDGER_FOLDER, WitnessPlace, witness_places

    if not places:
        chosen = wiring.load(settings, wiring.Overrides(store=store))
        own = path == Path(chosen.store.directory) / LEDGER_FOLDER
        return witness_places(chosen.witnesses) if own else ()
    if witness_key is None:
        raise BadInputError("the witness's public key is missing", hint="name it with --witness-key")
    return [WitnessPlace(folder=place, key=witness_key) for place in places]


def _seen(
    path: Path, key: Path | None, places: "Sequence[WitnessPlace]", kept: Sequence[Path]
) -> "Sequence[Checkpoint]":
    from mumetal.trust.api import kept_checkpoints, ledger_key, ledger_keys, witnessed

    origin, public = ledger_key(path, key)
    keys = ledger_keys(path, origin, public)
    found = list(kept_checkpoints(kept, origin=origin, log_key=keys))
    for place in places:
        name, witness_public = ledger_key(path, place.key)
        found += witnessed([place.folder], name=name, public=witness_public, origin=origin, log_key=keys)
    return found


def show(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    ledger: LedgerOption = None,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="The newest so many entries.")] = 20,
    as_json: JsonOption = False,
) -> int:
    """Print the newest decisions: who, what, why, and how it ended."""
    entries = _newest(_path(settings, store, ledger), last)
    if as_json:
        typer.echo(msgspec.json.encode([{"index": i, "entry": e} for i, e in entries]).decode())
        return 0
    for index, e in entries:
        when = datetime.fromtimestamp(e.t_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        by = f"  (policy {e.policy})" if e.policy else ""
        who = f"{e.actor} for {e.on_behalf_of}" if e.on_behalf_of else e.actor
        typer.echo(f"{index:6d}  {when}Z  {who}  {e.action}  {e.subject}  {e.outcome or 'begun'}  {e.why}{by}")
    return 0


def _newest(path: Path, last: int) -> "Sequence[tuple[int, LedgerEntry]]":
    from mumetal.trust.api import LedgerFolder, decode_entry

    folder = LedgerFolder(path)
    count = folder.count()
    return [(i, decode_entry(data, i)) for i, data in folder.entries(max(0, count - last), count)]


def prove(
    index: Annotated[int, typer.Argument(min=0, help="Which entry.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print a proof that an entry is in the ledger, for somebody who has only the log's public key."""
    from mumetal.trust.api import LedgerFolder, encode_proof, prove_entry

    del as_json  # it is JSON either way
    typer.echo(encode_proof(prove_entry(LedgerFolder(_path(settings, store, ledger)), index)), nl=False)
    return 0


def check(
    path: Annotated[Path, typer.Argument(help="A proof of one entry, or an export with proofs (JSON lines).")],
    *,
    key: Annotated[Path, typer.Option("--key", help="The log's public key.")],
    as_json: JsonOption = False,
) -> int:
    """Check a proof; ends with 4 when the entry is not in the ledger that the key signed."""
    from mumetal.core.errors import BadInputError
    from mumetal.trust.api import (
        MAX_EXTRACT_LINE,
        MAX_LEDGER_PROOF,
        decode_proof,
        ledger_key,
        read_whole,
        verify_extract,
    )

    if _begins_an_extract(path):
        origin, public = ledger_key(path.parent, key)
        with path.open("rb") as lines:
            whole = verify_extract(
                iter(lambda: lines.readline(MAX_EXTRACT_LINE + 1), b""), origin=origin, public=public, where=str(path)
            )
        if as_json:
            typer.echo(
                msgspec.json.encode(
                    {"entries": whole.count, "tree": whole.size, "complete": whole.complete, "verified": True}
                ).decode()
            )
        else:
            rest = "" if whole.complete else "; more matched than one export holds"
            typer.echo(f"{path}: {whole.count} entries, each in the tree of {whole.size} that {origin} signed{rest}")
        return 0
    data = read_whole(path, MAX_LEDGER_PROOF)
    if data is None:
        raise BadInputError("there is no such file", where=str(path))
    found = decode_proof(data, str(path))
    origin, public = ledger_key(path.parent, key)
    found.verify(origin, public)
    entry = found.read()
    if as_json:
        typer.echo(msgspec.json.encode({"index": found.index, "entry": entry, "verified": True}).decode())
    else:
        typer.echo(f"entry {found.index} of {origin}: {entry.actor} {entry.action} {entry.subject} {entry.outcome}")
    return 0


def _begins_an_extract(path: Path) -> bool:
    from mumetal.core.errors import BadInputError
    from mumetal.trust.api import MAX_EXTRACT_LINE, is_extract

    try:
        with open(path, "rb", opener=open_regular) as file:
            return is_extract(file.readline(MAX_EXTRACT_LINE))
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None


def export(
    target: Annotated[Path, typer.Argument(help="Folder for the copy.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> int:
    """Copy the ledger up to its newest checkpoint, as static tiles that can be published and verified anywhere."""
    from mumetal.trust.api import LedgerFolder
    from mumetal.trust.api import export_ledger as copy

    size = copy(LedgerFolder(_path(settings, store, ledger)), target)
    if as_json:
        typer.echo(msgspec.json.encode({"target": str(target), "entries": size}).decode())
    else:
        typer.echo(f"{target}: {size} entries; check it with `mumetal audit verify --ledger {target} --key …`")
    return 0


def witness(
    state: Annotated[Path, typer.Argument(help="Folder where the witness keeps what it cosigned.")],
    *,
    name: Annotated[str, typer.Option("--name", help="The witness's name, as in its public key.")],
    sign: Annotated[str, typer.Option("--sign", help="The witness's key, as a URI.")],
    key: Annotated[Path, typer.Option("--key", help="The log's public key, got once and kept.")],
    settings: SettingsOption = None,
    store: StoreOption = None,
    ledger: LedgerOption = None,
    every: Annotated[str, typer.Option("--every", help="Go on, once in so long: 30s, 5m. Without it: once.")] = "",
    as_json: JsonOption = False,
) -> int:
    """Verify that the ledger continues what was witnessed before, and cosign it; ends with 4 when it does not."""
    from mumetal.core.clock import SystemClock
    from mumetal.serve.cli.trust.key_options import secrets
    from mumetal.trust.api import LedgerFolder, Witness, checkpoint_of_note, ledger_key, open_key

    path = _path(settings, store, ledger)
    origin, public = ledger_key(path, key)
    clock = SystemClock()
    pause = seconds(every) if every else 0.0
    signer = open_key(sign, secrets())
    observer = Witness(name=name, signer=signer, folder=state, origin=origin, log_key=public, clock=clock)
    while True:
        found = checkpoint_of_note(observer.cosign(LedgerFolder(path)))
        if as_json:
            typer.echo(msgspec.json.encode({"origin": origin, "size": found.size, "root": found.root.hex()}).decode())
        else:
            typer.echo(f"{origin}: {found.size} entries continue what was witnessed; cosigned by {name}")
        if not pause:
            return 0
        clock.sleep(pause)


def rotate_key(
    *,
    key: Annotated[str, typer.Option("--to", help="URI of the new key [default: a new one is made].")] = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Give the ledger another key; what the former one signed is still checked, and both sign the change."""
    from mumetal.app.ledger_key import rotate
    from mumetal.core.clock import SystemClock

    made = rotate(store_of(settings, store), SystemClock(), key)
    if as_json:
        facts = {"origin": made.origin, "size": made.size, "former": made.former.key_id, "key": made.following.key_id}
        typer.echo(msgspec.json.encode(facts).decode())
    else:
        typer.echo(
            f"{made.origin}: {made.following.key_id[:16]} signs from entry {made.size} on, in place of "
            f"{made.former.key_id[:16]}. Keep the new log.pub elsewhere, in place of the former one."
        )
    return 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``audit`` commands."""
    group = typer.Typer(help="Read the ledger of decisions and prove that nobody rewrote it.", no_args_is_help=True)
    for name, command in (
        ("verify", verify),
        ("show", show),
        ("prove", prove),
        ("check", check),
        ("export", export),
        ("witness", witness),
        ("rotate-key", rotate_key),
    ):
        group.command(name)(guard(command))
    return group
