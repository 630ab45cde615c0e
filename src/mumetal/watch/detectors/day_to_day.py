"""Calibrated figures against the day before: all of a kind together, each alone, and settings that should not move."""

import re

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.detectors.joint_figures import ENOUGH, JointFigures
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, shares

MEASURED = re.compile(r".*\.(T1|T2|readout_error|gate_error|prob_meas0_prep1|prob_meas1_prep0|error)", re.IGNORECASE)
SETTING = re.compile(r".*\.(gate_length|readout_length|anharmonicity|dt|dtm)", re.IGNORECASE)
SIGMA = 0.3  # of ln(x / x the day before), measured 0.19 to 0.43 on two devices over 57 days
COMMON = 0.06  # of what all qubits of a device share from day to day
ALONE = 4.0  # |ln ratio| of one figure that is no day's work: the largest of 2,600 measured is 3.2
SETTING_STEP = 1e-3  # relative change of a setting that is a change
SIGMAS = 5.0
KEPT = 40  # snapshots of a device's own past
ABSORB = 3  # rows after which a new level is taken as the level
PULL = 0.3  # weight of the newest row in the level


class DayToDay:
    """Log-ratio of each measured figure to its level, judged per kind and alone; 1 is the threshold.

    Ordinary days move a figure by ±30%, with tails far beyond a normal law (kurtosis up to 30), so a single figure says
    little and the median over all qubits of a kind says much: its limit is five standard deviations of
    sqrt(common² + (1.25·σ)² / qubits). From a dozen snapshots on, the device's own past judges as well, which
    sees more on few qubits: :class:`JointFigures`, refitted when the past has doubled.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.day_to_day",
        title="Calibration moved more than days do",
        reference="day-to-day spread measured on ibmq_athens and ibmq_valencia, 57 days (UST-QuAntiL/qprov-content)",
        techniques=("impair.calibration_misreport", "impair.config_edit"),
        min_history=1,
        words=Words(
            title="Calibration of {device} moved more than days do ({channel})",
            severity=Severity.HIGH,
            remedy="Compare with the change log, and with an independent measurement of the channels named.",
        ),
    )

    saved = (
        "_epoch",
        "_kinds",
        "_settings",
        "_measured",
        "_names",
        "_past",
        "_interval_s",
        "_joint",
        "_learnt",
        "_odd",
        "_strange",
        "_level",
        "_set",
    )

    def __init__(self) -> None:
        self._epoch = ""

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say no: it looks at calibrations, not at live streams."""
        del history
        return False

    def fit(self, history: Series) -> None:
        """Take the level of each figure from the history.

        Raises:
            BadInputError: No row at all.
        """
        if len(history) < 1:
            raise BadInputError("day_to_day needs one snapshot", where=f"{history.device}/{history.stream}")
        self._epoch = history.epoch
        kinds: dict[str, list[int]] = {}
        for index, name in enumerate(history.names):
            if MEASURED.fullmatch(name):
                kinds.setdefault(f"{name.split('.', 1)[0].rstrip('0123456789_')}.{name.rsplit('.', 1)[-1]}", []).append(
                    index
                )
        self._kinds = {k: np.array(v, np.int64) for k, v in kinds.items()}
        self._settings = np.array([i for i, n in enumerate(history.names) if SETTING.fullmatch(n)], np.int64)
        self._measured = np.sort(np.concatenate([*self._kinds.values(), np.empty(0, np.int64)]))
        self._names = history.names
        self._past = [row[self._measured] for row in history.values]
        self._interval_s = (int(history.t_ns[-1]) - int(history.t_ns[0])) / 1e9 / max(1, len(history) - 1)
        self._joint: JointFigures | None = None
        self._learnt = 0
        self._refit()
        self._odd: list[Array] = []
        self._strange = 0
        self._level = np.full(len(history.names), np.nan)
        self._set = np.full(self._settings.size, np.nan)
        for row in history.values:
            self._learn(row)

    def score(self, chunk: Series) -> Array:
        """Score each snapshot, shape (n,); 1 is the threshold.

        Raises:
            BadInputError: Not fitted, or another channel map.
        """
        self._check(chunk)
        out = np.zeros(len(chunk))
        for index, row in enumerate(chunk.values):
            joint = 0.0 if self._joint is None else float(self._joint.scores(_logs(row[self._measured])).max())
            out[index] = max(joint, float(self._plain(row).max(initial=0.0)))
            self._strange = self._strange + 1 if out[index] >= 1 else 0
            if out[index] < 1 or self._strange >= ABSORB:  # a strange day is no level until it has lasted
                self._learn(row)
            if out[index] < 1:
                if self._joint is not None:
                    self._joint.follow(_logs(row[self._measured]))
                self._past = [*self._past, row[self._measured]][-KEPT:]
                self._learnt += 1
                self._refit()
            elif self._joint is not None:
                self._odd = (
                    [*self._odd[1 - self._strange :], row[self._measured]]
                    if self._strange > 1
                    else [row[self._measured]]
                )
                if self._strange >= ABSORB:
                    self._joint.adopt(_logs(np.array(self._odd)))
                    self._strange = 0
        return out

    def _refit(self) -> None:
        """Fit the device's own past when it has doubled."""
        have = len(self._past)
        if have < ENOUGH or self._measured.size == 0 or (self._joint is not None and 2 * self._learnt < have):
            return
        kinds = {int(i): kind for kind, columns in self._kinds.items() for i in columns}
        logs = _logs(np.array(self._past))
        before = self._joint
        self._joint = JointFigures(logs, tuple(kinds[int(i)] for i in self._measured), self._interval_s)
        if before is not None:
            self._joint.widen(before.limits)
        self._learnt = 0

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Relative size of each figure's move in the last row; of a kind that moved together, each figure.

        Beside it, once the device's own past is told, the conditional residual and the exact Shapley value in it.
        """
        self._check(window)
        if not len(window):
            return ()
        row = window.values[-1]
        out = shares(window.names, self._weights(row), "own-score")
        if self._joint is not None:
            names = tuple(window.names[i] for i in self._measured)
            residual, shapley = self._joint.decomposed(_logs(row[self._measured]))
            out += (*shares(names, residual, "conditional-residual"), *shares(names, shapley, "shapley"))
        return out

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Common relative change of all figures of one kind that passes the limit in one snapshot."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "compares calibrated figures with their level only")
        noise = conditions.noise or SIGMA
        n = max(1, conditions.channels)
        spread = float(np.hypot(COMMON, 1.2533 * noise / np.sqrt(n)))
        smallest = (SIGMAS - z_upper(conditions.power)) * spread
        days = max(1.0, conditions.samples)
        best = (z_upper(conditions.false_alarm) - z_upper(conditions.power)) * noise / np.sqrt(n * days)
        return Power(
            technique=technique,
            smallest=smallest,
            bound=float(best),
            unit="ln of the common factor",
            reason=f"{SIGMAS:g} standard deviations of the median over {n} figures against the level",
            advice="a factor on one qubit alone is not seen: run a canary on it" if n < 5 else "",
        )

    def _ratio(self, row: Array) -> Array:
        """ln(figure / level), NaN where either is not positive."""
        return np.asarray(_logs(row) - self._level, np.float64)

    def _weights(self, row: Array) -> Array:
        """Return how much each channel carries, shape (C,), as the device's own past says unless a fixed limit was passed further."""
        out = self._plain(row)
        if self._joint is not None:
            logs = _logs(row[self._measured])
            top = float(self._joint.scores(logs).max())
            if max(top, 1.0) >= out[self._measured].max(initial=0.0):
                out[self._measured] = self._joint.weights(logs)
        return out

    def _plain(self, row: Array) -> Array:
        """Score each channel by the fixed limits, shape (C,), 0 where nothing is known."""
        ratio = self._ratio(row)
        out = np.zeros(row.size)
        for columns in self._kinds.values():
            moves = ratio[columns]
            known = np.isfinite(moves)
            if not known.any():
                continue
            median = float(np.median(moves[known]))
            limit = SIGMAS * float(np.hypot(COMMON, 1.2533 * SIGMA / np.sqrt(known.sum())))
            together = abs(median) / limit
            alone = np.abs(np.nan_to_num(moves)) / ALONE
            # In a kind that moved together, each figure carries it as far as it went along.
            along = np.clip(np.nan_to_num(moves) * np.sign(median) / max(abs(median), 1e-12), 0.0, 1.0)
            out[columns] = np.maximum(alone, together * along)
        if self._settings.size:
            now = row[self._settings]
            with np.errstate(over="ignore", invalid="ignore"):
                change = np.abs(now - self._set) / np.maximum(np.abs(self._set), 1e-30)
            change = np.clip(np.nan_to_num(change, nan=0.0), 0.0, 100.0 * SETTING_STEP)
            out[self._settings] = change / SETTING_STEP
        return out

    def _learn(self, row: Array) -> None:
        ratio = self._ratio(row)
        good = np.isfinite(row) & (row > 0)
        fresh = np.where(good, np.log(np.where(good, row, 1.0)), np.nan)
        weight = 1.0 if self._strange >= ABSORB else PULL
        self._level = np.where(np.isfinite(ratio), self._level + weight * np.nan_to_num(ratio), self._level)
        self._level = np.where(np.isfinite(self._level), self._level, fresh)
        now = row[self._settings]
        self._set = np.where(np.isfinite(now), now, self._set)

    def _check(self, series: Series) -> None:
        where = f"{series.device}/{series.stream}"
        if not self._epoch:
            raise BadInputError("day_to_day is not fitted", where=where, hint="call fit first")
        if series.epoch != self._epoch:
            raise BadInputError(
                "day_to_day was fitted to another channel map", where=where, hint="fit it to the new epoch"
            )


def _logs(values: Array) -> Array:
    """Ln of figures, NaN where there is none or it is not positive."""
    good = np.isfinite(values) & (values > 0)
    return np.asarray(np.where(good, np.log(np.where(good, values, 1.0)), np.nan), np.float64)
