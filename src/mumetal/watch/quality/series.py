"""Rules for samples: gaps, clock offset, unit slips, frozen values, repeats."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.numerics.robust import location_scale
from mumetal.watch.quality.breach import Breach
from mumetal.watch.regimes import STATES

Array = NDArray[np.float64]
GAP = PluginInfo(plugin_id="watch.quality.gap", title="Samples are missing")
FUTURE = PluginInfo(plugin_id="watch.quality.clock_ahead", title="Samples are dated in the future")
OFFSET = PluginInfo(plugin_id="watch.quality.clock_offset", title="A clock is off its time server")
SLIP = PluginInfo(
    plugin_id="watch.quality.unit_slip", title="A channel jumped by a unit's factor", techniques=("impair.config_edit",)
)
FROZEN = PluginInfo(
    plugin_id="watch.quality.frozen", title="A channel that used to move stands still",
    techniques=("evasion.telemetry_replay",),
)  # fmt: skip
INFOS = (GAP, FUTURE, OFFSET, SLIP, FROZEN)

GAP_INTERVALS = 20.0  # intervals between two rows that are a gap
FACTORS = (1e3, 1e-3, 1e6, 1e-6, 1e9, 1e-9, 60.0, 1 / 60, 100.0, 0.01)
OFFSETS = (273.15, -273.15)
TEMPERATURES = ("K", "°C", "degC")  # a pressure may well move by 273 Pa
NEAR = 0.02  # how near the ratio must come to a unit's factor
SAMPLED = 32  # rows from which a level is told
STILL_ROWS = 64  # rows without any change that are a freeze
CLOCK_NAMES = ("ntp", "ptp", "clock_offset", "clock.offset", "time_offset")


class SeriesRules:
    """Checks one stream; state is a few numbers per channel.

    Args:
        skew_s: Difference between two clocks that is a finding, s.
    """

    saved = (
        "_epoch",
        "_rows",
        "_last_ns",
        "_interval",
        "_level",
        "_spread",
        "_last",
        "_block",
        "_still",
        "_longest",
        "_moved",
        "_had",
        "_range",
    )
    unsaved = ("_skew",)

    def __init__(self, skew_s: float) -> None:
        self._skew = skew_s
        self._epoch = ""
        self._reset(0)

    def _reset(self, channels: int) -> None:
        self._rows = 0
        self._last_ns = 0
        self._interval = 0.0
        self._level = np.full(channels, np.nan)
        self._spread = np.full(channels, np.nan)
        self._last = np.full(channels, np.nan)
        self._block: list[Array] = []
        self._still = np.zeros(channels, np.int64)
        self._longest = np.zeros(channels, np.int64)
        self._moved = np.zeros(channels, bool)
        self._had = np.full((channels, STATES + 1), np.nan)  # the first distinct values: few of them are states
        self._range = np.array([np.full(channels, np.inf), np.full(channels, -np.inf)])

    def check(self, chunk: Series, now_ns: int) -> Iterator[Breach]:
        """Yield what is wrong with rows that follow the last ones, which arrived at ``now_ns``."""
        if chunk.epoch != self._epoch:
            self._epoch = chunk.epoch
            self._reset(len(chunk.channels))
        if len(chunk) == 0:
            return
        yield from self._clock(chunk, now_ns)
        yield from self._gaps(chunk)
        yield from self._slips(chunk)
        yield from self._freezes(chunk)
        self._rows += len(chunk)
        self._last_ns = int(chunk.t_ns[-1])

    def _clock(self, chunk: Series, now_ns: int) -> Iterator[Breach]:
        ahead = (int(chunk.t_ns[-1]) - now_ns) / 1e9
        if ahead > self._skew:
            yield Breach(
                info=FUTURE,
                start_ns=int(chunk.t_ns[-1]),
                stop_ns=int(chunk.t_ns[-1]) + 1,
                detail=f"The newest sample is {ahead:.1f} s ahead of this machine's clock (limit {self._skew:g} s).",
                severity=Severity.MEDIUM,
                remedy="Check the time servers of the source and of this machine.",
            )
        columns = [
            i for i, c in enumerate(chunk.channels) if c.unit == "s" and any(n in c.name.lower() for n in CLOCK_NAMES)
        ]
        if not columns:
            return
        size = np.abs(np.nan_to_num(chunk.values[:, columns]))
        rows = np.flatnonzero((size > self._skew).any(axis=1))
        if rows.size:
            yield Breach(
                info=OFFSET,
                start_ns=int(chunk.t_ns[rows[0]]),
                stop_ns=int(chunk.t_ns[rows[-1]]) + 1,
                detail=f"The source reports an offset of {size.max():.3g} s from its time server (limit {self._skew:g} s).",
                channels=tuple(chunk.names[c] for k, c in enumerate(columns) if size[:, k].max() > self._skew),
                severity=Severity.MEDIUM,
                remedy="Distrust the order of this source's samples until its clock is right.",
            )

    def _gaps(self, chunk: Series) -> Iterator[Breach]:
        t = chunk.t_ns if not self._last_ns else np.concatenate([[self._last_ns], chunk.t_ns])
        steps = np.diff(t)
        if self._interval > 0:
            rows = np.flatnonzero(steps > max(GAP_INTERVALS * self._interval, 1e9))
            if rows.size:
                widest = int(rows[steps[rows].argmax()])
                yield Breach(
                    info=GAP,
                    start_ns=int(t[rows[0]]),
                    stop_ns=int(t[rows[-1] + 1]),
                    detail=f"{rows.size} gaps, the widest {steps[widest] / 1e9:.1f} s where rows come every "
                    f"{self._interval / 1e9:.3g} s.",
                    remedy="See whether the source, the network or a person stopped it.",
                )
        if steps.size >= 8 or (steps.size and self._interval == 0 and self._rows >= 8):
            step = float(np.median(steps))
            self._interval = step if self._interval == 0 else 0.9 * self._interval + 0.1 * step

    def _slips(self, chunk: Series) -> Iterator[Breach]:
        """A lasting jump by a unit's factor: the median of a block of rows against that of the block before."""
        self._block.append(chunk.values[:: max(1, len(chunk) // SAMPLED)])
        if self._rows and sum(len(b) for b in self._block) < SAMPLED:
            return  # a few equal counts in a row look as steady as a temperature
        values = np.concatenate(self._block)
        self._block = []
        location, spread = location_scale(values)
        seen = np.isfinite(values).sum(axis=0) >= min(4, len(values))
        known = np.isfinite(self._level) & seen
        before = self._level
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(known & (before != 0), location / before, np.nan)
        slipped = np.zeros(len(chunk.channels), bool)
        for factor in FACTORS:
            slipped |= np.abs(ratio / factor - 1) < NEAR
        warm = np.array([c.unit in TEMPERATURES for c in chunk.channels])
        for offset in OFFSETS:
            near = NEAR * 10 + np.minimum(3 * np.nan_to_num(self._spread), 5.0)
            slipped |= known & warm & (np.abs(location - before - offset) < near)
        steady = np.nan_to_num(self._spread) < 0.05 * np.abs(np.nan_to_num(before))  # or chance would hit a factor
        slipped &= known & steady
        if slipped.any():
            names = tuple(chunk.names[int(i)] for i in np.flatnonzero(slipped))
            first = int(np.flatnonzero(slipped)[0])
            yield Breach(
                info=SLIP,
                start_ns=int(chunk.t_ns[0]),
                stop_ns=int(chunk.t_ns[-1]) + 1,
                detail=f"{names[0]} went from {before[first]:.6g} to {location[first]:.6g} {chunk.channels[first].unit}.",
                channels=names,
                severity=Severity.MEDIUM,
                confidence=0.85,
                remedy="Check the unit in the source's configuration; thresholds downstream may be meaningless.",
            )
        self._level = np.where(seen, location, self._level)
        self._spread = np.where(seen, spread, self._spread)

    def _freezes(self, chunk: Series) -> Iterator[Breach]:
        values = chunk.values
        seen = np.isfinite(values)
        if not seen.all():  # the last observed value stands in
            values = np.concatenate([self._last[None], values])
            index = np.where(np.isfinite(values), np.arange(values.shape[0])[:, None], 0)
            values = np.take_along_axis(values, np.maximum.accumulate(index, axis=0), axis=0)
            before, now = values[:-1], values[1:]
        else:
            before, now = np.concatenate([self._last[None], values[:-1]]), values
        same = (before == now) & seen
        moved = (before != now) & seen
        counter = np.cumsum(same, axis=0)
        base = np.maximum.accumulate(np.where(moved, counter, 0), axis=0)
        ever = np.maximum.accumulate(moved, axis=0)
        run = counter - base + np.where(ever, 0, self._still[None])
        peak = run.max(axis=0)
        # A channel freezes only if it ever moved, and never stood still for a tenth as long before.
        limit = np.maximum(STILL_ROWS, 10 * self._longest)
        self._moved |= (moved & np.isfinite(before)).any(axis=0)
        self._note_values(chunk.values)
        frozen = (peak >= limit) & (self._rows >= 4 * STILL_ROWS) & self._moved & np.isfinite(self._had).all(axis=1)
        ended = np.where(moved, np.concatenate([self._still[None], run[:-1]]), 0).max(axis=0)
        self._longest = np.where(self._rows == 0, self._longest, np.maximum(self._longest, ended))
        self._still = run[-1]
        self._last = now[-1].copy()
        if self._rows < 4 * STILL_ROWS:  # what stands still at first is a set point, not a freeze
            self._longest = np.maximum(self._longest, peak)
        at_end = frozen & ((self._last <= self._range[0]) | (self._last >= self._range[1]))
        for which, ends in ((frozen & ~at_end, False), (at_end, True)):
            if which.any():
                yield _frozen(chunk, which, int(peak[which].max()), ends=ends)

    def _note_values(self, values: Array) -> None:
        """Keep each channel's first few distinct values, and its range."""
        self._range[0] = np.fmin(self._range[0], np.fmin.reduce(values, axis=0))
        self._range[1] = np.fmax(self._range[1], np.fmax.reduce(values, axis=0))
        for column in np.flatnonzero(np.isnan(self._had).any(axis=1)).tolist():
            found = values[:, column]
            known = np.unique(np.concatenate([self._had[column], found[np.isfinite(found)]]))[: STATES + 1]
            self._had[column, : known.size] = known


def _frozen(chunk: Series, which: NDArray[np.bool_], rows: int, *, ends: bool) -> Breach:
    detail, remedy = f"No change in the last bit for {rows} rows.", "Read the sensor by another path: "
    if ends:
        detail += " It stands at the end of all that it ever showed, as a sensor out of its range does."
    return Breach(
        info=FROZEN,
        start_ns=int(chunk.t_ns[0]),
        stop_ns=int(chunk.t_ns[-1]) + 1,
        detail=detail,
        channels=tuple(chunk.names[int(i)] for i in np.flatnonzero(which)),
        severity=Severity.LOW if ends else Severity.MEDIUM,
        confidence=0.9,
        remedy=remedy + ("it may be out of its range." if ends else "the value may be replayed or its reader hung."),
    )
