"""How incidents and streams look in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mumetal.app.desk import Overview
from mumetal.core.finding import Severity
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.stream_health import StreamState
from mumetal.serve.session import Summary

COLOURS = {
    Severity.CRITICAL: "bold red",
    Severity.FATAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
SHORT = {Severity.INFORMATIONAL: "info"}
STATE_ORDER = (StreamState.SILENT, StreamState.DEGRADED, StreamState.LEARNING, StreamState.WATCHING)


def age(t_ns: int, now_ns: int) -> str:
    """Say how long ago, in the largest fitting unit."""
    passed = max(0, (now_ns - t_ns) // 10**9)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size} {unit}"
    return f"{passed} s"


def console(*, stderr: bool = False) -> Console:
    """Return a terminal that never highlights by guesswork."""
    return Console(highlight=False, stderr=stderr)


def incident_table(incidents: Sequence[Incident], now_ns: int, *, limit: int = 12) -> Table:
    """Return the ranked list."""
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("prio", justify="right", width=4)
    table.add_column("severity", width=8)
    table.add_column("conf", justify="right", width=4)
    table.add_column("incident", ratio=1)
    table.add_column("age", justify="right", width=6)
    table.add_column("state", width=9)
    table.add_column("id", width=8, style="dim")
    for i in incidents[:limit]:
        quiet = i.state in {IncidentState.EXPLAINED, IncidentState.RESOLVED}
        colour = "dim" if quiet else COLOURS.get(i.severity, "")
        table.add_row(
            f"{i.priority:.2f}",
            Text(SHORT.get(i.severity, i.severity.name.lower()), style=colour),
            f"{i.likelihood:.2f}",
            Text(i.title, style="dim" if quiet else ""),
            age(i.stop_ns, now_ns),
            "ack" if i.state is IncidentState.ACKNOWLEDGED else i.state.value,
            i.incident_id[:8],
        )
    return table


@contextmanager
def progress(unit: str = " rows") -> Iterator[Callable[[str, int], None]]:
    """Show what is being done and how many rows it has come through, on the error stream, gone when done."""
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TextColumn(f"{{task.completed:,.0f}}{unit}"), TimeElapsedColumn(),
        console=console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("reading", total=None)
        yield lambda what, rows: bar.update(task, description=what, completed=rows)


def streams_line(overview: Overview) -> Text:
    """Say how the fleet is doing in one line."""
    line = Text()
    for state in STATE_ORDER:
        count = sum(s.state == state for s in overview.streams)
        if count:
            style = {"silent": "red", "degraded": "yellow", "learning": "cyan", "watching": "green"}[state.value]
            line.append(f"{count} {state.value}  ", style=style)
    devices = len({s.device for s in overview.streams})
    line.append(f"on {devices} device{'s' if devices != 1 else ''}", style="dim")
    line.append(f"   {overview.values_per_s:,.0f} values/s", style="dim")
    if overview.quarantined:
        line.append(f"   {overview.quarantined} refused", style="yellow")
    return line


def summary(said: Summary, incidents: Sequence[Incident], now_ns: int) -> None:
    """Print what came of a run."""
    out = console()
    out.print(
        f"\nRan {said.seconds:.0f} s: {said.rows:,} rows ({said.values_per_s:,.0f} values/s), {said.refused} refused. "
        f"{said.open} incident{'s' if said.open != 1 else ''} open, {said.explained} explained."
    )
    if said.unscored:
        out.print(f"Not looked at yet: {said.unscored:,} pieces of input; nothing here speaks of them.", style="bold")
    if said.first_incident_s >= 0:
        out.print(f"First incident after {said.first_incident_s:.1f} s.")
    if said.attacks or said.innocent:
        out.print(
            f"The twin acted {said.attacks} attacks, of which {said.found} were found, and {said.innocent} innocent causes, "
            f"of which {said.paged} paged."
        )
    if incidents:
        out.print(incident_table(incidents, now_ns))
