"""The bars of the watch loop in one table: pipeline, tier 1, doors and store; what ``make bench`` runs."""

import os
import platform
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from bench.figure import HEAD, Figure, printed
from bench.loop import doors, pipeline, store
from bench.watch import tier1


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    store.add_options(parser)


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, load {load:.1f}\n")
    print(HEAD)
    kills, minutes = (min(asked.kills, 5), min(asked.minutes, 0.2)) if asked.quick else (asked.kills, asked.minutes)
    parts = (pipeline.lines(), tier1.lines(), doors.lines(), store.lines(kills, minutes))
    return [one for part in parts for one in printed(part)]
