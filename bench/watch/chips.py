"""A part of a chip, or all of it, answers that is another real device's (D4, per snapshot).

Background: the packaged IBM snapshots, each device's successive ones, months apart. The identity limits were set on these
snapshots, so no figure here is held out. Peers are fitted to the other devices' pairs.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.watch.equal_recall import LIMITS, OURS, Trial, strengths
from mumetal.catalog import calibrations
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.detectors.identity import Identity

Array = NDArray[np.float64]
FIGURES = (("frequency", "Hz"), ("T1", "s"), ("T2", "s"), ("readout_error", "1"))
OTHERS = 6  # devices that each chip is mixed with
FEWEST = 5  # qubits


def figures(snapshot: DeviceSnapshot) -> Array:
    """Return a qubit's figures, shape (qubits, 4); NaN where there is none."""
    known = {(p.component, p.name): p.value for p in snapshot.parameters}
    return np.array([[known.get((f"q{q}", n), np.nan) for n, _ in FIGURES] for q in range(snapshot.qubits)])


def ours(old: Array, new: Array) -> float:
    """Identity; 1 is its own limit."""
    names = tuple(Channel(name=f"q{q}.{n}", unit=u) for q in range(len(old)) for n, u in FIGURES)
    pair = Series(
        device="d", stream="calibration", channels=names, t_ns=1_790_000_000 * 10**9 + np.array([0, 1]),
        values=np.array([old.ravel(), new.ravel()]),
    )  # fmt: skip
    detector = Identity()
    detector.fit(pair.rows(0, 1))
    return float(detector.score(pair.rows(1, 2))[0])


def trials(progress: Callable[[str], None]) -> Iterator[Trial]:
    """Mix every device's later snapshot with those of other devices of its size.

    Args:
        progress: Told what is being scored.
    """
    frozen = strengths()
    rng = np.random.default_rng(frozen["run"]["seed"])
    chips = {b: sorted(calibrations.snapshots(b), key=lambda s: s.t_ns) for b in calibrations.backends()}
    pairs = [
        (b, figures(a), figures(c))
        for b, found in chips.items()
        for a, c in pairwise(found)
        if a.qubits == c.qubits >= FEWEST
    ]
    pairs = [(b, x, y) for b, x, y in pairs if np.isfinite(x[:, 0] + y[:, 0]).any()]
    number = {b: i for i, b in enumerate(chips)}

    def sigma(without: str) -> Array:
        steps = np.concatenate([np.log(y / x) for b, x, y in pairs if b != without])
        return np.asarray(np.sqrt(np.nanmean(steps**2, axis=0)), np.float64)

    methods: dict[str, Callable[[str, Array, Array], float]] = {
        OURS: lambda _, x, y: ours(x, y),
        LIMITS[0]: lambda _, x, y: float(np.nanmax(np.abs(y / x - 1)) / 0.3),
        LIMITS[1]: lambda b, x, y: float(np.nanmax(np.abs(np.log(y / x)) / sigma(b)) / 3),
        "mean square": lambda b, x, y: float(np.nanmean((np.log(y / x) / sigma(b)) ** 2)),
    }
    quiet = {m: np.array([score(*pair) for pair in pairs]) for m, score in methods.items()}
    for share in frozen["substitution"]["shares"]:
        progress(f"snapshots/substitution {share:g}")
        peaks: dict[str, list[float]] = {m: [] for m in methods}
        groups = []
        for b, old, new in pairs:
            strangers = [figures(c[-1]) for o, c in chips.items() if o != b and c[-1].qubits == len(new)]
            strangers = [s for s in strangers if np.isfinite(s[:, 0]).any()]
            for k in rng.permutation(len(strangers))[:OTHERS]:
                hit = rng.choice(len(new), max(1, round(share * len(new))), replace=False)
                mixed = new.copy()
                mixed[hit] = strangers[k][hit]
                groups.append(number[b])
                for method, score in methods.items():
                    peaks[method].append(score(b, old, mixed))
        yield Trial(
            background="snapshots",
            attack="substitution",
            strength=share,
            quiet=quiet,
            peaks={m: np.array(p) for m, p in peaks.items()},
            quiet_groups=np.array([number[b] for b, _, _ in pairs]),
            peak_groups=np.array(groups),
        )
