"""``mumetal``: what is going on, and what to do next."""

import time
from pathlib import Path

import msgspec
import typer
from rich.markup import escape

from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

NEXT_FRESH = (
    ("mumetal up", "see it work: a twin on real calibration figures, dashboard included"),
    ("mumetal up --source bluefors:DIR --source ibm:PATH --source csv:FILE", "watch your own machine"),
    ("mumetal watch PATH…", "look through recorded data once and print a report"),
    ("mumetal check", "see whether everything it needs is there"),
)
NEXT_KNOWN = (
    ("mumetal incident ID", "what was seen, why, and what to do"),
    ("mumetal incident ID --label attack|fault|benign", "say what it was"),
    ("mumetal up", "go on watching"),
)


def status(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Say what is going on, and what to do next."""
    from mumetal.app import running, wiring
    from mumetal.app.models.live import degraded, looked_up
    from mumetal.connect.api import has_records, open_records
    from mumetal.serve.cli import show

    chosen = wiring.load(settings, wiring.Overrides(store=store))
    directory = Path(chosen.store.directory)
    candidates = [d for d in (directory, directory / "demo") if has_records(d)]
    alive = next((r for d in (directory, directory / "demo") if (r := running.read(d))), None)
    now_ns = time.time_ns()
    found = []
    if candidates:
        kept = open_records(candidates[0])
        found = list(kept.incidents(wiring.operator_scope(), limit=10))
        kept.close()
    problems = looked_up(candidates[0] if candidates else directory)
    if as_json:
        body = {
            "running": alive,
            "incidents": found,
            "store": str(candidates[0] if candidates else directory),
            "models": problems,
        }
        typer.echo(msgspec.json.encode(body).decode())
        return 0
    out = show.console()
    if alive:
        signs_in = "   (`mumetal link` signs a browser in)" if alive.token else ""
        out.print(
            f"Running since {show.age(alive.since_ns, now_ns)} ago: [bold]{alive.url}[/]{signs_in}", soft_wrap=True
        )
        if alive.log:
            out.print(f"Log: {escape(alive.log)}", soft_wrap=True)
    else:
        out.print("Not running." if candidates else "Nothing is watched here yet.")
    if problems:
        out.print(f"[bold red]{degraded(problems)}[/]   See `mumetal model verify`.", soft_wrap=True)
    if found:
        out.print(f"\nRanked incidents in {candidates[0]}:")
        out.print(show.incident_table(found, now_ns))
    elif candidates:
        out.print("No incident is known.")
    out.print("\nWhat to do next:")
    for command, why in NEXT_KNOWN if found else NEXT_FRESH:
        out.print(f"  [bold]{command}[/]\n      {why}", soft_wrap=True, markup=True)
    return 0
