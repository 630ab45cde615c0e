"""``mumetal scan inventory`` and ``mumetal scan revoke``: which credentials are known, and the hook that ends one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

if TYPE_CHECKING:
    from mumetal.core.delivery import Quarantined
    from mumetal.core.finding import Finding
    from mumetal.scan.api import Credential

KEY = "credentials.key"
ACTION = "credential.revoke"
DAY_NS = 86_400 * 10**9

RootArgument = Annotated[Path | None, typer.Argument(help="Repository or folder [default: this one].")]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Ask each secret's own vendor whether it is live: sends it there, over TLS.")
]


def inventory(
    root: RootArgument = None,
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    older: Annotated[int, typer.Option("--older", min=0, help="Only those older than so many days.")] = 0,
    verify: VerifyOption = False,
    as_json: JsonOption = False,
) -> int:
    """List known credentials, in files and their history: age, last rotation, revoked or not. By fingerprint only."""
    from mumetal.app import wiring
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.scan.api import credential_inventory as listed
    from mumetal.scan.api import plain, shipped_secret_rules

    folder = root or Path()
    chosen = wiring.load(settings, wiring.Overrides(store=store))
    kept = Path(chosen.store.directory)
    problems: list[Quarantined] = []
    found = _findings(folder, problems, verify=verify)
    vendors = {f"scan.secrets.{r.id}": r.vendor for r in shipped_secret_rules().rules}
    now = SystemClock().now_ns()
    known = listed(found, key=_key(kept), now_ns=now, vendors=vendors, revoked=_revoked(kept))
    known = [c for c in known if c.age_days >= older]
    if as_json:
        typer.echo(msgspec.json.encode({"credentials": known, "problems": problems}).decode())
        return 1 if known else 0
    for c in known:
        typer.echo(_line(c))
        typer.echo(f"    {', '.join(plain(p) for p in c.places[:3])}{' …' if len(c.places) > 3 else ''}")
    for p in problems:
        typer.echo(f"not read: {plain(p.where)}: {plain(p.reason)}")
    here = sum(c.present for c in known)
    typer.echo(f"{len(known)} known credentials, {here} in the files as they are now")
    return 1 if known else 0


def _line(c: "Credential") -> str:
    def day(ns: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(ns / 1e9))

    parts = [f"{c.age_days} days old", f"since {day(c.first_ns)}"]
    parts.append(f"rotated {day(c.rotated_ns)}" if c.rotated_ns else "never rotated")
    if c.replaced_ns:
        parts.append(f"replaced {day(c.replaced_ns)}")
    if not c.present:
        parts.append("only in the history")
    if c.state:
        parts.append(c.state)
    parts.append(f"revoked {day(c.revoked_ns)}" if c.revoked_ns else "not known to be revoked")
    return f"{c.fingerprint[:12]}  {c.title} ({c.vendor or 'no vendor'}): {', '.join(parts)}"


def _findings(folder: Path, problems: "list[Quarantined]", *, verify: bool) -> "Iterator[tuple[Finding, bool]]":
    from mumetal.core.clock import SystemClock
    from mumetal.core.delivery import Quarantined
    from mumetal.core.errors import UnavailableError
    from mumetal.scan.api import (
        Excluding,
        ScanPlace,
        SecretScanner,
        VerifiedScanner,
        load_scan_settings,
        scan_blobs,
        scanners_of,
        source_of,
        work_tree,
    )

    chosen, clock = load_scan_settings(folder), SystemClock()
    scanner = scanners_of(("secrets",))[0]
    assert isinstance(scanner, SecretScanner)
    looking = VerifiedScanner(scanner) if verify else scanner
    files = Excluding([work_tree(folder, chosen, problems.append)], chosen.exclude)
    for finding in scan_blobs(files, [looking], problem=problems.append):
        yield finding, True
    try:
        past = source_of(ScanPlace(paths=(folder,), history=True), chosen, clock, problems.append)
        for finding in scan_blobs(past, [looking], problem=problems.append):
            yield finding, False
    except UnavailableError as error:  # no repository: then the files are all there is, and that is said
        problems.append(Quarantined.of(str(folder), f"no history: {error.message}"))


def _key(kept: Path) -> bytes:
    """Return the installation's key; made on first use, readable by its owner only."""
    path = kept / KEY
    try:
        kept.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != 32:
            raise BadInputError("this is no key of an inventory", where=str(path)) from None
        return key
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be written", where=str(kept)) from None
    key = os.urandom(32)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    return key


