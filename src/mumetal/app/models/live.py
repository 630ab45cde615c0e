"""The models a running stack watches with: each verified when it is loaded; what does not verify is left out and named.

A stack whose registry or whose model is refused goes on watching without it, in *degraded mode*: the pages and
``mumetal status`` say which model is missing and which step refused it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mumetal.access.api import agent_scope, os_user
from mumetal.app.models.adapting import adapted_encoders
from mumetal.core import LOCAL
from mumetal.core.artefact import Artefact
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.finding import Finding
from mumetal.core.ports import Authorizer, Ledger
from mumetal.trust.api import (
    MODELS_FOLDER,
    MODELS_ROOT_FILE,
    RELEASE_AGENT,
    ApprovalDemand,
    Checkup,
    ModelDesk,
    ModelKind,
    ModelProblem,
    ModelRegistry,
    ModelState,
    OnnxScorer,
    adopt_shipped,
    attach_models,
    read_onnx,
    reading_models,
)
from mumetal.watch.api import AdaptedEncoder, RowModel, WatchingModel

ENCODER = "encoder"  # the name under which the shipped one is in the registry
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The newest look at an active version on one stream.

    Args:
        name: The model's name.
        version: The version looked at.
        device: Whose rows.
        stream: Which.
        start_ns: First row looked at.
        stop_ns: Past the last.
        checkup: What was found; None where nothing could be looked at yet.
        findings: What was raised.
        note: What it waits for, or what was done about what was found.
    """

    name: str
    version: str
    device: str
    stream: str
    start_ns: int
    stop_ns: int
    checkup: Checkup | None = None
    findings: tuple[Finding, ...] = ()
    note: str = ""


class Outside:
    """Counts the rows that a model was given, and those that lay outside the ranges it was registered with."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._given = self._outside = 0

    def count(self, given: int, outside: int) -> None:
        """Count rows that were just given."""
        with self._lock:
            self._given, self._outside = self._given + given, self._outside + outside

    @property
    def counted(self) -> tuple[int, int]:
        """Return (rows given, rows of them outside) since the model was loaded."""
        with self._lock:
            return self._given, self._outside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedModel:
    """An active version that scores rows; equal to another of the same version.

    Args:
        name: The model's name.
        version: SHA-256 of its manifest.
        channels: Name and unit of each input column.
        scorer: Runs it.
        ranges: Lowest and highest value of each input column, as registered, shape (2, C).
        outside: Counts the rows that are not scored because they lie outside.
    """

    name: str
    version: str
    channels: tuple[tuple[str, str], ...]
    scorer: OnnxScorer
    ranges: Array
    outside: Outside = field(default_factory=Outside)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedModel) and (self.name, self.version) == (other.name, other.version)

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    def score(self, rows: Array) -> Array:
        """Score rows, shape (n, C) to (n,); NaN where the model fails or was never tried, so that the watch goes on.

        What lies outside the registered ranges is not scored: it is counted, and the model's health tells.
        """
        low, high = self.ranges
        outside = ((rows < low) | (rows > high)).any(axis=1)
        self.outside.count(len(rows), int(outside.sum()))
        scores = np.full(len(rows), np.nan)
        try:
            scores[~outside] = self.scorer.score(rows[~outside])
        except BadInputError:
            return np.full(len(rows), np.nan)
        return scores


def degraded(problems: Sequence[ModelProblem]) -> str:
    """Return what is missing in one sentence; empty when nothing is."""
    if not problems:
        return ""
    told = "; ".join(f"{p.model or 'every model of the registry'} ({p.why.rstrip('.')})" for p in problems[:3])
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"Degraded: the watch goes on without {told}{more}."


def _gone(registry: ModelRegistry) -> list[ModelProblem]:
    return [ModelProblem(model=name, why="the ledger knows it, and its record is gone") for name in registry.gone()]


def looked_up(store: Path) -> list[ModelProblem]:
    """Return what of a store's registry does not verify, without changing anything; also beside a running stack."""
    if not (store / MODELS_FOLDER / MODELS_ROOT_FILE).exists():
        return []
    problems: list[ModelProblem] = []
    try:
        with reading_models(store) as registry:
            problems += _gone(registry)
            for name in registry.names():
                try:
                    if registry.record(name).in_state(ModelState.ACTIVE) is not None:
                        registry.load(name)
                except MumetalError as error:
                    problems.append(ModelProblem(model=name, why=str(error)[:500]))
    except MumetalError as error:
        problems.append(ModelProblem(model="", why=f"the registry cannot be used: {error}"[:500]))
    return problems


