"""An ensemble that is fitted while the former one goes on."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass

from mumetal.core.series import Series
from mumetal.watch.ensemble import Ensemble, extras_for
from mumetal.watch.learned import Watching


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

    ensemble: Future[Ensemble] | None
    history: Series
    models: tuple[Watching, ...]
    seen_rows: int
    due: int

    @classmethod
    def begin(
        cls, history: Series, models: tuple[Watching, ...], seen_rows: int, due: int, background: Executor | None
    ) -> "Refit":
        """Begin one, in the background where there is one."""
        future = background.submit(ensemble_for, history, models) if background is not None else None
        return cls(ensemble=future, history=history, models=models, seen_rows=seen_rows, due=due)

    def take(self) -> Ensemble:
        """Return it, waiting if it is not ready."""
        return self.ensemble.result() if self.ensemble is not None else ensemble_for(self.history, self.models)


def ensemble_for(history: Series, models: tuple[Watching, ...]) -> Ensemble:
    """Fit what watches a stream with such a history, models of its own beside it."""
    return Ensemble(history, extras_for(history, models))