def _revoked(kept: Path) -> dict[str, int]:
    from mumetal.trust.api import LEDGER_FOLDER, LedgerReader

    if not (kept / LEDGER_FOLDER).is_dir():
        return {}
    done = [e for _, e in LedgerReader(kept / LEDGER_FOLDER).entries(0, 1_000_000) if e.action == ACTION]
    return {e.subject: e.t_ns for e in done if e.outcome.startswith("done")}


def revoke(
    fingerprint: Annotated[str, typer.Argument(help="Of the credential, or its first letters; see scan inventory.")],
    root: RootArgument = None,
    *,
    command: Annotated[str, typer.Option("--command", help="Program that revokes it; is told of it as JSON.")] = "",
    webhook: Annotated[str, typer.Option("--webhook", help="Address that is told of it instead, https only.")] = "",
    secret: Annotated[
        str, typer.Option("--secret", help="Where the secret is, env:NAME or file:PATH, if the hook needs it.")
    ] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Call the hook; without it only what would happen is told.")
    ] = False,
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell your own hook to revoke a known credential; a dry run unless --apply, in the ledger before and after."""
    from mumetal.app import wiring
    from mumetal.scan.api import RevokeHook, RevokeOrder, shipped_secret_rules
    from mumetal.scan.api import credential_inventory as listed

    hook = RevokeHook(command=command, webhook=webhook)
    chosen = wiring.load(settings, wiring.Overrides(store=store))
    kept = Path(chosen.store.directory)
    vendors = {f"scan.secrets.{r.id}": r.vendor for r in shipped_secret_rules().rules}
    found = listed(_findings(root or Path(), [], verify=False), key=_key(kept), now_ns=time.time_ns(), vendors=vendors)
    matching = [c for c in found if c.fingerprint.startswith(fingerprint)]
    if len(matching) != 1 or len(fingerprint) < 6:
        why = f"{len(matching)} credentials begin like that" if matching else "no credential has that fingerprint"
        raise BadInputError(why, where=fingerprint[:40], hint="see `mumetal scan inventory`; give at least 6 letters")
    one = matching[0]
    advice = shipped_secret_rules().advice.get(one.vendor)
    order = RevokeOrder(fingerprint=one.fingerprint, rule=one.rule, vendor=one.vendor, places=one.places)
    said = f"dry run: {hook.bound}; add --apply"
    if apply:
        told = msgspec.structs.replace(order, secret=_secret(secret)) if secret else order
        said = _call(chosen, hook, told)
    if as_json:
        typer.echo(msgspec.json.encode({"order": order, "secret_sent": bool(secret and apply), "said": said}).decode())
        return 0
    typer.echo(f"{one.fingerprint[:12]}  {one.title} ({one.vendor or 'no vendor'})\n{said}")
    if advice:
        typer.echo(f"by hand: {advice.revoke}\nthen: {advice.rotate}")
    return 0


def _secret(uri: str) -> str:
    kind, _, name = uri.partition(":")
    if kind == "env" and name:
        value = os.environ.get(name, "")
    elif kind == "file" and name:
        try:
            value = Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise BadInputError("the secret's file cannot be read", where=f"file:{name[:100]}") from None
    else:
        raise BadInputError("a secret is named by env:NAME or file:PATH", where="--secret")
    if not value:
        raise BadInputError("there is no secret", where=uri[:100])
    return value


def _call(chosen: "object", hook: "object", order: "object") -> str:
    """Call the hook as an act: permitted, on the ledger, done."""
    from mumetal.app import wiring
    from mumetal.app.settings import Settings
    from mumetal.core.acts import Acts
    from mumetal.core.clock import SystemClock
    from mumetal.core.ports import Request
    from mumetal.core.subject import Subject, SubjectKind
    from mumetal.scan.api import RevokeHook, RevokeOrder
    from mumetal.trust.api import opened_ledger

    assert isinstance(chosen, Settings)
    assert isinstance(hook, RevokeHook)
    assert isinstance(order, RevokeOrder)
    clock, folder = SystemClock(), Path(chosen.store.directory)
    request = Request(
        tenant=LOCAL,
        principal=wiring.operator_scope().principal,
        action=ACTION,
        resource=Subject(kind=SubjectKind.CREDENTIAL, name=order.fingerprint),
    )
    why = f"{order.rule}, {hook.bound}{', secret sent' if order.secret else ''}"
    with (
        opened_ledger(folder, clock, key=chosen.ledger_key) as ledger,
        Acts(ledger, wiring.authorizer(), clock).act(request, why) as begun,
    ):
        begun.said = hook.call(order)
    return begun.said
