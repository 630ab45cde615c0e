"""``mumetal keys``: make keys, sign trust roots, and see which keys ail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption

SignOption = Annotated[list[str], typer.Option("--sign", help="Key that signs, as a URI; may be given several times.")]
RootsOption = Annotated[Path, typer.Option("--roots", help="Folder with the signed versions, 1.root.json and on.")]
PinOption = Annotated[str, typer.Option("--pin", help="SHA-256 of the first version, as `keys root` printed it.")]
PassphraseOption = Annotated[str, typer.Option("--passphrase", help="Where it comes from: prompt, or env:NAME.")]


def new(
    path: Annotated[Path, typer.Argument(help="File for the key; its public half goes to PATH.pub.")],
    *,
    name: Annotated[str, typer.Option("--name", help="Whose it is: an owner, a log's origin, a witness's name.")],
    passphrase: PassphraseOption = "prompt",  # noqa: S107 - where from, not what
    plain: Annotated[
        bool, typer.Option("--plain", help="No passphrase: for a service that must start by itself.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Make a hybrid key (Ed25519 and ML-DSA-87), sealed under a passphrase."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.keys import public, sealed
    from mumetal.trust.keys.hybrid import SoftKey

    key = SoftKey.generate(os.urandom)
    now = SystemClock().now_ns()
    if plain:
        data = sealed.plain(key, created_ns=now)
    else:
        phrase = secrets(confirm=True).read(passphrase, f"the passphrase of {path}")
        data = sealed.seal(key, phrase, created_ns=now, entropy=os.urandom)
    sealed.write(path, data)
    published = path.with_name(path.name + ".pub")
    sealed.write(published, public.encode(key.public, name))
    published.chmod(0o644)
    _say(
        {"key": str(path), "public": str(published), "key_id": key.public.key_id, "sealed": not plain},
        f"{path}: {'not sealed, mode 0600' if plain else 'sealed'}\n{published}: {key.public.key_id}",
        as_json=as_json,
    )
    return 0


def public(
    uri: Annotated[str, typer.Argument(help="file:PATH, env:NAME or pkcs11:…")],
    *,
    name: Annotated[str, typer.Option("--name", help="Whose it is.")],
    as_json: JsonOption = False,
) -> int:
    """Print the public half of a key, also of one whose Ed25519 half is on a token."""
    from mumetal.trust.keys import public as publics
    from mumetal.trust.keys.uri import open_key

    del as_json  # it is JSON either way
    typer.echo(publics.encode(open_key(uri, secrets()).public, name), nl=False)
    return 0


def root(
    plan: Annotated[Path, typer.Argument(help="TOML file: keys, owners, roles, thresholds.")],
    *,
    roots: RootsOption,
    sign: SignOption,
    pin: PinOption = "",
    as_json: JsonOption = False,
) -> int:
    """Sign the next version of the trust root: the first, a rotation or a revocation."""
    from mumetal.core.clock import SystemClock
    from mumetal.core.errors import BadInputError
    from mumetal.trust.keys import chain
    from mumetal.trust.keys import plan as plans
    from mumetal.trust.keys.uri import open_key

    now = SystemClock().now_ns()
    versions = _versions(roots)
    if versions and not pin:
        raise BadInputError("there are versions already", where=str(roots), hint="give the first one's --pin")
    before = chain.load(versions, pinned=pin, now_ns=now) if versions else None
    drafted = plans.draft(
        _bytes(plan), before=before, read=lambda p: _bytes(plan.parent / p), now_ns=now, where=str(plan)
    )
    data = chain.sign_root(drafted, [open_key(uri, secrets()) for uri in sign])
    place = roots / f"{drafted.version}.root.json"
    pinned = pin or chain.digest(data)
    done = _holds([*versions, data], pinned, now)
    _write(place, data)
    state = "complete" if not done else f"not complete: {done}"
    _say(
        {"root": str(place), "version": drafted.version, "pin": pinned, "complete": not done, "missing": done},
        f"{place}: version {drafted.version}, {state}\npin: {pinned}",
        as_json=as_json,
    )
    return 0


def countersign(
    path: Annotated[Path, typer.Argument(help="A signed envelope: a trust root, a release, a calibration set.")],
    *,
    sign: SignOption,
    as_json: JsonOption = False,
) -> int:
    """Add signatures to an envelope, as the next of several approvers."""
    from mumetal.formats import dsse
    from mumetal.trust.keys.uri import open_key
    from mumetal.trust.signing.envelopes import add_signature

    envelope = dsse.decode(_bytes(path), str(path))
    for uri in sign:
        envelope = add_signature(envelope, open_key(uri, secrets()))
    _write(path, dsse.encode(envelope))
    signers = sorted({s.keyid.partition("#")[0] for s in envelope.signatures})
    _say({"envelope": str(path), "signers": signers}, f"{path}: signed by {len(signers)} keys", as_json=as_json)
    return 0


def inventory(*, roots: RootsOption, pin: PinOption, as_json: JsonOption = False) -> int:
    """List the keys of the trust root with age and expiry; ends with 1 when one needs attention."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.keys import chain
    from mumetal.trust.keys import inventory as lines

    now = SystemClock().now_ns()
    current = chain.load(_versions(roots), pinned=pin, now_ns=now)
    keys, roles = lines.keys(current, now), lines.roles(current, now)
    ailing = any(k.state != "good" for k in keys) or any(r.owners < r.threshold for r in roles)
    if as_json:
        typer.echo(msgspec.json.encode({"version": current.version, "keys": keys, "roles": roles}).decode())
        return 1 if ailing else 0
    for key in keys:
        typer.echo(
            f"{key.state:14} {key.owner:16} {key.key_id[:16]}  {key.age_days:5.0f} d old, "
            f"{key.left_days:5.0f} d left  {', '.join(key.roles)}"
        )
    for role in roles:
        typer.echo(f"{role.name}: {role.threshold} of {role.owners} owners must sign")
    return 1 if ailing else 0


