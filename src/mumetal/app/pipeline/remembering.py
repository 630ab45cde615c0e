"""Keeps what the watchers have learnt over restarts, and keeps them from learning what they must not."""

from mumetal.app.pipeline import history
from mumetal.app.pipeline.judge import Judge
from mumetal.app.pipeline.learnt import Learnt, Snapshot
from mumetal.app.pipeline.watching import StreamKey, Watching
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.core.finding import Finding
from mumetal.core.ports import Span, Store
from mumetal.core.records import Records


class Remembering:
    """Restores at the start; afterwards the scoring thread calls :meth:`idle` where nothing waits for it.

    Args:
        watch: The watchers.
        store: Where the data are.
        records: Incidents and labels.
        marks: How far each stream has been scored.
        judge: Says whether incidents have changed.
        learnt: Where what was learnt is kept.
    """

    def __init__(
        self, watch: Watching, store: Store, records: Records, marks: Watermarks, judge: Judge, learnt: Learnt
    ) -> None:
        self._watch, self._store, self._records = watch, store, records
        self._marks, self._judge, self._learnt = marks, judge, learnt
        self._barred: tuple[Span, ...] = ()
        self._to_recall: list[StreamKey] = []
        self._told = -1

    def start(self) -> list[Finding]:
        """Go on from what was learnt, and score what was committed and never scored; returns its findings."""
        begun = history.start(self._watch, self._store, self._records, self._marks, self._learnt.load())
        self._barred, self._to_recall = begun.barred, begun.to_recall
        return begun.findings

    def idle(self, *, closing: bool) -> None:
        """Bar what must not be learnt from, read one restored stream's older rows back, and save when it is time."""
        if self._judge.changes != self._told:
            self._told = self._judge.changes
            barred = history.spans(self._records)
            if barred != self._barred:
                self._barred = barred
                self._watch.bar(barred)
        if closing or self._learnt.due:
            states = self._watch.save()
            self._learnt.save(Snapshot(marks=self._marks.all(), states=states), now=closing)
        elif self._to_recall:
            history.recall(
                self._watch, self._store, self._marks, self._to_recall.pop(), self._barred, history.PRIME_ROWS
            )
