"""A recorder that remembers a stream's last rows, so that an attack can show them again."""

import numpy as np

from mumetal.twin.knobs import Effect, Floats

MAX_ROWS = 4_096


class Recorder:
    """Rows of one stream as its sensors gave them.

    Args:
        stream: Which stream.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._t: Floats = np.empty(0)
        self._rows: Floats = np.empty((0, 0))

    def show(self, t_s: Floats, rows: Floats, effects: list[Effect]) -> Floats:
        """Remember the true ``rows`` (n, C) at ``t_s`` (n,) and return them with every replay in progress put over."""
        known_t = np.concatenate([self._t, t_s])
        known = np.concatenate([self._rows, rows]) if self._rows.size else rows
        shown = rows.copy()
        for effect in effects:
            if effect.replay is None or effect.replay.stream != self.stream:
                continue
            first, last = np.searchsorted(known_t, [effect.start_s - effect.replay.loop_s, effect.start_s])
            inside = np.flatnonzero((t_s >= effect.start_s) & (t_s < effect.stop_s))
            if last > first and inside.size:
                offset = np.searchsorted(known_t, effect.start_s)
                place = known_t.size - t_s.size + inside - offset
                shown[inside] = known[first + place % (last - first)]
        keep = self._kept(effects, known_t)
        self._t, self._rows = known_t[keep:], known[keep:]
        return shown

    def _kept(self, effects: list[Effect], known_t: Floats) -> int:
        """Return from which row on to remember: the last ``MAX_ROWS``, and all that a replay still needs."""
        keep = max(known_t.size - MAX_ROWS, 0)
        for effect in effects:
            if effect.replay is not None and known_t.size and effect.stop_s > known_t[-1]:
                keep = min(keep, int(np.searchsorted(known_t, effect.start_s - effect.replay.loop_s)))
        return keep