def secrets(*, confirm: bool = False) -> Any:  # noqa: ANN401 - a Secrets, whose module is heavy
    """Return where passphrases come from: the environment, or the person at the terminal."""
    import sys

    from mumetal.trust.keys.uri import Secrets

    def ask(what: str) -> str:
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))

    return Secrets(environ=os.environ, prompt=ask if sys.stdin.isatty() else None)


def _holds(versions: list[bytes], pinned: str, now_ns: int) -> str:
    """Return what is still missing of the newest version; empty when its signatures suffice."""
    from mumetal.core.errors import RejectedError
    from mumetal.trust.keys import chain

    try:
        chain.load(versions, pinned=pinned, now_ns=now_ns)
    except RejectedError as error:
        return error.message
    return ""


def _versions(folder: Path) -> list[bytes]:
    found: list[bytes] = []
    while (path := folder / f"{len(found) + 1}.root.json").exists():
        found.append(_bytes(path))
    return found


def _bytes(path: Path) -> bytes:
    from mumetal.core.errors import BadInputError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(error.strerror or str(error), where=str(path)) from None


def _write(path: Path, data: bytes) -> None:
    from mumetal.core.errors import UnavailableError
    from mumetal.trust.ledger.disk import write_whole

    try:
        write_whole(path, data, sync=True)
    except OSError as error:
        raise UnavailableError(error.strerror or str(error), where=str(path)) from None


def _say(values: dict[str, object], text: str, *, as_json: bool) -> None:
    typer.echo(msgspec.json.encode(values).decode() if as_json else text)


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``keys`` commands."""
    from mumetal.serve.cli import approval  # it uses this module's options

    group = typer.Typer(help="Make keys, sign trust roots, see which keys ail.", no_args_is_help=True)
    for name, command in (
        ("new", new),
        ("public", public),
        ("root", root),
        ("countersign", countersign),
        ("list", inventory),
        ("approve", approval.approve),
        ("approved", approval.approved),
    ):
        group.command(name)(guard(command))
    return group
