"""Looks at a model's active version, and at the last good one beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.trust.models import lineage, table
from mumetal.trust.models.health.checkup import Checkup, Patient, look
from mumetal.trust.models.health.fall_back import fall_back
from mumetal.trust.models.health.findings import findings
from mumetal.trust.models.opening import ModelDesk
from mumetal.trust.models.record import State
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.scorer import OnnxScorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a look found and did.

    Args:
        findings: What is wrong; none when nothing is.
        summary: The look in one line.
        fell_back_to: Version that was put back; empty when none was.
    """

    findings: tuple[Finding, ...] = field(default=())
    summary: str
    fell_back_to: str = ""


def examine(
    registry: ModelRegistry,
    name: str,
    data: Mapping[str, tuple[bytes, str]],
    probes: Sequence[tuple[bytes, str]],
    *,
    seed: int,
    now_ns: int,
    desk: ModelDesk | None = None,
) -> Examined:
    """Look at the active version; with ``desk``, fall back where that helps.

    Args:
        registry: Where the model is.
        name: The model.
        data: CSV and path of ``"reference"`` and ``"recent"``.
        probes: Canaries and their paths.
        seed: Seed of the permutations.
        now_ns: Now, nanoseconds since 1970 UTC.
        desk: To fall back with; None only looks.

    Raises:
        BadInputError: Nothing is active, or the data do not fit.
        RejectedError: A version does not verify.
    """
    record = registry.record(name)
    active = record.in_state(State.ACTIVE)
    if active is None:
        raise BadInputError("no version is active", where=name)
    channels = tuple(i.channel for i in registry.manifest(name, active.version).inputs)
    reference, recent = (table.read(*data[what][:1], channels, data[what][1], labelled=False).rows
                         for what in ("reference", "recent"))  # fmt: skip
    canaries = tuple(lineage.decode(body, where) for body, where in probes)

    def check(version: str) -> Checkup:
        mine = tuple(p for p in canaries if p.version == version)
        runs = OnnxScorer(registry.load_version(name, version))
        patient = Patient(name=name, version=version, channels=channels, scorer=runs, reference=reference)
        return look(patient, recent, rng=np.random.default_rng(seed), registry=registry, canaries=mine)

    seen = check(active.version)
    back = None
    if desk is not None and record.good and seen.ails:
        same = tuple(i.channel for i in registry.manifest(name, record.good[-1]).inputs) == channels
        back = fall_back(desk.lifecycle, seen, check(record.good[-1]) if same else None, desk.principal)
    restored = back.in_state(State.ACTIVE) if back else None
    verdict = "ails" if seen.ails else "is well"
    summary = f"{name}@{active.version[:12]} {verdict}: {seen.rows} rows, {seen.alarm_rate:.1%} beyond the 95% score"
    if restored is not None:
        summary += f"; fell back to {restored.version[:12]}"
    return Examined(
        findings=tuple(findings(seen, now_ns, now_ns)),
        summary=summary,
        fell_back_to=restored.version if restored else "",
    )