class LiveModels:
    """Loads every active model and says what could not be loaded.

    Args:
        desk: The registry; without one nothing is loaded.
        problems: What is wrong with the registry itself.
        encoders: Encoders that a lab adapted to its streams.
    """

    def __init__(
        self,
        desk: ModelDesk | None = None,
        problems: Sequence[ModelProblem] = (),
        encoders: Sequence[AdaptedEncoder] = (),
    ) -> None:
        self.desk = desk
        self._encoders = tuple(encoders)
        self._own = tuple(problems)
        self._problems: tuple[ModelProblem, ...] = self._own
        self._running: tuple[LoadedModel, ...] = ()
        self._adapted: tuple[AdaptedEncoder, ...] = ()
        self._looks: dict[str, tuple[Look, ...]] = {}
        self._lock = Lock()
        self.refresh()

    @classmethod
    def open(
        cls,
        store: Path,
        *,
        ledger: Ledger,
        authorizer: Authorizer,
        clock: Clock,
        hardware: bool = False,
        demand: ApprovalDemand | None = None,
    ) -> "LiveModels":
        """Open the registry of a store and take in what is shipped; a registry that is refused leaves a problem."""
        encoders, left_out = adapted_encoders(store)
        wrong = [ModelProblem(model=name, why=why) for name, why in left_out]
        try:
            desk = attach_models(
                store,
                ledger=ledger,
                authorizer=authorizer,
                clock=clock,
                principal=agent_scope(LOCAL, RELEASE_AGENT).principal,
                owner=os_user(),
                hardware=hardware,
                demand=demand,
            )
        except MumetalError as error:
            return cls(
                None, [ModelProblem(model="", why=f"the registry cannot be used: {error}"[:500]), *wrong], encoders
            )
        return cls(desk, [*adopt_shipped(desk), *wrong], encoders)

    @property
    def problems(self) -> tuple[ModelProblem, ...]:
        """What is not watching though it should, and why."""
        return self._problems

    @property
    def words(self) -> str:
        """What a reader of any page should know: empty, or which models are missing and why."""
        return degraded(self._problems)

    def running(self) -> tuple[RowModel, ...]:
        """Return the active versions that score rows."""
        return self._running

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the same with all that is known of them."""
        return self._running

    def load(self, name: str) -> Artefact:
        """Return an active version's bytes (port ``ModelSource``), for whatever scores more than single rows.

        Raises:
            RejectedError: It does not verify; says which step.
            BadInputError: There is no such model, or none of its versions is active.
        """
        if self.desk is None:
            raise BadInputError("there is no registry of models", where=name)
        return self.desk.registry.load(name)

    @property
    def outside_words(self) -> str:
        """Say which running models were given rows outside their ranges, and how many; empty when none was."""
        counted = [(m.name, *m.outside.counted) for m in self._running]
        return "; ".join(
            f"{outside} of {given} rows lay outside the ranges of {name} and were not scored by it"
            for name, given, outside in counted
            if outside
        )

    def unscored(self, name: str) -> tuple[int, int]:
        """Return (rows given to a model that runs, rows of them outside its ranges); zeros where none does."""
        return next((m.outside.counted for m in self._running if m.name == name), (0, 0))

    def looks(self, name: str) -> tuple[Look, ...]:
        """Return the newest looks at a model, one per stream."""
        return self._looks.get(name, ())

    def note(self, name: str, looks: Sequence[Look]) -> None:
        """Keep the newest looks at a model."""
        self._looks[name] = tuple(looks)

    def watching(self) -> tuple[WatchingModel, ...]:
        """Return the active versions that score rows, and the encoders adapted to streams."""
        return (*self._running, *self._adapted)

    def refresh(self) -> None:
        """Look at the registry again: every active version is verified anew; the watch takes them up by itself."""
        if self.desk is None:
            return
        with self._lock:
            running: list[LoadedModel] = []
            problems: list[ModelProblem] = list(self._own)
            problems += _gone(self.desk.registry)
            for name in self.desk.registry.names():
                try:
                    found = self._load(name)
                except MumetalError as error:
                    problems.append(ModelProblem(model=name, why=str(error)[:500]))
                    continue
                if found is not None:
                    running.append(found)
            self._adapted = self._still_active(problems)
            self._running, self._problems = tuple(running), tuple(problems)

    def _still_active(self, problems: list[ModelProblem]) -> tuple[AdaptedEncoder, ...]:
        """Return the adapted encoders whose bytes are those of the registry's active version, and name why not."""
        if self.desk is None or not self._encoders:
            return ()
        try:
            active = self.desk.registry.load(ENCODER).digest
        except MumetalError as error:
            if all(problem.model != ENCODER for problem in problems):
                problems.append(ModelProblem(model=ENCODER, why=str(error)[:500]))
            return ()
        kept = tuple(encoder for encoder in self._encoders if encoder.model.digest == active)
        if len(kept) < len(self._encoders):
            why = "another version is active than streams were adapted with: adapt them again, or put that one back"
            problems.append(ModelProblem(model=ENCODER, why=why))
        return kept

    def _load(self, name: str) -> LoadedModel | None:
        assert self.desk is not None
        registry = self.desk.registry
        record = registry.record(name)
        if record.in_state(ModelState.ACTIVE) is None:
            return None
        artefact = registry.load(name)
        version = dict(artefact.facts)["version"]
        known = next((m for m in self._running if (m.name, m.version) == (name, version)), None)
        if known is not None:
            return known
        promised = registry.manifest(name, version)
        if promised.kind is not ModelKind.ONNX or not scores_rows(artefact.data):
            return None  # loaded by whoever uses it, such as an encoder
        channels = tuple((i.channel, i.unit) for i in promised.inputs)
        ranges = np.array([[i.lowest for i in promised.inputs], [i.highest for i in promised.inputs]])
        return LoadedModel(name=name, version=version, channels=channels, scorer=OnnxScorer(artefact), ranges=ranges)


def scores_rows(data: bytes) -> bool:
    """Whether an ONNX model takes single rows, shape (n, C), and so can be run as it is."""
    inputs = read_onnx(data).inputs
    return len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].dtype == "float32"
