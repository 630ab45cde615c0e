"""``mumetal watch``: look through recorded data once and print a report."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core import LOCAL
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption
from mumetal.serve.cli.watch.recognised import specs_of

if TYPE_CHECKING:
    from mumetal.app.replay import Replayed
    from mumetal.core.stream_health import StreamHealth

MANY = 10
UNJUDGED = 3  # as where a scan could not read all


def watch(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, Git repositories of platforms, or KIND:PLACE.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the report to this file (Markdown).")] = None,
    learn: Annotated[
        int | None, typer.Option("--learn", min=64, max=1_000_000, help="Rows to learn from before scoring.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Look through recorded data once, offline, and end with a report; 1 when something was found, 3 when not all was judged."""
    from mumetal.app import wiring
    from mumetal.app.parts import load_plugins, parts
    from mumetal.app.replay import replay
    from mumetal.connect.api import open_source
    from mumetal.serve.cli import show

    chosen = wiring.load(settings, wiring.Overrides(learning_rows=learn))
    allowed = chosen.plugins.allow
    load_plugins(allowed)
    sources = [open_source(spec) for path in paths for spec in specs_of(path)]
    with tempfile.TemporaryDirectory(prefix="mumetal-watch-") as scratch, show.progress() as report_progress:
        directory = store or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        done = replay(chosen, wiring.inventory(chosen), sources, directory, report_progress, parts(allowed))
    for source in sources:
        source.close()
    text = as_markdown(done)
    if out is not None:
        out.write_text(text)
    if as_json:
        body = {
            "rows": done.rows,
            "incidents": done.incidents,
            "findings": done.findings,
            "streams": done.streams,
            "quarantined": done.quarantined,
        }
        typer.echo(msgspec.json.encode(body).decode())
    elif out is None:
        typer.echo(text)  # it says so itself
    if as_json or out is not None:
        typer.echo(f"{verdict(done)}{f'; wrote {out}' if out is not None else ''}", err=as_json)
    waiting = [i for i in done.incidents if i.state.value in {"open", "acknowledged"}]
    unjudged = unjudged_words(done)
    if unjudged:
        typer.echo(unjudged, err=True)
    return 1 if waiting else UNJUDGED if unjudged else 0


def unjudged_words(done: "Replayed") -> str:
    """Return which streams were only learnt from: what was not judged is not clean. Empty where there is none."""
    names = [named(s) for s in done.streams if s.state.value == "learning"]
    if not names and done.streams:
        return ""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    what = f"Not judged, too short to learn from: {shown}." if names else "Nothing was judged: there is no stream."
    return f"{what} Give more of it, or fewer rows to learn from (--learn)."


def named(stream: "StreamHealth") -> str:
    """Return a stream's name, with its tenant where that is another than the local one."""
    of = f"{stream.tenant}: " if stream.tenant != LOCAL else ""
    return f"{of}{stream.device}/{stream.stream}"


def verdict(done: "Replayed") -> str:
    """Return what came of a run over recorded data, in one line."""
    waiting = sum(i.state.value in {"open", "acknowledged"} for i in done.incidents)
    explained = sum(i.state.value == "explained" for i in done.incidents)
    return (
        f"{done.rows:,} rows of {len(done.streams)} streams: {waiting} incidents that nothing innocent explains, "
        f"{explained} explained, {'at least ' if done.more_quarantined else ''}{len(done.quarantined):,} pieces of input refused"
    )


def as_markdown(done: "Replayed") -> str:
    """Return the report of a run over recorded data."""
    from mumetal.respond.api import escaped_markdown, incident_report

    lines = [
        "# Mumetal report",
        "",
        f"{verdict(done)}.",
        "",
        *((f"**{escaped_markdown(unjudged_words(done))}**", "") if unjudged_words(done) else ()),
        "## Streams",
        "",
    ]
    short = sum(bool(s.budget_note) for s in done.streams)
    if short:
        lines += [f"{short} of {len(done.streams)} streams have too short a history to promise the alert budget.", ""]
    lines += [
        f"- {escaped_markdown(named(s))}: {s.state}{f' – {escaped_markdown(s.reason)}' if s.reason else ''}"
        for s in done.streams
    ]
    by_id = {f.finding_id: f for f in done.findings}
    for incident in done.incidents:
        lines += ["", incident_report(incident, [by_id[f] for f in incident.findings if f in by_id])]
    if done.quarantined:
        lines += ["", "## Refused input", ""]
        lines += [f"- {escaped_markdown(q.where)}: {escaped_markdown(q.reason)}" for q in done.quarantined[:MANY]]
        if len(done.quarantined) > MANY:
            lines.append(f"- … and {len(done.quarantined) - MANY} more")
    return "\n".join(lines) + "\n"
