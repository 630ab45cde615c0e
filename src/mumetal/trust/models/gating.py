"""Runs the gates on a registered draft, with the data a person shows."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.models import lineage, table
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import judge
from mumetal.trust.models.gates.trial import Trial
from mumetal.trust.models.manifest import Manifest
from mumetal.trust.models.opening import ModelDesk, stopwatch
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateReport
from mumetal.trust.models.scorer import OnnxScorer
from mumetal.trust.models.training_data import TrainingData

CANARY_ROWS = 64  # kept with their answers, to be asked again while it is active


def run_gates(
    desk: ModelDesk, name: str, version: str, held_out: bytes, where: str, *, training: Sequence[Path], seed: int
) -> GateReport:
    """Try a version on held-out data beside the active one.

    Args:
        desk: The registry.
        name: The model.
        version: Its version, or the first letters.
        held_out: CSV of the channels and a column ``anomalous``.
        where: Its path, for errors.
        training: CSV of each training set, in the manifest's order; reading one is permitted and entered in the ledger.
        seed: Seed of the attacks.

    Raises:
        BadInputError: No ONNX model, or data that do not fit.
        RejectedError: The held-out data are among the training data, or they may not read those.
    """
    record = desk.registry.record(name)
    chosen = record.find(version)
    promised = desk.registry.manifest(name, chosen.version)
    if promised.kind is not Kind.ONNX:
        raise BadInputError(
            f"the gates can run ONNX, not {promised.kind.value}",
            where=f"{name}@{chosen.version[:12]}",
            hint="export it",
        )
    digest = hashlib.sha256(held_out).hexdigest()
    if any(item.use == "train" and item.digest == digest for item in promised.data):
        raise RejectedError("these held-out data are the training data", where=where)
    channels = [i.channel for i in promised.inputs]
    shown = table.read(held_out, channels, where, labelled=True)
    active = record.in_state(State.ACTIVE)
    artefact = desk.registry.load_version(name, chosen.version)
    trial = Trial(
        manifest=promised,
        size=promised.size,
        candidate=OnnxScorer(artefact),
        active=OnnxScorer(desk.registry.load(name)) if active else None,
        rows=shown.rows,
        anomalous=shown.anomalous,
        training=_training(desk, promised, training),
        rng=np.random.default_rng(seed),
        timer_ns=stopwatch,
    )
    desk.registry.put_canary(chosen.version, lineage.encode(lineage.probe_of(artefact, name, shown.rows[:CANARY_ROWS])))
    return GateReport(
        name=name,
        version=chosen.version,
        against=active.version if active else "",
        data=digest,
        t_ns=str(desk.clock.now_ns()),
        outcomes=judge(trial),
    )


def _training(desk: ModelDesk, promised: Manifest, paths: Sequence[Path]) -> NDArray[np.float64] | None:
    if not paths:
        return None
    sets = [item for item in promised.data if item.use == "train"]
    if len(sets) != len(paths):
        raise BadInputError(f"the manifest names {len(sets)} training sets, not {len(paths)}", where=str(paths[0]))
    door = TrainingData(ledger=desk.ledger, authorizer=desk.authorizer, clock=desk.clock)
    channels, rows = [i.channel for i in promised.inputs], list[NDArray[np.float64]]()
    for item, path in zip(sets, paths, strict=True):
        data = door.read(desk.principal, promised.name, item, path)
        rows.append(table.read(data, channels, str(path), labelled=False).rows)
    return np.concatenate(rows)
