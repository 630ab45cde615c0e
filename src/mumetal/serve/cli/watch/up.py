"""``mumetal up``: watch, live, until told to stop."""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, seconds

REFRESH_S = 0.5
SEED = 7

SourceList = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="What to read, KIND:PLACE (bluefors, ibm, platforms, csv, parquet, hdf5, npy, audit). May be repeated.",
    ),
]
SinkList = Annotated[
    list[str] | None, typer.Option("--sink", help="Where findings go, KIND:PLACE (ocsf, syslog, syslog+tls).")
]


def up(
    *,
    source: SourceList = None,
    sink: SinkList = None,
    lasting: Annotated[str, typer.Option("--for", help="End by itself after this long, such as 90s or 2h.")] = "",
    settings: SettingsOption = None,
    store: StoreOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; off loopback needs TLS.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="Port of the pages; 0 takes a free one.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the demonstration.")] = SEED,
    as_json: JsonOption = False,
) -> int:
    """Watch, live, until Ctrl-C: your own sources, or a demonstration on real calibration figures when none is named."""
    from mumetal.access.api import token_file
    from mumetal.app import running, wiring
    from mumetal.app.logs.running_log import RunningLog
    from mumetal.app.logs.secret_mask import shipped_mask
    from mumetal.app.private import keep_private
    from mumetal.core import LOCAL
    from mumetal.core.clock import SystemClock
    from mumetal.serve.session import Session
    from mumetal.twin.api import Demonstration

    say = partial(typer.echo, err=True)
    end_after = seconds(lasting) if lasting else None
    clock = SystemClock()
    chosen = wiring.load(
        settings, wiring.Overrides(store=store, sources=source or (), sinks=sink or (), host=host, port=port)
    )
    keep_private(Path(chosen.store.directory), say)
    demo = None if chosen.sources else Demonstration(Path(chosen.store.directory), seed, clock)
    if demo is not None:
        chosen = wiring.on(chosen, demo.folder, demo.sources)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = Path(chosen.store.directory)
    with (
        RunningLog(chosen.logs, folder, shipped_mask()) as log,
        Session(chosen, clock, demo, say) as session,
    ):
        running.write(
            folder,
            running.Running(
                pid=os.getpid(),
                url=session.url,
                since_ns=clock.now_ns(),
                log=str(log.path),
                token="" if session.certified else str(token_file(folder)),
            ),
        )
        try:
            _show_until(session, stop, end_after, LOCAL, plain=as_json or not sys.stdout.isatty(), quiet=as_json)
        finally:
            running.clear(folder)
        if not as_json and session.stack.backlog.owed:
            typer.echo("Ending: what was committed is scored first, a minute at most.", err=True)
        session.settle()
        summary = session.summary(LOCAL)
        incidents = list(session.stack.incidents(LOCAL))
        failed = session.stack.error
    if as_json:
        typer.echo(msgspec.json.encode({"summary": summary, "incidents": incidents}).decode())
    else:
        from mumetal.serve.cli import show

        show.summary(summary, incidents, clock.now_ns())
    if failed is not None:
        raise failed
    return 0


def _show_until(
    session: "object", stop: threading.Event, end_after: float | None, tenant: str, *, plain: bool, quiet: bool
) -> None:
    from mumetal.serve.cli import show
    from mumetal.serve.session import Session

    assert isinstance(session, Session)
    began = time.monotonic()
    out = show.console()
    if not quiet:
        out.print(f"Mumetal is watching. Pages: [bold]{session.url}[/]   (Ctrl-C ends it)")
        if not session.certified:
            # what is piped is often kept, and no secret is written into a log
            if out.is_terminal:
                out.print(f"Sign in: [bold]{session.link()}[/]   (works once, within five minutes)", soft_wrap=True)
            out.print("A link to sign in: `mumetal link`")
        if session.notice:
            out.print(f"[dim]{session.notice}[/]")
        if session.stack.models.words:
            out.print(f"[bold red]{session.stack.models.words}[/]", soft_wrap=True)

    def over() -> bool:
        late = end_after is not None and time.monotonic() - began >= end_after
        return stop.is_set() or late or session.stack.failed.is_set()

    if plain:
        told: set[str] = set()
        while not over():
            for incident in session.stack.incidents(tenant):
                if incident.incident_id not in told:
                    told.add(incident.incident_id)
                    if not quiet:
                        out.print(
                            f"{time.monotonic() - began:6.1f} s  priority {incident.priority:.2f}  {incident.state.value:<9}  "
                            f"{incident.device}  {incident.title}",
                            soft_wrap=True,
                        )
            stop.wait(REFRESH_S)
        return
    with Live(console=out, refresh_per_second=4, transient=True) as screen:
        while not over():
            overview = session.stack.overview(tenant)
            ranked = session.stack.incidents(tenant)
            left = "" if end_after is None else f"   ends in {max(0, end_after - (time.monotonic() - began)):.0f} s"
            header = show.streams_line(overview)
            header.append(f"   {time.monotonic() - began:.0f} s{left}", style="dim")
            learning = [s for s in overview.streams if s.state.value == "learning"]
            body = (
                show.incident_table(ranked, overview.now_ns)
                if ranked
                else Text(
                    "No incident yet." + (f" Still learning: {learning[0].reason}" if learning else ""), style="dim"
                )
            )
            screen.update(Group(header, Text(), body))
            stop.wait(REFRESH_S)
