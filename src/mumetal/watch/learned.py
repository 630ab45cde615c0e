"""A model of one's own watches a stream like any other detector: it was learnt elsewhere, only its tail is learnt here."""

import hashlib
from collections.abc import Callable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch.contrastive.adapted import AdaptedEncoder
from mumetal.watch.covert.codes import Codes
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Scale, Standardised, shares


class RowModel(Protocol):
    """A verified model that scores single rows; whoever gives it has loaded it through a ``ModelSource``."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def version(self) -> str:
        """SHA-256 of what was promised of it, hex."""
        ...

    @property
    def channels(self) -> tuple[tuple[str, str], ...]:
        """Name and unit of each input column."""
        ...

    def score(self, rows: Array) -> Array:
        """Score rows in SI units, shape (n, C) to (n,); higher is more anomalous."""
        ...


Watching = RowModel | AdaptedEncoder | Codes
Models = Callable[[], tuple[Watching, ...]]


def no_models() -> tuple[Watching, ...]:
    """Return no model, where none is given."""
    return ()


def fitting(models: tuple[Watching, ...], history: Series) -> tuple[RowModel, ...]:
    """Return the row models whose every input is a channel of this stream, in the same unit."""
    have = {(channel.name, channel.unit) for channel in history.channels}
    rows = (model for model in models if not isinstance(model, AdaptedEncoder | Codes))
    return tuple(model for model in rows if have >= set(model.channels))


def adapted_to(models: tuple[Watching, ...], history: Series) -> tuple[AdaptedEncoder, ...]:
    """Return the encoders that were adapted to this stream as it is now."""
    return tuple(model for model in models if isinstance(model, AdaptedEncoder) and model.fits(history))


def identity(model: Watching) -> list[str]:
    """Return what tells a model, an adaptation or codes of the lab's own from any other."""
    if isinstance(model, AdaptedEncoder):
        return ["encoder", model.model.digest, hashlib.sha256(msgspec.json.encode(model.adapted)).hexdigest()]
    if isinstance(model, Codes):
        return ["codes", *model.names, hashlib.sha256(repr(model.sequences).encode()).hexdigest()]
    return ["model", model.name, model.version]


def given_by(models: tuple[Watching, ...]) -> dict[str, object]:
    """Return what detectors hold of models, by name: it is verified where it comes from, and no part of a state."""
    held = (model.model if isinstance(model, AdaptedEncoder) else model for model in models)
    return {f"model {place}": thing for place, thing in enumerate(held)}


class Learned(Standardised):
    """Scores rows with a model; what it has not observed it takes to be at its ordinary place.

    Scores count from the smallest one the history gives, so that they are never negative; one that is not finite counts
    as nothing here and is told by the model's health.

    Args:
        model: The model.
    """

    info = PluginInfo(
        plugin_id="watch.learned",
        title="A model of the registry",
        reference="Chandola et al. 2009, doi:10.1145/1541880.1541882 (semi-supervised anomaly detection)",
        min_history=64,
    )
    tail_power = 1.0

    saved = ("_given", "model", "_columns", "_location", "_spread", "_floor")

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self._given = model
        self.model = f"{model.name}@{model.version}"

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Find the model's columns and how it scores what is ordinary; nothing of the model itself changes."""
        self._scale = scale
        names = history.names
        self._columns = np.array([names.index(name) for name, _ in self._given.channels], np.intp)
        self._location, self._spread = scale.location[self._columns], scale.scale[self._columns]
        self._floor = 0.0
        raw = self._run(*scale.apply(history.values))
        self._floor = float(raw.min()) if raw.size else 0.0
        self.held_out = raw - self._floor

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn nothing: the model is given."""

    def reset(self) -> None:
        """Holds no state."""

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), at least 0."""
        return np.maximum(self._run(z, seen) - self._floor, 0.0)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Say how much the score falls when a channel alone is put back to its ordinary place (occlusion)."""
        row = z[-1:]
        tried = np.repeat(row, len(self._columns) + 1, axis=0)
        tried[np.arange(1, len(tried)), self._columns] = 0.0
        scores = self._run(tried, None if seen is None else np.repeat(seen[-1:], len(tried), axis=0))
        drop = np.zeros(len(names))
        drop[self._columns] = np.maximum(scores[0] - scores[1:], 0.0)
        return shares(names, drop, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """State nothing that was not measured: the gates' report does."""
        del conditions
        return blind(self.info, technique, "1", "a model's power is what its gates measured: see its page")

    def _run(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        del seen  # what was not observed stands at 0, the ordinary place
        rows = z[:, self._columns] * self._spread + self._location
        return np.nan_to_num(self._given.score(rows), nan=self._floor, posinf=self._floor, neginf=self._floor)
