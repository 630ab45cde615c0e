"""A source that used to speak and does not."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Severity
from mumetal.core.ports import PluginInfo
from mumetal.watch.detectors.standard import rate_of
from mumetal.watch.quality.breach import Breach

INFO = PluginInfo(plugin_id="watch.quality.silent", title="A source has gone silent")
LEAST_S = 10.0
FEWEST = 4  # arrivals before its rhythm is known
WINDOW = 512  # rows whose interval counts


class Silence:
    """Learns the rhythm of one stream's arrivals on this machine's clock.

    Args:
        factor: Silent for this many of its own intervals is a finding.
    """

    saved = ("_arrivals", "_interval", "_data_interval")
    unsaved = ("_factor", "_heard_ns")  # while nothing listened, nobody was silent

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._arrivals = 0
        self._heard_ns = 0  # 0 until something is heard, or asked for, since the start
        self._interval = 0.0
        self._data_interval = 0.0

    def heard(self, now_ns: int, data_interval_s: float) -> None:
        """Note that rows arrived at ``now_ns``; rows themselves are ``data_interval_s`` (s) apart."""
        if self._arrivals and self._heard_ns:
            step = self.quiet_s(now_ns)
            if step > self._interval:  # a longer pause counts at once, unless it was a silence
                self._interval = step if self._arrivals < FEWEST or step <= self._limit() else self._interval
            else:  # a shorter one slowly: a burst does not make a slow source look fast
                self._interval = 0.9 * self._interval + 0.1 * step
        self._data_interval = data_interval_s
        self._arrivals += 1
        self._heard_ns = now_ns

    def quiet_s(self, now_ns: int) -> float:
        """Return how long nothing was heard, s; after a restart, since it was first asked."""
        if not self._arrivals:
            return 0.0
        self._heard_ns = self._heard_ns or now_ns
        return max(0.0, (now_ns - self._heard_ns) / 1e9)

    def _limit(self) -> float:
        return max(LEAST_S, self._factor * max(self._interval, self._data_interval))

    def is_silent(self, now_ns: int) -> bool:
        """Say whether it is quiet for longer than its rhythm has it."""
        return self._arrivals >= FEWEST and self.quiet_s(now_ns) > self._limit()

    def check(self, now_ns: int, last_ns: int) -> Iterator[Breach]:
        """Yield a breach while the source is silent; ``last_ns`` is the time of its newest row."""
        if not self.is_silent(now_ns):
            return
        quiet = self.quiet_s(now_ns)
        yield Breach(
            info=INFO,
            start_ns=last_ns,
            stop_ns=max(last_ns + 1, now_ns),
            detail=f"Nothing for {quiet:.0f} s, where something came every {max(self._interval, self._data_interval):.3g} s.",
            severity=Severity.MEDIUM,
            remedy="See whether the source, the network or a person stopped it; nothing is watched until it is back.",
        )


class Heard:
    """When a stream was heard, and how far apart its rows are.

    Args:
        rhythm: Of its arrivals.
    """

    saved = ("times",)
    unsaved = ("rhythm",)

    def __init__(self, rhythm: Silence) -> None:
        self.rhythm = rhythm
        self.times: NDArray[np.int64] = np.empty(0, np.int64)

    def note(self, t_ns: NDArray[np.int64], now_ns: int) -> None:
        """Note rows, or that something came, at ``now_ns``."""
        self.times = np.concatenate([self.times, t_ns])[-WINDOW:]
        rate = rate_of(self.times)
        self.rhythm.heard(now_ns, 1 / rate if rate > 0 else 0.0)
