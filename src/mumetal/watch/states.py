"""Channels that report states: a value they never had is told once, and pages only when there is no end of new ones."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.watch.findings import stream_finding
from mumetal.watch.regimes import STATES, state_columns

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
NEW_CONFIDENCE = 0.12  # share of new values that came with a labelled event: 6 of 48 on public series
MOVES_CONFIDENCE = 0.5
NEW = PluginInfo(
    plugin_id="watch.states.new",
    title="A state that was never reported before",
    techniques=("impair.config_edit",),
    words=Words(
        title="{channel} of {device} reports a state it never had",
        severity=Severity.LOW,
        remedy="Ask who switched it. If nobody did, read the device by another path.",
    ),
)
MOVES = PluginInfo(
    plugin_id="watch.states.moves",
    title="A channel that hardly moved moves",
    techniques=("impair.cryostat_sabotage", "impair.config_edit"),
    words=Words(
        title="{channel} of {device} moves, and never did while it was learnt",
        severity=Severity.MEDIUM,
        remedy="See what changed on the device when it began, and whether somebody announced it.",
    ),
)


def _known(column: Array) -> Array:
    return np.unique(column[np.isfinite(column)])


class States:
    """The states that a stream's channels had, and what was told of new ones.

    Args:
        history: What is ordinary.
        told: What was seen as new before and is not told again.
    """

    saved = ("_columns", "_known", "_new")

    def __init__(self, history: Series, told: Mapping[int, list[float]] | None = None) -> None:
        self._columns = state_columns(history.values)
        self._known = {int(c): _known(history.values[:, int(c)]) for c in self._columns}
        self._new = {c: values for c, values in (told or {}).items() if c in self._known}

    @property
    def told(self) -> dict[int, list[float]]:
        """New values that were seen, by column."""
        return self._new

    def observe(self, rows: Series) -> list[Finding]:
        """Return what is new in rows that follow the last ones."""
        out: list[Finding] = []
        for column in self._columns.tolist():
            values = rows.values[:, column]
            fresh = np.isfinite(values) & ~np.isin(values, self._known[column])
            told = self._new.setdefault(column, [])
            for row in np.flatnonzero(fresh).tolist():
                value = float(values[row])
                if len(told) > STATES or value in told:
                    continue
                told.append(value)
                if len(told) == 1 or len(told) > STATES:
                    out.append(_finding(rows, column, row, NEW if len(told) == 1 else MOVES))
        return out


def _finding(rows: Series, column: int, row: int, info: PluginInfo) -> Finding:
    channel, t = rows.channels[column], int(rows.t_ns[row])
    found = stream_finding(
        tenant=rows.tenant,
        device=rows.device,
        stream=rows.stream,
        info=info,
        start_ns=t,
        stop_ns=t + 1,
        confidence=MOVES_CONFIDENCE if info is MOVES else NEW_CONFIDENCE,
        detail=f"It is {rows.values[row, column]:.6g} {channel.unit}; while it was learnt it had at most {STATES} values, and never this.",
        attribution=(Attribution(channel=channel.name, share=1.0, method="own-score"),),
    )
    return replace(found, identity=f"{channel.name} {t}"[:1_000])  # two channels may do so in one row
