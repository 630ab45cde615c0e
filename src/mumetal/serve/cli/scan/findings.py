"""``mumetal scan findings`` and ``mumetal scan finding``: what recorded scans found, and one of it opened again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

if TYPE_CHECKING:
    from mumetal.core.sighting import Sighting
    from mumetal.scan.api import RuleCard

AROUND = 2


def findings(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    target: Annotated[str, typer.Option("--target", help="Only of what was scanned under this name.")] = "",
    rule: Annotated[str, typer.Option("--rule", help="Only rules that begin so, such as scan.secrets.")] = "",
    path: Annotated[str, typer.Option("--path", help="Only where the path holds this.")] = "",
    least: Annotated[str, typer.Option("--severity", help="Only this severe or worse.")] = "",
    closed: Annotated[bool, typer.Option("--closed", help="Also what is closed.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 200,
    as_json: JsonOption = False,
) -> int:
    """List what recorded scans found, the gravest first."""
    from mumetal.app import wiring
    from mumetal.connect.api import open_records
    from mumetal.core.finding import Severity
    from mumetal.core.sighting import Choice
    from mumetal.scan.api import plain, severity_level
    from mumetal.serve.cli.triage.incident import kept_in

    severity = (severity_level(least) if least else None) or Severity.UNKNOWN
    chosen = Choice(target=target, rule=rule, path=path, least=severity, closed=None if closed else False)
    kept, scope = open_records(kept_in(settings, store)), wiring.operator_scope()
    try:
        found = kept.sightings.listed(scope, chosen, limit)
    finally:
        kept.close()
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return 0
    for s in found:
        line = f":{s.line}" if s.line else ""
        state = "" if s.stands else f"  closed: {plain(s.reason)}"
        typer.echo(f"{s.finding_id[:8]}  {s.severity.name.lower():<9} {plain(s.path)}{line}  {plain(s.title)}{state}")
    typer.echo("Read one: mumetal scan finding ID" if found else "Nothing like that stands.")
    return 0


def finding(
    finding_id: Annotated[str, typer.Argument(help="Id of the finding, or its first letters.")],
    *,
    root: Annotated[Path, typer.Option("--root", help="Where the scan was started, to look again.")] = Path(),
    settings: SettingsOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one finding: why it matters, how it is mended, and the place as it is now. 1 while it stands."""
    from mumetal.app import wiring
    from mumetal.connect.api import open_records
    from mumetal.core.sighting import Choice
    from mumetal.scan.api import card_of, load_scan_settings, look_again
    from mumetal.serve.cli.triage.incident import kept_in

    kept, scope = open_records(kept_in(settings, store)), wiring.operator_scope()
    try:
        matching = [
            s for s in kept.sightings.listed(scope, Choice(closed=None), 1_000) if s.finding_id.startswith(finding_id)
        ]
    finally:
        kept.close()
    if len(matching) != 1:
        why = "no finding has that id" if not matching else f"{len(matching)} findings begin like that"
        raise BadInputError(why, where=finding_id[:80], hint="see `mumetal scan findings`")
    seen = matching[0]
    now = look_again(seen, root, load_scan_settings(root))
    card = card_of(seen.rule)
    if as_json:
        typer.echo(msgspec.json.encode({"finding": seen, "card": card, "now": now}).decode())
    else:
        _tell(seen, card, now)
    return 1 if seen.stands else 0


def _tell(seen: "Sighting", card: "RuleCard | None", now: "object") -> None:
    from mumetal.scan.api import Now, plain

    assert isinstance(now, Now)
    out = sys.stdout.write
    line = f":{seen.line}" if seen.line else ""
    out(f"{plain(seen.title)}  {seen.severity.name.lower()}  [{seen.rule}, {seen.confidence:.0%} sure]\n")
    out(f"{plain(seen.path)}{line}  {plain(seen.excerpt)}\n")
    if not seen.stands:
        out(f"closed: {plain(seen.reason)}\n")
    out(f"now: {plain(now.said)}\n")
    for number, text in now.lines:
        out(f"{number:>6} | {plain(text)}\n")
    if card:
        out(f"why: {card.why} ({card.reference})\n")
        for name, text in (("bad", card.bad), ("good", card.good)):
            if text:
                out(f"{name}:\n" + "".join(f"    {part}\n" for part in text.strip().splitlines()))
        for name, text in (("revoke", card.revoke), ("rotate", card.rotate), ("see", card.url)):
            if text:
                out(f"{name}: {text}\n")
    if seen.remedy and not (card and card.revoke):
        out(f"to mend it: {plain(seen.remedy)}\n")
    if seen.incident_id:
        out(f"incident: {seen.incident_id}\n")
