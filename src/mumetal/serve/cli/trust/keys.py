"""``mumetal keys``: make keys, sign trust roots, and see which keys ail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption
from mumetal.serve.cli.trust import approval
from mumetal.serve.cli.trust.key_options import (
    PinOption,
    RootsOption,
    SignOption,
    read_bytes,
    root_versions,
    secrets,
    write_bytes,
)

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
    from mumetal.trust.api import SoftKey, encode_public_key, plain_key, seal_key, write_key

    key = SoftKey.generate(os.urandom)
    now = SystemClock().now_ns()
    if plain:
        data = plain_key(key, created_ns=now)
    else:
        phrase = secrets(confirm=True).read(passphrase, f"the passphrase of {path}")
        data = seal_key(key, phrase, created_ns=now, entropy=os.urandom)
    write_key(path, data)
    published = path.with_name(path.name + ".pub")
    write_key(published, encode_public_key(key.public, name))
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
    from mumetal.trust.api import encode_public_key, open_key

    del as_json  # it is JSON either way
    typer.echo(encode_public_key(open_key(uri, secrets()).public, name), nl=False)
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
    from mumetal.trust.api import draft_root, load_roots, open_key, root_digest, sign_root

    now = SystemClock().now_ns()
    versions = root_versions(roots)
    if versions and not pin:
        raise BadInputError("there are versions already", where=str(roots), hint="give the first one's --pin")
    before = load_roots(versions, pinned=pin, now_ns=now) if versions else None
    drafted = draft_root(
        read_bytes(plan), before=before, read=lambda p: read_bytes(plan.parent / p), now_ns=now, where=str(plan)
    )
    data = sign_root(drafted, [open_key(uri, secrets()) for uri in sign])
    place = roots / f"{drafted.version}.root.json"
    pinned = pin or root_digest(data)
    done = _holds([*versions, data], pinned, now)
    write_bytes(place, data)
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
    from mumetal.trust.api import add_signature, open_key

    envelope = dsse.decode(read_bytes(path), str(path))
    for uri in sign:
        envelope = add_signature(envelope, open_key(uri, secrets()))
    write_bytes(path, dsse.encode(envelope))
    signers = sorted({s.keyid.partition("#")[0] for s in envelope.signatures})
    _say({"envelope": str(path), "signers": signers}, f"{path}: signed by {len(signers)} keys", as_json=as_json)
    return 0


def inventory(*, roots: RootsOption, pin: PinOption, as_json: JsonOption = False) -> int:
    """List the keys of the trust root with age and expiry; ends with 1 when one needs attention."""
    from mumetal.core.clock import SystemClock
    from mumetal.trust.api import key_states, load_roots, role_states

    now = SystemClock().now_ns()
    current = load_roots(root_versions(roots), pinned=pin, now_ns=now)
    keys, roles = key_states(current, now), role_states(current, now)
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


def _holds(versions: list[bytes], pinned: str, now_ns: int) -> str:
    """Return what is still missing of the newest version; empty when its signatures suffice."""
    from mumetal.core.errors import RejectedError
    from mumetal.trust.api import load_roots

    try:
        load_roots(versions, pinned=pinned, now_ns=now_ns)
    except RejectedError as error:
        return error.message
    return ""


def _say(values: dict[str, object], text: str, *, as_json: bool) -> None:
    typer.echo(msgspec.json.encode(values).decode() if as_json else text)


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``keys`` commands."""
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
