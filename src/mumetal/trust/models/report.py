"""What the gates said of one version, as a document that is sealed and that approvals name by digest."""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import canonical
from mumetal.trust.models.manifest import Metric, Sha256, Short

MAX_REPORT = 1 << 20


class GateOutcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One gate's word.

    Args:
        gate: Gate id.
        passed: Whether the version may go on.
        reason: Why, in one sentence with figures.
        figures: What was measured.
    """

    gate: Short
    passed: bool
    reason: Annotated[str, Meta(max_length=1_000)]
    figures: Annotated[tuple[Metric, ...], Meta(max_length=256)] = ()


class GateReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All gates' words on one version.

    Args:
        format: Version of this layout.
        name: The model.
        version: The version that was tried.
        against: The active version it was compared with; empty when there was none.
        data: SHA-256 over the held-out data.
        t_ns: When, as text.
        outcomes: One per gate.
    """

    format: Literal["mumetal-gate-report/1"] = "mumetal-gate-report/1"
    name: Short
    version: Sha256
    against: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    data: Sha256
    t_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    outcomes: Annotated[tuple[GateOutcome, ...], Meta(max_length=64)]

    @property
    def passed(self) -> bool:
        """Whether every gate let it pass, and there was one."""
        return bool(self.outcomes) and all(o.passed for o in self.outcomes)


def encode(report: GateReport) -> bytes:
    """Return the canonical bytes that are sealed."""
    return canonical.encode(msgspec.to_builtins(report))


def digest(report: GateReport) -> str:
    """Return the SHA-256 that approvals name, hex."""
    return hashlib.sha256(encode(report)).hexdigest()


def decode(data: bytes, where: str = "gate report") -> GateReport:
    """Read a report back.

    Raises:
        BadInputError: Malformed or not in canonical form.
    """
    try:
        report = msgspec.convert(canonical.decode_json(data, MAX_REPORT, 8, where), GateReport)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a gate report: {error}"[:500], where=where) from None
    if encode(report) != data:
        raise BadInputError("the report is not in canonical form", where=where)
    return report


def check(report: GateReport, name: str, version: str, against: str, required: frozenset[str]) -> None:
    """Return nothing when a report lets a version pass.

    Steps: (1) it is about this version; (2) it compared with the version that is active now; (3) every required gate
    spoke; (4) all of them let it pass.

    Raises:
        RejectedError: One step fails; says which.
    """
    where = f"{name}@{version[:12]}"
    if (report.name, report.version) != (name, version):
        raise RejectedError("step 1: the gate report is about another version", where=where)
    if report.against != against:
        raise RejectedError(
            "step 2: the report compared with another version than the active one",
            where=where,
            hint="run the gates again",
        )
    missing = required - {o.gate for o in report.outcomes}
    if missing:
        raise RejectedError(f"step 3: no word from {', '.join(sorted(missing))}", where=where)
    refused = [o for o in report.outcomes if not o.passed]
    if refused or not report.outcomes:
        why = "; ".join(f"{o.gate}: {o.reason}" for o in refused) or "no gate spoke"
        raise RejectedError(f"step 4: {why}"[:900], where=where, hint="mend the model and register it anew")
