"""One fast stream: learning, scoring, and episodes that become findings."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import AlertBudget
from mumetal.core.series import Series
from mumetal.watch.afresh import Fresh
from mumetal.watch.alerts import Alert, raised
from mumetal.watch.calibrate import MOST_TOGETHER, memory
from mumetal.watch.detectors.standard import rate_of
from mumetal.watch.ensemble import Ensemble, extras_for
from mumetal.watch.episodes import Episode, Episodes
from mumetal.watch.learned import Models, Watching, no_models
from mumetal.watch.regimes import SPARSE
from mumetal.watch.rows import Kept, joined, last
from mumetal.watch.settings import WatchSettings

Array = NDArray[np.float64]
LEARN_MOST = 20_000  # a fast stream is learnt from no more rows than this, however long that lasts
HISTORY_VALUES = 1_000_000  # numbers kept to learn from, 8 MB: a refit takes a fraction of a second
HISTORY_ROWS = 40_000
WINDOW = 512  # rows an attribution looks back
RATE_FACTOR = 2.0
PATIENCE = 2  # times the learning period, for a stream that wanders slowly
INDEPENDENT = 8  # spans of a stream's memory that teach what is ordinary
LOOKED_AT = 4_096
MATURE = 64  # times the first learning period: so long the tails are refitted, each time at twice the rows
TAKE_OVER = 8  # a refit takes over after an eighth of the rows it learnt from: however long it took, at the same row
STAYS = "the stream stays in a state it was not learnt in, from which further change counts"
RETURNS = "it is on its way back"
CATCH_UP = 2_048  # rows that bring a refitted detector's slow averages up to date


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """An ensemble that is being fitted while the former one goes on.

    Args:
        ensemble: Comes from another thread, or is fitted when asked for.
        history: What it learns from.
        models: The models of the registry that watch beside it.
        seen_rows: Rows learnt when it began.
        due: Rows learnt when it takes over.
    """

    ensemble: "Future[Ensemble] | None"
    history: Series
    models: tuple[Watching, ...]
    seen_rows: int
    due: int

    def take(self) -> Ensemble:
        """Return it, waiting if it is not ready."""
        return self.ensemble.result() if self.ensemble is not None else _ensemble(self.history, self.models)


class StreamMonitor:
    """Watches one stream of one device.

    Args:
        settings: How streams are watched.
        budget: Shared by all streams.
        background: Where refits run; without it they run where the rows are judged. The outcome is the same.
        models: Says which models of the registry are active now.
    """

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
        self._epoch = ""
        self._reason = ""
        self._patience = 1
        self._history = Kept(HISTORY_ROWS)
        self._recent: Series | None = None
        self._ensemble: Ensemble | None = None
        self._next_fit = 0
        self._seen_rows = 0
        self._strange = False
        self._episodes: dict[str, Episodes] = {}
        self._fresh: dict[str, Fresh] = {}
        self._alerts: dict[str, Alert] = {}
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
    def reason(self) -> str:
        """Why it is not simply watching, in one sentence."""
        parts = [self._reason] if self._reason else []
        if self._ensemble is None:
            have = len(self._history)
            need = self.needed
            text = f"learning: {have} of {need} rows"
            if self.rate_hz > 0:
                text += f", about {max(0.0, (need - have) / self.rate_hz):.0f} s"
            parts.append(text)
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
        most = min(LEARN_MOST, HISTORY_VALUES // max(1, self.channels))
        return self._patience * max(
            self._settings.learning_rows, min(most, int(self._settings.learning_s * self.rate_hz))
        )

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

    def observe(self, chunk: Series) -> list[Finding]:
        """Learn from or score the rows that follow the last ones."""
        out: list[Finding] = []
        if chunk.epoch != self._epoch:
            out += self.finish("the channel map changed")
            known = bool(self._epoch)
            self._restart(chunk, "channels changed, learning anew" if known else "")
        if len(chunk) == 0:
            return out
        out += self._check_rate(chunk)
        self._note(chunk)
        if self._ensemble is not None and self._fitted_with != self._models():
            out += self.finish("another version of a model is active")
            self._refit = None
            self._fit()
        if self._ensemble is None:
            take = min(len(chunk), max(0, self.needed - len(self._history)))
            self._learn(chunk.rows(0, take))
            if len(self._history) >= self.needed:
                self._fit()
            chunk = chunk.rows(take, len(chunk))
        while self._ensemble is not None and len(chunk):
            due = self._refit.due if self._refit is not None else self._next_fit
            piece = min(len(chunk), max(1, due - self._seen_rows))  # a refit comes at its row, however split
            out += self._judge(chunk.rows(0, piece))
            chunk = chunk.rows(piece, len(chunk))
        return out

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

    def leave(self) -> None:
        """Give its share of the alert budget back: nothing is asked of it any more."""
        if self._ensemble is not None:
            self._budget.leave(len(self._ensemble.members))

    def _restart(self, like: Series, reason: str) -> None:
        self.leave()
        self._epoch, self._reason, self._patience = like.epoch, reason, 1
        self._history = Kept(
            max(self._settings.learning_rows, min(HISTORY_ROWS, max(1_024, HISTORY_VALUES // len(like.channels))))
        )
        self._recent = self._ensemble = self._refit = None
        self._episodes, self._alerts = {}, {}
        self._seen_rows, self.score, self._strange = 0, 0.0, False

    def _note(self, chunk: Series) -> None:
        self.last_ns = int(chunk.t_ns[-1]) if len(chunk) else self.last_ns
        self.channels = len(chunk.channels)
        # Whatever row of the chunk is raised, an attribution can look back a whole window from it.
        self._recent = last(joined(self._recent, chunk) if self._recent is not None else chunk, WINDOW + len(chunk))
        window = last(self._recent, WINDOW)
        rate = rate_of(window.t_ns)
        if rate > 0:
            self.rate_hz = rate
        if len(window) >= 32:
            seen = np.isfinite(window.values).any(axis=0)
            self.unseen = tuple(window.names[int(i)] for i in np.flatnonzero(~seen))

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

    @staticmethod
    def _wanders(history: Series) -> bool:
        """Whether the rows so far hold too few independent ones to know what is ordinary."""
        values = history.values[:: max(1, len(history) // LOOKED_AT)]
        return memory(values) * INDEPENDENT > len(values)

    def _learn(self, rows: Series) -> None:
        self._history.add(rows)
        self._seen_rows += len(rows)

    def _fit(self) -> None:
        history = self._history.series()
        if self._ensemble is None and self._patience < PATIENCE and self._wanders(history):
            self._patience, self._reason = PATIENCE, "it wanders slowly, learning for longer"
            return
        models = self._models()
        try:
            self._install(_ensemble(history, models), models)
        except BadInputError as error:
            self._reason, self._fitted_with = error.message, models

    def _install(self, ensemble: Ensemble, models: tuple[Watching, ...]) -> None:
        if self._ensemble is not None:
            self._budget.leave(len(self._ensemble.members))
        self._budget.join(len(ensemble.members))
        self._ensemble, self._reason, self._fitted_with = ensemble, "", models
        self._next_fit = 2 * max(len(self._history), self._seen_rows)
        self._fresh = {family: Fresh(ensemble, family) for family in dict.fromkeys(m.family for m in ensemble.members)}
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
                        self._window(chunk, row),
                        episode.start_ns,
                        self._history.series(),
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
        self._learn_calm(chunk, ~(busy | ensemble.apart.any(axis=1)))
        return out

    def _together(self, ensemble: Ensemble, chunk: Series, scores: Array, regime: int) -> int:
        """Return how many shares of the budget this stream's detectors have: more when other devices are in trouble too."""
        stream, t_ns, peaks = (chunk.tenant, chunk.device, chunk.stream), int(chunk.t_ns[-1]), scores.max(axis=0)
        if (peaks >= ensemble.levels(self._budget.share * MOST_TOGETHER)[regime]).any():
            self._budget.suspect(stream, t_ns, ensemble.rarest(peaks, regime))
        return self._budget.together(stream, t_ns)

    def _window(self, chunk: Series, row: int) -> Series:
        """Return the rows up to one of the chunk that an attribution looks at."""
        window = chunk.rows(max(0, row + 1 - WINDOW), row + 1)
        if len(window) < WINDOW and self._recent is not None:
            before = self._recent.between(0, int(window.t_ns[0]))
            window = last(joined(before, window), WINDOW)
        return window

    def _learn_calm(self, chunk: Series, calm: NDArray[np.bool_]) -> None:
        """Learn from rows outside every episode and state that began with one: what was raised is not absorbed."""
        if self._refit is None and self._seen_rows > MATURE * self.needed:
            return
        if calm.all():
            self._learn(chunk)
        elif calm.any():
            self._learn(replace(chunk, t_ns=chunk.t_ns[calm], values=chunk.values[calm], seq=chunk.seq[calm]))
        if self._refit is not None and self._seen_rows >= self._refit.due:
            self._take_over(self._refit)
        elif self._refit is None and self._seen_rows >= self._next_fit:
            history, models = self._history.series(), self._models()
            future = self._background.submit(_ensemble, history, models) if self._background is not None else None
            due = self._seen_rows + max(1, self._seen_rows // TAKE_OVER)
            self._refit = Refit(ensemble=future, history=history, models=models, seen_rows=self._seen_rows, due=due)

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


def _ensemble(history: Series, models: tuple[Watching, ...]) -> Ensemble:
    return Ensemble(history, extras_for(history, models))
