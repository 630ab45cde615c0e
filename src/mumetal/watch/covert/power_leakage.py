"""Power, EM and thermal leakage: a channel that leaves tells more of what the controller plays than it used to."""

import math

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.leakage_share import LAGS, leakage_channels, repeated
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import COMPARED_HZ, Array, Standardised, rate_of, shares, units_of

TECHNIQUE = "collection.controller_power_trace"
LONGEST = 8_192  # rows
STEP = 32  # rows: where windows of more than 512 begin
SHORTEST = 32  # rows
LEAST = 8  # rows of each class that Welch's t is told from
DRIFT = 64  # rows over which a level is taken out, and is longer where jobs are
LONGEST_DRIFT = 1_024
CLIP = 6.0  # standard deviations: one burst is no association
SIGNED = 4.0  # standard errors from which the history's own leak has a direction


class PowerLeakage(Standardised):
    """Association of what the history's own leak does not explain with what is played, over windows that grow by √2.

    The history says by how much each leaking channel follows what is played, at each lag (least squares); that is
    ordinary and is taken off. What is left is compared with pulse energies by their correlation (Fisher's z, the rows
    divided by what serial correlation repeats), and with flags by Welch's t between the two classes, as TVLA does. Only
    a leak that becomes larger counts, where it has a direction. Levels over the last rows are taken out of both sides:
    a slow common drift is no leak. A busier controller leaks more bits at the same gain and is no alarm.
    """

    info = PluginInfo(
        plugin_id="watch.covert.power_leakage",
        title="Power, EM bands or temperatures that follow the pulses more than before",
        reference="Goodwill et al. 2011, NIST workshop on non-invasive attacks (Welch's t between classes); Becker et al. "
        "2013 (TVLA in practice); Fisher 1921, Metron 1:3-32 (correlation); Bartlett 1946 (serial correlation)",
        techniques=(TECHNIQUE, "collection.single_trace_reconstruction"),
        min_history=256,
        family="covert.power",
        needs="W, K or band… beside pulse energy or a flag of jobs, at most 1,000 rows/s",
        words=Words(
            title="{channel} of {device} tells more of what is played than before",
            severity=Severity.HIGH,
            remedy="Look for a removed filter or a probe on the supply and at who was at the rack; filter, and withhold the channel.",
        ),
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = (
        "_leaking",
        "_played",
        "_flags",
        "_drift",
        "_is_flag",
        "_gain",
        "_side",
        "_spread",
        "_left",
        "_repeats",
        "_learnt",
        "_spans",
        "_level",
        "_late",
        "_past",
    )

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether something that may leak is recorded beside what is played."""
        return bool(leakage_channels(history.names, units_of(history))[0]) and rate_of(history.t_ns) <= COMPARED_HZ

    def _choose(self, history: Series) -> None:
        self._leaking, self._played = leakage_channels(history.names, units_of(history))
        if not self._leaking:
            raise BadInputError(
                "no leaking channel beside one of what is played",
                where=f"{history.device}/{history.stream}",
                hint="record power in W, EM bands (band0, …) or temperatures in K beside awg.pulse_energy or a job flag",
            )
        told = history.values[:, self._played]
        self._flags = np.array([bool(c.size) and set(np.unique(c)) == {0.0, 1.0} for c in map(_finite, told.T)])
        turns = [float(np.abs(np.diff(_finite(c))).sum()) for c in told[:, self._flags].T]
        run = max((len(history) / (1.0 + t) for t in turns), default=0.0)
        self._drift = int(min(max(DRIFT, 8 * run), LONGEST_DRIFT))
        kinds = np.tile(self._flags, (len(LAGS), 1)).T.ravel()
        self._is_flag = np.tile(kinds, len(self._leaking))

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn spreads, the ordinary gain of each channel at each lag, and how often serial correlation repeats a row."""
        features = len(self._played) * len(LAGS)
        self._gain: Array = np.zeros((features, len(self._leaking)))
        self._side: Array = np.zeros(features * len(self._leaking))
        self._spread: Array = np.ones(len(self._leaking) + len(self._played))
        self._left: Array = np.ones(len(self._leaking))
        self._repeats: Array = np.ones(features * len(self._leaking))
        self._learnt = math.inf
        self._spans = ()
        self.reset()
        level, _, weight = self._levelled(z, seen)
        whole = weight.all(axis=1)
        if whole.any():
            self._spread = np.asarray(np.maximum(level[whole].std(axis=0), 1e-6), np.float64)
        self.reset()
        y, x, _, used = self._rows(z, seen)
        rows = used.all(axis=1)
        self._learnt = float(max(rows.sum(), 1))
        if rows.sum() > 4 * features:
            inside = x[rows]
            self._gain = np.asarray(np.linalg.lstsq(inside, y[rows], rcond=None)[0], np.float64)
            left = y[rows] - inside @ self._gain
            self._left = np.maximum(left.std(axis=0), 1e-6)
            error = np.sqrt(np.maximum(np.diag(np.linalg.pinv(inside.T @ inside)), 1e-12))
            steps = self._gain / (error[:, None] * self._left)
            self._side = np.where(np.abs(steps) > SIGNED, np.sign(steps), 0.0).T.ravel()
            self._repeats = np.array([repeated(inside[:, f], e) for e in left.T for f in range(features)])
        self._spans = tuple(s for s in spans_up_to(min(LONGEST, z.shape[0])) if s >= SHORTEST)
        self.reset()

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        columns = len(self._leaking) + len(self._played)
        self._level = Spans((self._drift,), 2 * columns)
        self._late = np.zeros((LAGS[-1], 3 * len(self._played)))
        self._past = Spans(self._spans, 7 * len(self._leaking) * len(self._played) * len(LAGS), STEP)

    def _levelled(self, z: Array, seen: NDArray[np.bool_] | None) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Return values less the mean of the last rows, the flags as they are, and what was observed."""
        assert self._scale is not None
        columns = [*self._leaking, *self._played]
        there = np.ones((z.shape[0], len(columns)), bool) if seen is None else seen[:, columns]
        own = np.where(there, z[:, columns], 0.0)
        level = np.zeros_like(own)
        for _, means in self._level.push(np.hstack([own, there.astype(np.float64)])):
            level = means[:, : len(columns)] / np.maximum(means[:, len(columns) :], 1e-9)
        raw = z[:, self._played] * self._scale.scale[self._played] + self._scale.location[self._played]
        return np.where(there, own - level, 0.0), (raw > 0.5).astype(np.float64), there

    def _rows(self, z: Array, seen: NDArray[np.bool_] | None) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
        """Return leaking rows (n, J), played rows at each lag (n, P·lags), flags likewise, and where all was observed (n, J·P·lags)."""
        level, raw, there = self._levelled(z, seen)
        level = np.clip(level / self._spread, -CLIP, CLIP)
        j, p, n = len(self._leaking), len(self._played), z.shape[0]
        both = np.concatenate([self._late, np.hstack([level[:, j:], raw, there[:, j:]])])
        self._late = both[both.shape[0] - LAGS[-1] :].copy()
        at = np.stack([both[LAGS[-1] - lag : LAGS[-1] - lag + n] for lag in LAGS], axis=2)  # (n, 3P, lags)
        x, flags, known = (at[:, k * p : (k + 1) * p].reshape(n, p * len(LAGS)) for k in range(3))
        used = (there[:, :j, None] & (known > 0)[:, None, :]).reshape(n, self._side.size)
        return level[:, :j], x, flags, used

    def _distances(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the largest excess of each leaking channel at each lag over all windows, shape (n, J·P·lags)."""
        y, x, flags, used = self._rows(z, seen)
        left = np.clip((y - x @ self._gain) / self._left, -2 * CLIP, 2 * CLIP)
        e = np.repeat(left, x.shape[1], axis=1)
        j = len(self._leaking)
        told = np.where(self._is_flag, np.tile(flags, j), np.tile(x, j))
        w = used.astype(np.float64)
        e, told = e * w, told * w
        sums = np.stack([w, told, told**2, e, e**2, told * e, told * e**2], axis=1)
        out = np.zeros(w.shape)
        for length, means in self._past.push(sums.reshape(w.shape[0], 7 * w.shape[1])):
            total = means.reshape(sums.shape) * length[:, None, None]
            steps = np.where(self._is_flag, self._welch(total), self._fisher(total))
            out = np.maximum(out, np.where(self._side == 0, np.abs(steps), steps * self._side))
        return out

    def _fisher(self, total: Array) -> Array:
        """Fisher's z of the correlation over its standard deviation; 0 where rows are few or nothing moves."""
        w, x, xx, e, ee, xe, _ = (total[:, k] for k in range(7))
        n = np.maximum(w, 1.0)
        spread = np.maximum(xx - x * x / n, 0.0) * np.maximum(ee - e * e / n, 0.0)
        enough = (w >= SHORTEST) & (spread > 1e-9 * n * n)
        r = np.where(enough, (xe - x * e / n) / np.sqrt(np.where(enough, spread, 1.0)), 0.0)
        z = np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9))
        return np.asarray(z / np.sqrt(self._repeats * (1 / np.maximum(n - 3, 1.0) + 1 / self._learnt)), np.float64)

    def _welch(self, total: Array) -> Array:
        """Welch's t between the rows with the flag and those without; 0 where a class has few rows or nothing moves."""
        w, x, _, e, ee, xe, xee = (total[:, k] for k in range(7))
        n1, n0 = np.maximum(x, 1.0), np.maximum(w - x, 1.0)
        one, none = xe / n1, (e - xe) / n0
        v1 = np.maximum(xee / n1 - one**2, 0.0) / np.maximum(n1 - 1, 1.0)
        v0 = np.maximum((ee - xee) / n0 - none**2, 0.0) / np.maximum(n0 - 1, 1.0)
        enough = (x >= LEAST - 0.5) & (w - x >= LEAST - 0.5) & (v1 + v0 > 1e-12)
        error = np.sqrt(self._repeats * np.where(enough, (v1 + v0) * (1 + w / self._learnt), 1.0))
        return np.where(enough, (one - none) / error, 0.0)

    @property
    def scales(self) -> int:
        """How many features are looked at: each leaking channel, what is played, lag and window."""
        return len(self._spans) * self._side.size

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations."""
        return np.asarray(self._distances(z, seen).max(axis=1, initial=0.0), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each leaking channel's largest excess in the window, started afresh."""
        kept = self._level, self._late, self._past
        try:
            self.reset()
            most = self._distances(z, seen).max(axis=0, initial=0.0)
        finally:
            self._level, self._late, self._past = kept
        weights = most.reshape(len(self._leaking), -1).max(axis=1) ** 2
        return shares(tuple(names[c] for c in self._leaking), weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest added correlation; the bound is Fisher's z test of one channel at one known lag on all samples.

        ``conditions``: ``samples`` rows, ``channels`` leaking channels.
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, "correlation", "looks at power, EM bands and temperatures beside pulses")
        n = conditions.samples
        if n < SHORTEST:
            why = f"needs {SHORTEST} rows and had {n:g}"
            return blind(self.info, technique, "correlation", why, "record power and pulse energy more often")
        used = min(n, LONGEST)
        tests = max(1, conditions.channels) * len(LAGS) * sum(s >= SHORTEST for s in spans_up_to(LONGEST))
        ours = z_upper(conditions.false_alarm / (2 * tests)) - z_upper(conditions.power)
        best = z_upper(conditions.false_alarm) - z_upper(conditions.power)
        return Power(
            technique=technique,
            smallest=math.tanh(ours * math.sqrt(1 / (0.84 * used - 3) + 1 / LONGEST)),
            bound=math.tanh(best / math.sqrt(max(n - 3, 1.0))),
            unit="correlation",
            reason=f"{n:.3g} rows, {conditions.channels} leaking channels, {len(LAGS)} lags",
            advice="" if n <= used else "leaks weaker than this need longer windows than the 8,192 rows compared",
        )


def _finite(column: Array) -> Array:
    return column[np.isfinite(column)]
