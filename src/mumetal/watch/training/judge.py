"""How well an encoder tells negatives from ordinary windows that it was not trained on."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.watch.contrastive.model import EncoderModel
from mumetal.watch.training.examples import WIDTH, Group, Sight
from mumetal.watch.training.negatives import KINDS

Array = NDArray[np.float64]
SURE = 0.8  # share of steps to catch
LASTING = 32  # rows of the step
STEPS = tuple(float(s) for s in np.round(np.geomspace(0.5, 20.0, 24), 2))  # deviations tried, in order
QUIET = 48  # backgrounds of white noise, and 24 windows of each
EACH = 24


class Judged(Struct, frozen=True, kw_only=True):
    """Figures on held-out backgrounds.

    Args:
        backgrounds: How many.
        windows: How many windows.
        auc: Chance that a changed window scores above an ordinary one, of any background.
        recall: Share of changed windows above the threshold that ``false_alarm`` of ordinary ones pass.
        false_alarm: That share.
        by_kind: The same recall by kind of negative.
    """

    backgrounds: int
    windows: int
    auc: float
    recall: float
    false_alarm: float
    by_kind: dict[str, float]


def judge(model: EncoderModel, groups: Sequence[Group], false_alarm: float) -> Judged:
    """Score every window.

    Raises:
        BadInputError: There is no group.
    """
    if not groups:
        raise BadInputError("there is nothing to judge by")
    ordinary = np.concatenate([model.run(one.ordinary.transpose(0, 1, 3, 2))[0] for one in groups])
    changed = np.concatenate([model.run(one.changed.transpose(0, 1, 3, 2))[0] for one in groups])
    kinds = np.concatenate([one.kinds for one in groups])
    threshold = float(np.quantile(ordinary, 1 - false_alarm))
    caught = changed > threshold
    return Judged(
        backgrounds=len(groups),
        windows=len(ordinary) + len(changed),
        auc=auc(ordinary, changed),
        recall=float(caught.mean()),
        false_alarm=false_alarm,
        by_kind={
            name: round(float(caught[kinds == k].mean()), 4) for k, name in enumerate(KINDS) if (kinds == k).any()
        },
    )


def auc(ordinary: Array, changed: Array) -> float:
    """Return the area under the receiver operating characteristic by ranks (Mann and Whitney 1947), ties halved."""
    both = np.concatenate([ordinary, changed])
    _, place, count = np.unique(both, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    n, m = len(ordinary), len(changed)
    return float((rank[n:].sum() - m * (m + 1) / 2) / (n * m))


def power_step(model: EncoderModel, false_alarm: float, seed: int) -> float:
    """Return the smallest step of those tried that is caught in 80% of cases, in deviations of white noise.

    One channel, the step ends with the window and lasts 32 rows; infinite steps are not tried, so the largest one stands
    for "not even that".
    """
    rng = np.random.default_rng([seed, 2_000])
    known: list[tuple[Sight, Array]] = []
    for _ in range(QUIET):
        values = rng.normal(size=(600 + EACH * WIDTH, 1))
        sight = Sight.of_history(values[:600])
        known.append((sight, sight.of(values[600:])[0].reshape(EACH, WIDTH, 1)))
    threshold = float(np.quantile(np.concatenate([_heads(model, *one) for one in known]), 1 - false_alarm))
    rise = (np.arange(WIDTH) >= WIDTH - LASTING)[:, None]
    for step in STEPS:
        moved = np.concatenate([_heads(model, sight, level + step * rise) for sight, level in known])
        if float((moved > threshold).mean()) >= SURE:
            return step
    return STEPS[-1]


def _heads(model: EncoderModel, sight: Sight, levels: Array) -> Array:
    """Return log-odds of stretches of levels (m, WIDTH, 1)."""
    windows = np.stack([sight.course(level) for level in levels]).transpose(0, 2, 1, 3)
    return model.run(windows)[0]
