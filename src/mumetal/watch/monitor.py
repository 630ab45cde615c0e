"""One fast stream: learning, scoring, and episodes that become findings."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import AlertBudget
from mumetal.core.series import Series
from mumetal.watch.afresh import Fresh, fresh_of
from mumetal.watch.alerts import Alert, raised
from mumetal.watch.calibrate import MOST_TOGETHER
from mumetal.watch.detectors.standard import rate_of
from mumetal.watch.ensemble import Ensemble
from mumetal.watch.episodes import Episode, Episodes
from mumetal.watch.late import judged_late
from mumetal.watch.learned import Models, Watching, given_by, no_models
from mumetal.watch.refit import Refit, ensemble_for
from mumetal.watch.regimes import SPARSE
from mumetal.watch.rows import Kept, joined, last, window, within
from mumetal.watch.settings import WatchSettings
from mumetal.watch.state.conditions import is_monitor, learnt_under
from mumetal.watch.state.saving import Arrays, Saved, pack, unpack
from mumetal.watch.states import States

Array = NDArray[np.float64]
LEARN_MOST = 20_000  # a fast stream is learnt from no more rows than this, however long that lasts
HISTORY_VALUES = 1_000_000  # numbers kept to learn from, 8 MB: a refit takes a fraction of a second
HISTORY_ROWS = 40_000
WINDOW = 512  # rows an attribution looks back
ORDINARY = 16 * WINDOW  # rows of the history that a finding is told beside, which are saved: the rest is in the store
RATE_FACTOR = 2.0
MATURE = 64  # times the first learning period: so long the tails are refitted, each time at twice the rows
TAKE_OVER = 8  # a refit takes over after an eighth of the rows it learnt from: however long it took, at the same row
STAYS = "the stream stays in a state it was not learnt in, from which further change counts"
SPOILT = "most of what it was learnt from is under an incident, learning anew"
RETURNS = "it is on its way back"
CATCH_UP = 2_048  # rows that bring a refitted detector's slow averages up to date


class StreamMonitor:
    """Watches one stream of one device.

    Args:
        settings: How streams are watched.
        budget: Shared by all streams.
        background: Where refits run; without it they run where the rows are judged. The outcome is the same.
        models: Says which models of the registry are active now.
    """

    saved = (
        "_epoch", "_reason", "_history", "_recent", "_ensemble", "_next_fit", "_seen_rows", "_strange", "_episodes",
        "_alerts", "_states", "last_ns", "rate_hz", "channels", "score", "unseen", "_forgot", "_spoilt",
    )  # fmt: skip
    unsaved = ("_settings", "_budget", "_background", "_models", "_fitted_with", "_refit", "_fresh", "_barred")

    def __init__(
        self,
        settings: WatchSettings,
        budget: AlertBudget,
        background: Executor | None = None,
        models: Models = no_models,
    ) -> None:
        self._settings, self._budget, self._background = settings, budget, background
        self._models, self._fitted_with = models, models()
        self._refit: Refit | None = None
        self._barred: tuple[tuple[int, int], ...] = ()
        self._spoilt, self._forgot = False, 0  # rows forgotten since the last fit
        self._epoch = ""
        self._reason = ""
        self._history = Kept(HISTORY_ROWS)
        self._recent: Series | None = None
        self._ensemble: Ensemble | None = None
        self._next_fit = 0
        self._seen_rows = 0
        self._strange = False
        self._episodes: dict[str, Episodes] = {}
        self._fresh: dict[str, Fresh] = {}
        self._alerts: dict[str, Alert] = {}
        self._states: States | None = None
        self.last_ns = 0
        self.rate_hz = 0.0
        self.channels = 0
        self.score = 0.0
        self.unseen: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``"learning"``, ``"watching"`` or ``"degraded"``."""
        if self._ensemble is None:
            return "learning"
        return "degraded" if self.unseen else "watching"

    @property
    def budget_note(self) -> str:
        """Why its share of the alert budget cannot be promised yet: thresholds are carried beyond what was seen."""
        return self._ensemble.short_of(self._budget.share) if self._ensemble is not None else ""

    @property
    def reason(self) -> str:
        """Why it is not simply watching, in one sentence."""
        parts = [self._reason] if self._reason else []
        if self._ensemble is None:
            lacking = self.needed - len(self._history)
            left = f", about {max(0.0, lacking / self.rate_hz):.0f} s" if self.rate_hz > 0 else ""
            parts.append(f"learning: {len(self._history)} of {self.needed} rows{left}")
        if any(start <= self.last_ns < stop for start, stop in self._barred):
            parts.append("nothing is learnt now: an incident is open on it, or it was called an attack")
        if self.unseen:
            shown = ", ".join(self.unseen[:5])
            parts.append(f"{len(self.unseen)} of {self.channels} channels not observed lately: {shown}")
        if self._ensemble is not None:
            parts += self._ensemble.left_out
        if self._strange:
            parts.append("in a state hardly seen while learning: the strictest thresholds hold")
        return "; ".join(parts)

    @property
    def needed(self) -> int:
        """Rows to learn from before anything is scored."""
        return self._settings.rows(self.rate_hz, min(LEARN_MOST, HISTORY_VALUES // max(1, self.channels)))

    @property
    def out(self) -> frozenset[str]:
        """Ids of findings that are out and not closed."""
        return frozenset(alert.finding.finding_id for alert in self._alerts.values())

    def prime(self, history: Series) -> None:
        """Learn from stored rows, oldest first, without judging them."""
        if history.epoch != self._epoch:
            self._restart(history, "")
        self._history.add(history)
        self._note(history)
        if len(self._history) >= self.needed:
            self._fit()

    def bar(self, spans: Sequence[tuple[int, int]]) -> None:
        """Learn from no row of these spans (from when until before when, ns since 1970 UTC), and forget what was learnt from them.

        What watches goes on, and is fitted anew as soon as there are as many other rows as it takes to learn. Where most of
        what it had learnt is forgotten it takes the ordinary for strange: then it learns from the beginning.
        """
        changed, self._barred = tuple(spans) != self._barred, tuple(spans)
        forgot = self._history.forget(self._barred) if changed else 0
        self._forgot += forgot
        if changed and self._refit is not None and within(self._refit.history, self._barred).any():
            self._refit, self._next_fit = None, self._seen_rows
        if forgot and self._ensemble is not None:
            if self._refit is None:
                self._next_fit = self._seen_rows + max(0, self.needed - len(self._history))
            self._spoilt |= 2 * len(self._history) < min(self.needed, self._forgot + len(self._history))

    def observe(self, chunk: Series) -> list[Finding]:
        """Learn from or score the rows that follow the last ones."""
        out: list[Finding] = []
        if chunk.epoch != self._epoch:
            out += self.finish("the channel map changed")
            self._restart(chunk, "channels changed, learning anew" if self._epoch else "")
        elif self._spoilt:
            out += self.finish(SPOILT)
            left = self._history
            self._restart(chunk, SPOILT)
            self._history, self._seen_rows = left, len(left)
        if len(chunk) == 0:
            return out
        out += self._check_rate(chunk)
        self._note(chunk)
        if self._ensemble is not None and self._fitted_with != self._models():
            out += self.finish("another version of a model is active")
            self._refit = None
            self._fit()
        while self._ensemble is None and len(chunk):
            lacking = max(0, self.needed - len(self._history))
            calm = np.flatnonzero(~within(chunk, self._barred))
            take = int(calm[lacking - 1]) + 1 if 0 < lacking <= len(calm) else len(chunk)
            self._learn(chunk.rows(0, take))
            if len(self._history) >= self.needed:
                self._fit()
            chunk = chunk.rows(take, len(chunk))
        while self._ensemble is not None and len(chunk):
            due = self._refit.due if self._refit is not None else self._next_fit
            waits = self._refit is None and self.wanting is not None
            piece = len(chunk) if waits else min(len(chunk), max(1, due - self._seen_rows))  # at its row, however split
            out += self._judge(chunk.rows(0, piece))
            chunk = chunk.rows(piece, len(chunk))
        return out

    def late(self, rows: Series) -> list[Finding]:
        """Judge rows that came out of order, by themselves."""
        known = self._ensemble if rows.epoch == self._epoch else None
        return judged_late(known, self._budget, rows, last(self._history.series(), ORDINARY)) if known else []

    def finish(self, why: str) -> list[Finding]:
        """Close what is open."""
        out: list[Finding] = []
        for family, episodes in self._episodes.items():
            ended: list[Episode] = []
            episodes.close(ended)
            if family in self._fresh:
                self._fresh[family].forget()
            out += [self._alerts.pop(family).closed(e, why) for e in ended if family in self._alerts]
        return out

    def save(self) -> Saved:
        """Return what it has learnt and where it stands, without the older rows of its history, which are in the store."""
        told = {name: vars(self)[name] for name in self.saved}
        if self._ensemble is not None:
            told |= {"_history": self._history.newest(ORDINARY), "_ensemble": self._ensemble.savable()}
        told["_recent"] = last(self._recent, WINDOW) if self._recent is not None else None
        told["started"] = {family: fresh.started for family, fresh in self._fresh.items()}
        return pack(told, given_by(self._fitted_with), learnt_under(self._settings, self._fitted_with))

    def restore(self, facts: Mapping[str, object], arrays: Arrays) -> bool:
        """Go on from what :meth:`save` returned, where nothing was observed yet.

        Returns:
            False, and nothing has changed, when it was learnt under other settings, with other detectors or models, or cannot
            be read: then it is to be primed.
        """
        models = self._models()
        told = unpack(facts, arrays, given_by(models), learnt_under(self._settings, models))
        if not isinstance(told, dict) or not is_monitor(told, self.saved):
            return False
        started = told.pop("started")
        self.__dict__.update(told, _fitted_with=models, _refit=None)
        if self._ensemble is not None:
            self._budget.join(len(self._ensemble.families))
            self._fresh = fresh_of(self._ensemble)
            for family in self._fresh.keys() & started.keys():
                self._fresh[family].started = started[family]
            self._learn_forgotten()
        return True

    @property
    def wanting(self) -> tuple[int, int] | None:
        """From when until before when a restart left rows of the history in the store, ns since 1970 UTC; None where it has all."""
        return self._history.wanting

    def recall(self, history: Series) -> None:
        """Take stored rows that are :attr:`wanting`, oldest first, the newest 40,000 of them at most; judges and learns nothing.

        Until then a refit that comes due waits. A detector of another package cannot be saved; it watches again, fitted
        anew, from the next row on.
        """
        if history.epoch != self._epoch or self._ensemble is None:
            return
        self._history.recall(history)
        self._learn_forgotten()

    def _learn_forgotten(self) -> None:
        """Fit anew at once what a state cannot hold, as soon as the whole history is there."""
        if self._ensemble is not None and self._ensemble.forgot and self.wanting is None:
            history, rows = self._history.series(), self._seen_rows
            self._refit = Refit.begin(history, self._fitted_with, rows, rows, self._background)

    def leave(self) -> None:
        """Give its share of the alert budget back: nothing is asked of it any more."""
        if self._ensemble is not None:
            self._budget.leave(len(self._ensemble.families))

    def _restart(self, like: Series, reason: str) -> None:
        self.leave()
        self._epoch, self._reason = like.epoch, reason
        self._history = Kept(
            max(self._settings.learning_rows, min(HISTORY_ROWS, max(1_024, HISTORY_VALUES // len(like.channels))))
        )
        self._recent = self._ensemble = self._refit = None
        self._episodes, self._alerts, self._states = {}, {}, None
        self._seen_rows, self.score, self._strange, self._spoilt, self._forgot = 0, 0.0, False, False, 0

    def _note(self, chunk: Series) -> None:
        self.last_ns = int(chunk.t_ns[-1]) if len(chunk) else self.last_ns
        self.channels = len(chunk.channels)
        # Whatever row of the chunk is raised, an attribution can look back a whole window from it.
        self._recent = last(joined(self._recent, chunk) if self._recent is not None else chunk, WINDOW + len(chunk))
        newest = last(self._recent, WINDOW)
        self.rate_hz = rate_of(newest.t_ns) or self.rate_hz
        if len(newest) >= 32:
            seen = np.isfinite(newest.values).any(axis=0)
            self.unseen = tuple(newest.names[int(i)] for i in np.flatnonzero(~seen))

    def _check_rate(self, chunk: Series) -> list[Finding]:
        """A stream whose rate changed is another stream to a detector that counts rows."""
        if self._ensemble is None or len(chunk) < 8:
            return []
        rate, known = rate_of(chunk.t_ns), self._ensemble.scale.rate_hz
        if known <= 0 or 1 / RATE_FACTOR < rate / known < RATE_FACTOR:
            return []
        out = self.finish("the sampling rate changed")
        self._restart(chunk, f"rate changed from {known:.3g} to {rate:.3g} rows/s, learning anew")
        return out

    def _learn(self, rows: Series) -> None:
        calm = ~within(rows, self._barred)
        self._history.add_some(rows, calm)
        self._seen_rows += int(calm.sum())

    def _fit(self) -> None:
        models = self._models()
        try:
            self._install(ensemble_for(self._history.series(), models), models)
        except BadInputError as error:
            self._reason, self._fitted_with = error.message, models

    def _install(self, ensemble: Ensemble, models: tuple[Watching, ...]) -> None:
        if self._ensemble is not None:
            self._budget.leave(len(self._ensemble.families))
        self._budget.join(len(ensemble.families))
        self._ensemble, self._reason, self._fitted_with = ensemble, "", models
        self._next_fit, self._forgot = 2 * max(len(self._history), self._seen_rows), 0
        self._states = States(self._history.series(), self._states.told if self._states is not None else None)
        self._fresh = fresh_of(ensemble)
        for family in self._fresh:
            self._episodes.setdefault(family, Episodes())

    def _judge(self, chunk: Series) -> list[Finding]:
        ensemble = self._ensemble
        assert ensemble is not None
        scores = ensemble.score(chunk)
        regimes = ensemble.regimes.labels(chunk.values)
        self._strange = bool(regimes[-1] == SPARSE)
        together = self._together(ensemble, chunk, scores, int(regimes[-1]))
        levels = ensemble.levels(self._budget.share * together)[regimes]
        relative = scores / levels
        out: list[Finding] = []
        busy = np.zeros(len(chunk), bool)
        self.score = float(np.clip(relative[-1].max(), 0.0, 1.0))
        for family, fresh in self._fresh.items():
            columns = fresh.columns
            confirmed, ended, open_rows = self._episodes[family].push(
                chunk.t_ns, fresh.look_at(chunk.values, scores, levels), fresh
            )
            busy |= open_rows
            for episode in sorted((*confirmed, *(e for e in ended if e not in confirmed)), key=lambda e: e.start_ns):
                if episode in confirmed:
                    row = episode.confirmed_row
                    member = columns[int((scores[row] / levels[row])[columns].argmax())]
                    alert = raised(
                        ensemble,
                        member,
                        scores[row],
                        levels[row],
                        int(regimes[row]),
                        window(self._recent, chunk, row, WINDOW),
                        episode.start_ns,
                        last(self._history.series(), ORDINARY),
                        self._budget.true_per_week,
                    )
                    self._alerts[family] = alert
                    out.append(alert.finding)
                if episode in ended:
                    alert = self._alerts.pop(family)
                    alert.follow(ensemble, chunk.t_ns, scores, episode.last_ns)
                    quiet = int(np.searchsorted(chunk.t_ns, episode.last_ns, side="right"))
                    stays = bool(ensemble.apart[min(quiet, len(chunk) - 1), columns].any())
                    out.append(alert.closed(episode, STAYS if stays else RETURNS if episode.returning else ""))
            if family in self._alerts:
                alert = self._alerts[family]
                alert.follow(ensemble, chunk.t_ns, scores, self.last_ns)
                if (risen := alert.risen()) is not None:
                    out.append(risen)
        out += self._states.observe(chunk) if self._states is not None else []
        self._learn_calm(chunk, ~(busy | ensemble.apart.any(axis=1)))
        return out

    def _together(self, ensemble: Ensemble, chunk: Series, scores: Array, regime: int) -> int:
        """Return how many shares of the budget this stream's detectors have: more when other devices are in trouble too."""
        stream, t_ns, peaks = (chunk.tenant, chunk.device, chunk.stream), int(chunk.t_ns[-1]), scores.max(axis=0)
        if (peaks >= ensemble.levels(self._budget.share * MOST_TOGETHER)[regime]).any():
            self._budget.suspect(stream, t_ns, ensemble.rarest(peaks, regime))
        return self._budget.together(stream, t_ns)

    def _learn_calm(self, chunk: Series, calm: NDArray[np.bool_]) -> None:
        """Learn from rows outside every episode and state that began with one: what was raised is not absorbed."""
        if self._refit is None and self._seen_rows > MATURE * self.needed and self._next_fit >= 2 * self._seen_rows:
            return
        calm = calm & ~within(chunk, self._barred)
        self._history.add_some(chunk, calm)
        self._seen_rows += int(calm.sum())
        if self._refit is not None and self._seen_rows >= self._refit.due:
            self._take_over(self._refit)
        elif self._refit is None and self._seen_rows >= self._next_fit and self.wanting is None:
            due = self._seen_rows + max(1, self._seen_rows // TAKE_OVER)
            whole = self._history.series()
            self._refit = Refit.begin(whole, self._models(), self._seen_rows, due, self._background)

    def _take_over(self, refit: Refit) -> None:
        """Go on with a refitted ensemble, brought up to date with the rows since."""
        self._refit, self._next_fit = None, 2 * self._seen_rows
        try:
            ensemble = refit.take()
        except BadInputError as error:
            self._reason = error.message
            return
        ensemble.score(last(self._history.series(), min(CATCH_UP, self._seen_rows - refit.seen_rows)))
        self._install(ensemble, refit.models)
