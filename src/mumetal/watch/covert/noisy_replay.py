"""Telemetry replay with fresh noise laid over it; exact copies, also short ones, are for ``covert.replay``."""

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.watch.covert.replay import REPLAY_WORDS
from mumetal.watch.detectors.standard import rate_of
from mumetal.watch.findings import stream_finding
from mumetal.watch.rows import joined

Array = NDArray[np.float64]
BLOCK = 64  # rows compared at once
REMEMBERED = 512  # blocks looked back: 32,768 rows
MOST_VALUES = 500_000  # numbers kept, 4 MB: wide streams look back less far
SCREEN = 4  # channels with the most distinct values in a block are compared
DISTINCT = 0.5  # share of distinct values that a block must have, or repeats are the channel's nature
ALIKE = 0.97  # correlation of innovations that no two honest stretches of 64 rows reach
EVERY_HZ = 10.0  # a stream this many times as fast has one block in so many searched, to bound the cost
FEWEST = 2  # blocks in a row with the same lag that are a replay


class NoisyReplay:
    """Compares the newest 64 rows with all rows of the last 32,768, at every lag.

    Row-to-row changes are compared, not levels: slow courses are alike without being copies. For honest white changes the
    correlation over n = 64 rows and k channels has standard deviation 1/sqrt(n·k), so 0.97 lies beyond seven of them even
    after a search over 32,768 lags. Noise of relative power r laid over a copy lowers the correlation to
    1/sqrt(1 + r): with r above 6% this is blind. Streams faster than 10 rows a second
    are searched in one block out of rate / 10, and every block once a copy is suspected.
    """

    info = PluginInfo(
        plugin_id="watch.covert.noisy_replay",
        title="Repeated stretch of telemetry, noise laid over it",
        reference="Mo and Sinopoli 2009, doi:10.1109/ALLERTON.2009.5394956 (replay attacks on control systems)",
        techniques=("evasion.telemetry_replay",),
        words=REPLAY_WORDS,
    )

    saved = ("_epoch", "_rest", "_past", "_times", "_count", "_hits", "_lag", "_since", "open")

    def __init__(self) -> None:
        self._epoch = ""
        self._reset(1)

    def _reset(self, channels: int) -> None:
        most = max(16, min(REMEMBERED, MOST_VALUES // (BLOCK * channels)))
        self._rest: Series | None = None
        self._past: deque[Array] = deque(maxlen=most)
        self._times: deque[NDArray[np.int64]] = deque(maxlen=most)
        self._count = 0
        self._hits = 0
        self._lag = -1
        self._since = 0
        self.open: Finding | None = None

    def observe(self, chunk: Series) -> list[Finding]:
        """Add rows; return a finding when a replay is confirmed and its last version when it ends."""
        if chunk.epoch != self._epoch:
            self._epoch = chunk.epoch
            self._reset(len(chunk.channels))
        out: list[Finding] = []
        rows = joined(self._rest, chunk)
        full = len(rows) // BLOCK * BLOCK
        for start in range(0, full, BLOCK):
            out += self._block(rows.rows(start, start + BLOCK))
        self._rest = rows.rows(full, len(rows))
        return out

    def _block(self, block: Series) -> list[Finding]:
        values = np.nan_to_num(block.values)
        self._count += 1
        due = self._hits > 0 or self._count % max(1, round(rate_of(block.t_ns) / EVERY_HZ)) == 0
        channels = self._lively(block.values) if due else np.empty(0, np.int64)
        lag, alike = self._search(values, channels) if due else (-1, 0.0)
        out: list[Finding] = []
        same = lag >= 0 and (self._hits == 0 or lag == self._lag)
        if same:
            self._since = int(block.t_ns[0]) if self._hits == 0 else self._since
            self._hits, self._lag = self._hits + 1, lag
            if self._hits == FEWEST:
                self.open = self._finding(block, lag, alike, channels)
                out.append(self.open)
        else:
            if self.open is not None:
                out.append(replace(self.open, stop_ns=int(block.t_ns[0])))
            self.open, self._hits, self._lag = None, 0, -1
        self._past.append(values)
        self._times.append(block.t_ns)
        return out

    @staticmethod
    def _lively(values: Array) -> NDArray[np.int64]:
        """Return the channels whose values hardly repeat within the block, most distinct first."""
        distinct = np.array([np.unique(c[np.isfinite(c)]).size for c in values.T]) / len(values)
        order = np.argsort(-distinct, kind="stable")[:SCREEN]
        return np.asarray(order[distinct[order] >= DISTINCT], np.int64)

    def _search(self, values: Array, channels: NDArray[np.int64]) -> tuple[int, float]:
        """Return how many rows ago the same changes were seen (-1: never), and their correlation."""
        if channels.size == 0 or len(self._past) < 2:
            return -1, 0.0
        past = np.concatenate(self._past)[:, channels]
        steps, pattern = np.diff(past, axis=0), np.diff(values[:, channels], axis=0)
        n, length = pattern.shape[0], steps.shape[0]
        worst = np.full(length - n + 1, np.inf)
        size = 1 << int(np.ceil(np.log2(length + n)))
        for column in range(channels.size):
            want = pattern[:, column] - pattern[:, column].mean()
            have = steps[:, column] - steps[:, column].mean()
            norm = float(np.sqrt(want @ want))
            product = np.fft.irfft(np.fft.rfft(have, size) * np.conj(np.fft.rfft(want, size)), size)[: worst.size]
            sums = np.concatenate([[0.0], np.cumsum(have)])
            squares = np.concatenate([[0.0], np.cumsum(have**2)])
            mean = (sums[n:] - sums[:-n]) / n
            spread = np.sqrt(np.maximum(squares[n:] - squares[:-n] - n * mean**2, 1e-300))
            worst = np.minimum(worst, product / (spread * max(norm, 1e-300)))
            if worst.max() < ALIKE:
                return -1, 0.0
        best = int(worst.argmax())
        alike = float(worst[best])
        return (past.shape[0] - best, alike) if alike >= ALIKE else (-1, alike)

    def _finding(self, block: Series, lag: int, alike: float, channels: NDArray[np.int64]) -> Finding:
        when = int(np.concatenate(self._times)[-lag]) if lag <= len(self._times) * BLOCK else 0
        return stream_finding(
            tenant=block.tenant,
            device=block.device,
            stream=block.stream,
            info=NoisyReplay.info,
            start_ns=self._since,
            stop_ns=int(block.t_ns[-1]) + 1,
            confidence=0.95,
            detail=f"The changes of {len(channels)} channels repeat those of {lag} rows before (t_ns {when}), correlation "
            f"{min(alike, 1.0):.4f} over {FEWEST * BLOCK} rows.",
            attribution=tuple(
                Attribution(channel=block.names[int(i)], share=1 / len(channels), method="own-score") for i in channels
            ),
        )
