"""Traces as files of a lab: ``NAME.csv`` with ``NAME.csv.toml``, ``NAME.events.jsonl``, and labels in a folder apart.

``mumetal watch csv:FOLDER/NAME.csv`` reads the table, ``audit:`` the events. Nothing beside ``labels/`` says what happened.
"""

import csv
import json
import math
from pathlib import Path

from bench.foreign.trace import Trace
from mumetal.core.event import Event
from mumetal.formats import ocsf

_UNITS = {"°C": "degC", "%": "%"}


def write(trace: Trace, folder: Path) -> Path:
    """Write a trace and return its table; a number is written so that it is read back exactly, NaN as nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{trace.name}.csv"
    delimiter = ";,"[trace.seed % 2]
    head = ("Time ns", "epoch_ns", "t")[trace.seed % 3]
    with table.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        rows.writerow([head, *(channel.heading for channel in trace.channels)])
        for t, row in zip(trace.t_ns.tolist(), trace.values.tolist(), strict=True):
            rows.writerow([t, *("" if math.isnan(x) else repr(x) for x in row)])
    table.with_name(f"{table.name}.toml").write_text(mapping(trace, head, delimiter), encoding="utf-8")
    if trace.announced:
        said = (ocsf.from_event(event).decode() for event in events(trace))
        folder.joinpath(f"{trace.name}.events.jsonl").write_text("\n".join(said) + "\n", encoding="utf-8")
    labels = folder / "labels"
    labels.mkdir(exist_ok=True)
    labels.joinpath(f"{trace.name}.json").write_text(json.dumps(label(trace), indent=1), encoding="utf-8")
    return table


def mapping(trace: Trace, head: str, delimiter: str) -> str:
    """Return the mapping file of a trace's table."""
    lines = [
        f"device = {json.dumps(trace.name)}",
        f"stream = {json.dumps(trace.lab)}",
        f"delimiter = {json.dumps(delimiter)}",
        "[time]",
        f"column = {json.dumps(head)}",
        'format = "ns"',
    ]
    for channel in trace.channels:
        unit = _UNITS.get(channel.unit, channel.unit)
        lines += [
            f"[channels.{json.dumps(channel.heading)}]",
            f"unit = {json.dumps(unit)}",
            f"name = {json.dumps(channel.name)}",
        ]
    return "\n".join(lines) + "\n"


def events(trace: Trace) -> list[Event]:
    """Return what was announced: an event at the beginning, and one at the end."""
    return [
        Event(
            device=trace.name,
            event_id=f"{trace.name}-{number}-{end}",
            t_ns=t_ns,
            activity=f"{told.activity}.{end}",
            actor="operator",
            attributes=(("detail", told.detail),),
        )
        for number, told in enumerate(trace.announced)
        for end, t_ns in (("start", told.start_ns), ("end", told.end_ns))
    ]


def label(trace: Trace) -> dict[str, str | int | float | None]:
    """Return the truth about a trace, as JSON takes it."""
    told = None if math.isnan(trace.detectable) else round(trace.detectable, 6)
    kept = (
        "name",
        "seed",
        "split",
        "lab",
        "rate_hz",
        "kind",
        "label",
        "technique",
        "start_ns",
        "end_ns",
        "deadline_ns",
        "deadline_reason",
        "truth",
    )
    return {key: getattr(trace, key) for key in kept} | {"detectable": told, "counts": trace.counts}
