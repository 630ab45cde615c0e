"""Windows to learn from: ordinary ones with their operating modes, and the same telemetry changed by a negative."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.watch.contrastive.encoder import Course
from mumetal.watch.contrastive.modes import learn_modes
from mumetal.watch.detectors.standard import Scale
from mumetal.watch.detectors.windowed import Windowed
from mumetal.watch.training.negatives import KINDS, draw, negative

Array = NDArray[np.float64]
Half = NDArray[np.float16]
WIDTH = 128  # rows per window
PAST, PRESENT, CHANGED = 10, 16, 16  # windows taken from one background
LEAST_SEEN = 0.3  # squares below it: the change does not show in the window, and is no example of one
LONG = 600  # rows since the start of an event that a window may end at
SHORT = 60  # the same for most windows
LEAST_ROWS = 320
MODES = 4
START_NS = 1_760_000_000 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Windows of one background, each (C, 2, WIDTH): levels and forecast residuals, squashed.

    Args:
        ordinary: Shape (n, C, 2, WIDTH): of the history, then of what follows it.
        modes: Operating mode of each, shape (n,).
        changed: Shape (m, C, 2, WIDTH).
        kinds: Index into ``KINDS`` of each, shape (m,).
    """

    ordinary: Half
    modes: NDArray[np.int64]
    changed: Half
    kinds: NDArray[np.int64]

    @property
    def channels(self) -> int:
        """How many measured channels the background has."""
        return int(self.ordinary.shape[1])


class Sight(Windowed):
    """What the encoder would see, learnt from a history; scores nothing."""

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn scale and forecast."""
        self.measure(z, seen)
        self._course = Course(self._level(z, seen))

    @classmethod
    def of_history(cls, values: Array, start_ns: int = START_NS) -> "Sight":
        """Learn from rows (n, C), one a second."""
        past = Series(
            device="training",
            stream="background",
            channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(values.shape[1])),
            t_ns=start_ns + np.arange(len(values), dtype=np.int64) * 10**9,
            values=values,
        )
        found = cls()
        found.fit_scaled(Scale(past), past)
        return found

    def reset(self) -> None:
        """Holds no state."""

    def course(self, level: Array) -> Array:
        """Return features (n, kept, 2) of levels (n, kept)."""
        return self._course.alone(level)

    def of(self, values: Array) -> tuple[Array, Array]:
        """Return levels (n, kept) and features (n, kept, 2) of rows (n, C)."""
        assert self._scale is not None
        level = self._level(*self._scale.apply(values))
        return level, self.course(level)


def group(rng: np.random.Generator, values: Array, history: int) -> Group | None:
    """Take windows from one background; None where too few of its negatives show, as in a still one.

    Args:
        rng: Randomness.
        values: Finite, shape (n, C).
        history: Rows that scale and forecast are learnt from, ≥ ``WIDTH``.

    Raises:
        BadInputError: Fewer than ``history`` + ``LEAST_ROWS`` // 2 rows.
    """
    n, channels = values.shape
    if history < WIDTH or n < history + LEAST_ROWS // 2:
        raise BadInputError(f"{n} rows are too few to learn from", hint=f"at least {history + LEAST_ROWS // 2}")
    sight = Sight.of_history(values[:history])
    level, features = sight.of(values)
    windows = np.lib.stride_tricks.sliding_window_view(features, WIDTH, axis=0)
    ends = np.concatenate([rng.integers(WIDTH, history, PAST), rng.integers(history + WIDTH // 4, n, PRESENT)])
    changed, kinds = [], []
    for _ in range(CHANGED):
        kind = int(rng.integers(len(KINDS)))
        rows = min(int(10 ** rng.uniform(0.7, 2.8)), n - history - 1)
        start = int(rng.integers(history, n - rows))
        passed = min(
            rows - 1, int(rng.integers(min(4, rows - 1), min(rows, SHORT if rng.random() < 0.6 else LONG) + 1))
        )
        end = start + passed
        other = negative(rng, values[: end + 1], KINDS[kind], draw(rng, channels, start, min(start + rows, end + 1)))
        first = max(0, end - 2 * WIDTH)
        window = sight.of(other[first:])[1][-WIDTH:].transpose(1, 2, 0)
        if np.abs(window - windows[end - WIDTH + 1]).max() >= LEAST_SEEN:
            changed.append(window)
            kinds.append(kind)
    if len(changed) < CHANGED // 4:
        return None
    summary = np.concatenate(
        [np.ones((len(ends), 1)), np.stack([level[e - WIDTH : e].mean(axis=0) for e in ends])], axis=1
    )
    summary /= np.linalg.norm(summary, axis=1, keepdims=True)
    return Group(
        ordinary=windows[ends - WIDTH + 1].astype(np.float16),
        modes=(summary @ learn_modes(summary, MODES).prototypes.T).argmax(axis=1),
        changed=np.stack(changed).astype(np.float16),
        kinds=np.array(kinds, np.int64),
    )


def by_channels(groups: Iterable[Group]) -> dict[int, list[Group]]:
    """Sort groups by their number of channels, so that windows of one batch fit together."""
    found: dict[int, list[Group]] = {}
    for one in groups:
        found.setdefault(one.channels, []).append(one)
    return found
