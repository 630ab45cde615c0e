"""``mumetal watch``: look through recorded data once and print a report."""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption

if TYPE_CHECKING:
    from mumetal.app.replay import Replayed
    from mumetal.core.stream_health import StreamHealth

BLUEFORS_DAY = re.compile(r"\d\d-\d\d-\d\d")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
BY_SUFFIX = {".csv": "csv", ".parquet": "parquet", ".jsonl": "audit", ".ndjson": "audit"}
MANY = 10
UNJUDGED = 3  # as where a scan could not read all


def specs_of(text: str) -> list[str]:
    """Return the source specs for a path: those of its parts where it is a folder that ``mumetal twin record`` wrote.

    Raises:
        BadInputError: The place is not there, or is nothing that is known.
    """
    from mumetal.twin.api import lab_sources

    return lab_sources(Path(text)) or [spec_of(text)]


def spec_of(text: str) -> str:
    """Return the source spec for a path, by what it looks like; a spec stays as it is.

    Raises:
        BadInputError: The place is not there, or is nothing that is known.
    """
    kind, colon, _ = text.partition(":")
    if colon and KIND.fullmatch(kind) and not Path(text).exists():
        return text
    path = Path(text)
    if not path.exists():
        raise BadInputError("there is nothing here", where=text, hint="name a file, a folder or KIND:PLACE")
    if path.suffix.lower() in BY_SUFFIX and path.is_file():
        return f"{BY_SUFFIX[path.suffix.lower()]}:{path}"
    if path.suffix.lower() == ".json" and path.is_file():
        head = path.open("rb").read(4_096)
        return f"{'audit' if b'Records' in head else 'ibm'}:{path}"
    if path.is_dir() and _holds_platforms(path):
        return f"platforms:{path}"
    if path.is_dir():
        names = [p.name for _, p in zip(range(1_000), sorted(path.iterdir()), strict=False)]
        if any(BLUEFORS_DAY.fullmatch(n) for n in names) or BLUEFORS_DAY.fullmatch(path.name):
            return f"bluefors:{path}"
        for suffix, found in ((".jsonl", "audit"), (".json", "ibm"), (".csv", "csv"), (".parquet", "parquet")):
            if any(n.endswith(suffix) for n in names):
                return f"{found}:{path}"
    raise BadInputError(
        "what this is cannot be told from its name",
        where=text,
        hint="say it: bluefors:DIR, ibm:PATH, csv:FILE, parquet:FILE, audit:FILE, platforms:REPOSITORY",
    )


def _holds_platforms(folder: Path) -> bool:
    """Whether a folder is a bare repository, or part of a repository and holds a platform's file."""
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        return True
    if not any((up / ".git").exists() for up in (folder.resolve(), *folder.resolve().parents)):
        return False
    return any(next(folder.glob(f"{depth}parameters.json"), None) for depth in ("", "*/", "*/*/"))


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
        f"{explained} explained, {len(done.quarantined)} pieces of input refused"
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
