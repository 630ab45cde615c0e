"""Streams of few rows and many channels: calibration snapshots."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np

from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import Detector
from mumetal.core.series import Series
from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.findings import stream_finding
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.rows import joined, last, within

KEPT = 30  # snapshots to learn from
CONFIDENCE = {"watch.detectors.identity": 0.97, "watch.detectors.day_to_day": 0.8}


class SnapshotMonitor:
    """Compares each snapshot with what is known of the device; a changed channel map does not make it forget."""

    saved = (
        "_history",
        "_fitted",
        "_detectors",
        "_ongoing",
        "last_ns",
        "late",
        "channels",
        "rate_hz",
        "score",
        "unseen",
    )
    unsaved = ("_barred",)

    def __init__(self) -> None:
        self._history: Series | None = None
        self._barred: tuple[tuple[int, int], ...] = ()
        self._fitted = ""
        self._detectors: tuple[Detector, ...] = (Identity(), DayToDay())
        self._ongoing = Ongoing(hold_ns=0)
        self.last_ns = 0
        self.late = 0
        self.channels = 0
        self.rate_hz = 0.0
        self.score = 0.0
        self.unseen: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``"learning"`` until a first snapshot is there, then ``"watching"``."""
        return "learning" if self._history is None else "watching"

    @property
    def reason(self) -> str:
        """Why it is not simply watching."""
        parts = ["learning: 0 of 1 snapshots"] if self._history is None else []
        if self.late:
            parts.append(f"{self.late} late snapshots were stored and not judged")
        return "; ".join(parts)

    def prime(self, history: Series) -> None:
        """Learn from stored snapshots without judging them."""
        if len(history):
            self._note(history)
            self._keep(history)
            self._fitted = ""

    def bar(self, spans: Sequence[tuple[int, int]]) -> None:
        """Forget snapshots of these spans, from when until before when, ns since 1970 UTC."""
        self._barred = tuple(spans)
        if self._history is None:
            return
        keep = ~within(self._history, spans)
        if not keep.all():
            rows = self._history
            left = replace(rows, t_ns=rows.t_ns[keep], values=rows.values[keep], seq=rows.seq[keep])
            self._history, self._fitted = (left if len(left) else None), ""

    def observe(self, chunk: Series) -> list[Finding]:
        """Judge snapshots that follow the last one."""
        fresh = int(np.searchsorted(chunk.t_ns, self.last_ns, side="right"))
        self.late += fresh
        out: list[Finding] = []
        for index in range(fresh, len(chunk)):
            out += self._row(chunk.rows(index, index + 1))
        return out

    def _row(self, row: Series) -> list[Finding]:
        self._note(row)
        if self._history is None:
            self._keep(row)
            return []
        if self._fitted != row.epoch:
            self._history = _mapped(self._history, row)
            for detector in self._detectors:
                detector.fit(self._history)
            self._fitted = row.epoch
        out: list[Finding] = []
        worst = 0.0
        for detector in self._detectors:
            key = (detector.info.plugin_id,)
            # Scoring moves the level, so what is new is put down to figures by what was known before; that is asked rarely.
            before = None if key in self._ongoing else deepcopy(detector)
            score = float(detector.score(row)[0])
            worst = max(worst, score)
            if score >= 1:
                carried = () if before is None else before.attribute(row)
                out += self._ongoing.seen(key, _finding(detector, row, score, carried))
            else:
                out += self._ongoing.gone(key)
        self.score = min(1.0, worst)
        if worst < 1:
            self._keep(row)
        return out

    def _note(self, rows: Series) -> None:
        if self.last_ns and len(rows):
            self.rate_hz = 1e9 / max(1, int(rows.t_ns[-1]) - self.last_ns)
        self.last_ns = max(self.last_ns, int(rows.t_ns[-1]))
        self.channels = len(rows.channels)

    def _keep(self, rows: Series) -> None:
        if within(rows, self._barred).any():
            return
        before = None if self._history is None else _mapped(self._history, rows)
        self._history = last(joined(before, rows), KEPT)


def _mapped(history: Series, to: Series) -> Series:
    """Return the history with the channels of ``to``; channels it did not have are not observed."""
    if history.epoch == to.epoch:
        return history
    where = {c: i for i, c in enumerate(history.names)}
    values = np.full((len(history), len(to.channels)), np.nan)
    for column, name in enumerate(to.names):
        if name in where:
            values[:, column] = history.values[:, where[name]]
    return replace(history, channels=to.channels, values=values)


def _finding(detector: Detector, row: Series, score: float, carried: tuple[Attribution, ...]) -> Finding:
    t = int(row.t_ns[0])
    return stream_finding(
        tenant=row.tenant,
        device=row.device,
        stream=row.stream,
        info=detector.info,
        start_ns=t,
        stop_ns=t + 1,
        confidence=CONFIDENCE.get(detector.info.plugin_id, 0.8),
        detail=f"{detector.info.title}: {score:.2f} times the limit, against the last accepted snapshots.",
        attribution=carried,
    )
