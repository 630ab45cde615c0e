"""What a shipped encoder is made from, step by step, so that one command with one seed makes it again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.watch.contrastive.model import EncoderModel, Facts
from mumetal.watch.training.backgrounds import CHANNEL_ODDS, CHANNELS, background
from mumetal.watch.training.examples import LEAST_ROWS, WIDTH, Group, group
from mumetal.watch.training.fit import Plan, train
from mumetal.watch.training.judge import Judged, judge, power_step
from mumetal.watch.training.network import EMBEDDING, Weights, to_onnx

Array = NDArray[np.float64]
HISTORIES = (300, 600, 1_200, 2_400)  # rows a synthetic device is known for
PRESENT = 1_200  # rows that follow
HELD_OUT = 150  # synthetic backgrounds of seeds that are not trained on
FALSE_ALARM = 0.01
UNKNOWN = 1.0  # stands in the file while the step it can see is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Telemetry that nothing is wrong with.

    Args:
        source: Which lot it belongs to; lots are listed in the card.
        values: Finite, shape (n, C).
    """

    source: str
    values: Array


class Lot(Struct, frozen=True, kw_only=True):
    """Some of what was trained on.

    Args:
        uri: Where it comes from.
        digest: SHA-256 over its windows, hex.
        backgrounds: How many.
        windows: How many windows were taken from them.
    """

    uri: str
    digest: str
    backgrounds: int
    windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What training gave.

    Args:
        data: The ONNX file.
        lots: What it was made from.
        judged: How well it does on backgrounds it was not trained on.
        facts: What the file says of itself.
        steps: Batches of training.
    """

    data: bytes
    lots: tuple[Lot, ...]
    judged: Judged
    facts: Facts
    steps: int


def synthetic(seed: int, count: int, lot: int = 0) -> Iterator[Background]:
    """Make backgrounds; one of them does not depend on how many there are."""
    for index in range(count):
        rng = np.random.default_rng([seed, lot, index])
        channels = int(rng.choice(CHANNELS, p=CHANNEL_ODDS))
        rows = int(rng.choice(HISTORIES)) + PRESENT
        yield Background(source=f"synthetic:lot={lot}&seed={seed}", values=background(rng, rows, channels))


def windows_of(seed: int, backgrounds: Iterable[Background]) -> Iterator[tuple[str, Group]]:
    """Take windows, with negatives drawn from the seed; backgrounds that are too short or too still are left out."""
    for index, one in enumerate(backgrounds):
        n = len(one.values)
        if n < max(LEAST_ROWS, WIDTH + LEAST_ROWS // 2):
            continue
        history = n - PRESENT if n - PRESENT in HISTORIES else max(WIDTH, n // 2)
        found = group(np.random.default_rng([seed, 1_000, index]), one.values, history)
        if found is not None:
            yield one.source, found


def make(
    plan: Plan,
    backgrounds: Iterable[Background],
    progress: Callable[[str, int], None] = lambda _what, _done: None,
) -> Made:
    """Train, measure on held-out backgrounds, and write the file.

    Args:
        plan: Seed and length.
        backgrounds: What to learn from.
        progress: Told what is being done and how far it has come.

    Raises:
        BadInputError: No background can be learnt from.
        UnavailableError: PyTorch or onnx is not installed.
    """
    groups: dict[str, list[Group]] = {}
    for index, (source, found) in enumerate(windows_of(plan.seed, backgrounds)):
        groups.setdefault(source, []).append(found)
        progress("windows from backgrounds", index + 1)
    if not groups:
        raise BadInputError("no background is long enough and moves", hint=f"at least {LEAST_ROWS} rows")
    everything = [one for lot in groups.values() for one in lot]
    weights = train(everything, plan, lambda step, loss: progress(f"training, loss {loss:.3f}, batches", step))
    progress("measuring", 0)
    held = [found for _, found in windows_of(plan.seed, synthetic(plan.seed, HELD_OUT, lot=1))]
    facts = Facts(
        format=1, width=WIDTH, embedding=EMBEDDING, seed=plan.seed, power_step=UNKNOWN, power_false_alarm=FALSE_ALARM
    )
    model = as_model(weights, facts)
    facts = msgspec.structs.replace(facts, power_step=power_step(model, FALSE_ALARM, plan.seed))
    return Made(
        data=to_onnx(weights, facts),
        lots=tuple(_lot(source, lot) for source, lot in groups.items()),
        judged=judge(model, held, FALSE_ALARM),
        facts=facts,
        steps=plan.steps,
    )


def as_model(weights: Weights, facts: Facts) -> EncoderModel:
    """Return the model that the weights' file would be."""
    return EncoderModel(Artefact(uri="encoder.onnx", kind="model", data=to_onnx(weights, facts)))


def _lot(source: str, groups: Sequence[Group]) -> Lot:
    digest = hashlib.sha256()
    for one in groups:
        digest.update(one.ordinary.tobytes())
        digest.update(one.changed.tobytes())
    windows = sum(len(one.ordinary) + len(one.changed) for one in groups)
    return Lot(uri=source, digest=digest.hexdigest(), backgrounds=len(groups), windows=windows)
