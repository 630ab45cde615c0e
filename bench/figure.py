"""The one form in which every bench gives its figures."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import msgspec

from bench.shares import wilson

Ground = Literal["real", "foreign", "injected", "twin"]
"""Data no one here made; generators by somebody who has not read the detectors; attacks put into real data; ours on ours."""
Span = tuple[float, float]
HEAD = "| measure | figure |\n|---|---|"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one bar.

    Args:
        id: The bar.
        measure: What was measured, with its unit.
        figure: The figure; None where the run could not give one.
        low: Lower end of its 95% interval; None where the bench gives none.
        high: Upper end.
        n: How many cases it rests on; None where the bench does not say.
        goal: The bar's goal, as text; empty where it has none.
        met: Whether the goal is met; None without a goal or a figure.
        ground: Whose data it was measured on. Speeds over data made here are ``twin``.
        command: Gives the same figure again.
    """

    id: str
    measure: str
    figure: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    goal: str = ""
    met: bool | None = None
    ground: Ground = "twin"
    command: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table of two columns, and the figures that it says."""

    what: str
    said: str
    figures: tuple[Figure, ...] = ()


class BenchModule(Protocol):
    """What the module of a bench has: options of its own beside the common ones, and the run, which prints its table."""

    def add_options(self, parser: ArgumentParser) -> None:
        """Declare the options of its own."""

    def run_bench(self, asked: Namespace) -> list[Figure]:
        """Measure, print the table on the standard output, and return the figures."""


def figure_of(
    bar: str,
    measure: str,
    value: float | None,
    *,
    span: Span | None = None,
    n: int | None = None,
    goal: str = "",
    least: float | None = None,
    most: float | None = None,
    met: bool | None = None,
    ground: Ground = "twin",
) -> Figure:
    """Return a figure; what is not a finite number becomes None.

    Args:
        bar: Its bar.
        measure: What was measured.
        value: The figure.
        span: Its 95% interval.
        n: How many cases.
        goal: The goal as text.
        least: Least figure that meets it.
        most: Largest figure that meets it.
        met: Whether the goal is met, where more than the figure decides.
        ground: Whose data.
    """
    told = _finite(value)
    low, high = (None, None) if told is None or span is None else (_finite(span[0]), _finite(span[1]))
    if met is None and told is not None and (least is not None or most is not None):
        met = (least is None or told >= least) and (most is None or told <= most)
    return Figure(
        id=bar, measure=measure, figure=told, low=low, high=high, n=n, goal=goal, met=met, ground=ground
    )  # fmt: skip


def share_of(
    bar: str,
    measure: str,
    hits: int,
    n: int,
    *,
    goal: str = "",
    least: float | None = None,
    most: float | None = None,
    ground: Ground = "twin",
) -> Figure:
    """Return a share of independent cases with its Wilson interval; None of nothing."""
    value = hits / n if n else None
    return figure_of(
        bar, measure, value, span=wilson(hits, n), n=n, goal=goal, least=least, most=most, ground=ground
    )  # fmt: skip


def printed(lines: Iterable[Line]) -> list[Figure]:
    """Print lines as rows of a table, each as soon as it is there, and return their figures."""
    figures: list[Figure] = []
    for line in lines:
        print(f"| {line.what} | {line.said} |", flush=True)
        figures += line.figures
    return figures


def as_json(figures: Sequence[Figure]) -> str:
    """Return the list as JSON, one figure a line."""
    return "[" + ",\n ".join(msgspec.json.encode(f).decode() for f in figures) + "]"


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
