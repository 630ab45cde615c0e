"""``mumetal check`` and ``mumetal settings``: is everything there, and what is set."""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from mumetal.core.errors import MumetalError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

SHOWN = 5

SourceList = Annotated[list[str] | None, typer.Option("--source", help="Also check this source, KIND:PLACE.")]


class Line(Struct, kw_only=True):
    """One thing that was checked.

    Args:
        what: What was checked.
        ok: Whether it is as it should be.
        detail: What was found, or how to mend it.
        code: Exit code it calls for.
    """

    what: str
    ok: bool
    detail: str = ""
    code: int = 0


def _try(lines: list[Line], what: str, probe: Callable[[], str]) -> None:
    try:
        lines.append(Line(what=what, ok=True, detail=probe()))
    except MumetalError as error:
        lines.append(Line(what=what, ok=False, detail=str(error), code=error.exit_code))


def check(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    source: SourceList = None,
    as_json: JsonOption = False,
) -> int:
    """Check settings, sources, inventory and ledger without starting anything."""
    from mumetal.app import wiring
    from mumetal.app.lost import lost
    from mumetal.app.parts import load_plugins
    from mumetal.connect.api import open_source
    from mumetal.core.errors import BadInputError, RejectedError
    from mumetal.trust.api import (
        FORMER_LEDGER,
        LEDGER_FOLDER,
        LedgerReader,
        find_ledger,
        not_refuted,
        witness_places,
    )

    lines: list[Line] = []
    chosen = wiring.load(settings, wiring.Overrides(store=store, sources=source or ()))
    load_plugins(chosen.plugins.allow)
    lines.append(Line(what="settings", ok=True, detail=str(settings or "defaults")))
    _try(
        lines,
        "timing codes",
        lambda: ", ".join(codes.names) if (codes := wiring.timing_codes(chosen)) else "none of your own",
    )
    _try(
        lines,
        "inventory",
        lambda: f"{len(wiring.inventory(chosen).devices)} devices" if chosen.triage.inventory else "none set",
    )

    def probe(spec: str) -> str:
        opened = open_source(spec)
        try:
            first = opened.poll("", 1_000)
        finally:
            opened.close()
        refused = [f"{q.where}: {q.reason}" for q in first.quarantined]
        named = "; ".join(refused[:SHOWN]) + (f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else "")
        if not first.data:
            raise BadInputError(f"nothing was read; {named or 'there is no file that it reads yet'}", where=opened.name)
        return f"{len(first.data)} pieces read, {len(refused)} refused at first sight{': ' if named else ''}{named}"

    for spec in chosen.sources:
        _try(lines, f"source {spec}", partial(probe, spec))

    lines += [Line(what="store", ok=False, detail=what, code=RejectedError.exit_code) for what in lost(chosen)]

    def ledger() -> str:
        store = Path(chosen.store.directory)
        for place in witness_places(chosen.witnesses):
            not_refuted(place, store / LEDGER_FOLDER)
        if not (store / LEDGER_FOLDER).exists() and not (store / FORMER_LEDGER).exists():
            return "none yet"
        reader = LedgerReader(find_ledger(store))
        reader.verify()
        return f"{reader.count} entries hold, {reader.signed} under the log's signed checkpoint"

    _try(lines, "ledger", ledger)
    _try(lines, "key agreement", key_agreement)
    worst = max((line.code for line in lines), default=0)
    if as_json:
        typer.echo(msgspec.json.encode({"checks": lines, "exit": worst}).decode())
        return worst
    for line in lines:
        typer.echo(f"{'ok  ' if line.ok else 'BAD '} {line.what}: {line.detail}")
    return worst


def key_agreement() -> str:
    """Say what the doors agree keys by off loopback, and what the sinks do."""
    from mumetal.serve.api.tls import agreed_group

    group = agreed_group()
    safe = "quantum-safe" if "MLKEM" in group else "not quantum-safe: update `cryptography`"
    openssl = tuple(ssl.OPENSSL_VERSION_INFO[:2])
    sinks = (
        "as the receiver can" if openssl >= (3, 5) else f"not quantum-safe: Python's {ssl.OPENSSL_VERSION} is below 3.5"
    )
    return f"doors off loopback by {group}, {safe}; TLS sinks {sinks}"


def show_settings(
    *,
    settings: SettingsOption = None,
    store: Annotated[Path | None, typer.Option("--store", help="Folder for data and incidents.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Print the settings in force, as TOML that can be saved and edited."""
    from mumetal.app import wiring
    from mumetal.app.settings_toml import as_toml

    chosen = wiring.load(settings, wiring.Overrides(store=store))
    typer.echo(msgspec.json.encode(chosen).decode() if as_json else as_toml(chosen), nl=as_json)
    return 0
