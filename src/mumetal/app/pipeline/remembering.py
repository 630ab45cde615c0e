"""Keeps what the watchers have learnt over restarts, and keeps them from learning what they must not."""

from mumetal.app.pipeline import history
from mumetal.app.pipeline.judge import Judge
from mumetal.app.pipeline.learnt import Learnt, Snapshot
from mumetal.app.pipeline.watching import StreamKey, Watching
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.core.finding import Finding
from mumetal.core.ports import Span, Store
from mumetal.core.records import Records


class Barring:
    """Keeps the watchers from learning what the records say must not be learnt from.

    Args:
        watch: The watchers.
        records: Incidents and labels.
        judge: Says whether incidents have changed.
    """

    def __init__(self, watch: Watching, records: Records, judge: Judge) -> None:
        self._watch, self._records, self._judge = watch, records, judge
        self._told = -1
        self.spans: tuple[Span, ...] = ()

    def look(self) -> None:
        """Bar what is to be barred now, where incidents have changed since the last look."""
        if self._judge.changes == self._told:
            return
        self._told = self._judge.changes
        spans = history.spans(self._records)
        if spans != self.spans:
            self.spans = spans
            self._watch.bar(spans)


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
        self._marks, self._learnt = marks, learnt
        self._barring = Barring(watch, records, judge)
        self._to_recall: list[StreamKey] = []

    def start(self) -> list[Finding]:
        """Go on from what was learnt, and score what was committed and never scored; returns its findings."""
        begun = history.start(self._watch, self._store, self._records, self._marks, self._learnt.load())
        self._barring.spans, self._to_recall = begun.barred, begun.to_recall
        return begun.findings

    def idle(self, *, closing: bool) -> None:
        """Bar what must not be learnt from, read one restored stream's older rows back, and save when it is time."""
        self._barring.look()
        if closing or self._learnt.due:
            states = self._watch.save()
            self._learnt.save(Snapshot(marks=self._marks.all(), states=states), now=closing)
        elif self._to_recall:
            history.recall(
                self._watch, self._store, self._marks, self._to_recall.pop(), self._barring.spans, history.PRIME_ROWS
            )
