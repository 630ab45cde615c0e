"""Calibration sets as signed artefacts: what changed between two of them that no signed recalibration declares.

Both sets are signed (role ``calibration``); a recalibration is a signed statement of which figures it was to change, by
how much at most, when, by whom and under which ticket. What is left over is a finding: a change of configuration that
poses as calibration (QTrojan, arXiv:2302.08090; ATT&CK T1565.001).
"""

import fnmatch
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core import subject as subjects
from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats import canonical, dsse, in_toto
from mumetal.formats.canonical import Plain
from mumetal.formats.in_toto import Statement, Subject
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing.statements import sign_artefact, sign_statement, verify_statement, verify_subject

SET = "https://mumetal.example/calibration-set/v1"
RECALIBRATION = "https://mumetal.example/recalibration/v1"
ROLE = "calibration"
RULE = "trust.signing.calibration.unexplained"
TOLERANCE = 1.05  # a declared limit is a round number; the figure it limits is not
MAX_PATTERNS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """What somebody was allowed to change.

    Args:
        device: Device.
        actor: Who did it.
        ticket: Under which change ticket.
        channels: Patterns such as ``"q3.*"``; at most 256.
        max_relative_change: Largest ``|new / old - 1|``.
        start_ns: From when, nanoseconds since 1970 UTC.
        stop_ns: Until when.
    """

    device: str
    actor: str
    ticket: str
    channels: tuple[str, ...]
    max_relative_change: float
    start_ns: int
    stop_ns: int

    def __post_init__(self) -> None:
        if not self.actor or not self.ticket:
            raise BadInputError("a recalibration has an actor and a ticket", where=self.device)
        if not 0 < len(self.channels) <= MAX_PATTERNS or self.stop_ns < self.start_ns:
            raise BadInputError("a recalibration names channels and a span of time", where=self.device)
        if not 0 <= self.max_relative_change < math.inf:
            raise BadInputError("a recalibration states its largest change", where=self.device)

    def covers(self, channel: str, change: float, between: tuple[int, int]) -> bool:
        """Say whether a figure's change between two times lies within it."""
        return (
            self.start_ns <= between[1]
            and self.stop_ns >= between[0]
            and abs(change) <= self.max_relative_change * TOLERANCE
            and any(fnmatch.fnmatchcase(channel, pattern) for pattern in self.channels)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure that differs.

    Args:
        channel: Such as ``"q3.T1"``.
        before: Value before, SI; NaN when there was none.
        after: Value after, SI; NaN when there is none.
    """

    channel: str
    before: float
    after: float

    @property
    def relative(self) -> float:
        """``after / before - 1``; infinite when a figure appears, vanishes or leaves zero."""
        if math.isnan(self.before) or math.isnan(self.after) or self.before == 0:
            return math.inf
        return self.after / self.before - 1


def encode_set(snapshot: DeviceSnapshot) -> bytes:
    """Return a snapshot as canonical JSON, the bytes that are signed: a missing value is null."""
    ordered = sorted(snapshot.parameters, key=lambda p: p.channel)
    parameters: list[Plain] = [
        {
            "component": p.component,
            "name": p.name,
            "value": None if math.isnan(p.value) else p.value,
            "unit": p.unit,
            "t_ns": str(p.t_ns),
            "flag": p.flag,
        }
        for p in ordered
    ]
    return canonical.encode(
        {
            "tenant": snapshot.tenant,
            "device": snapshot.device,
            "t_ns": str(snapshot.t_ns),
            "qubits": snapshot.qubits,
            "coupling": [list(pair) for pair in snapshot.coupling],
            "parameters": parameters,
        }
    )


def sign_set(snapshot: DeviceSnapshot, signers: Sequence[Signer]) -> bytes:
    """Return the envelope of a calibration set."""
    return sign_artefact(_artefact(snapshot), SET, {"device": snapshot.device}, signers)


def verify_set(snapshot: DeviceSnapshot, envelope: bytes, *, root: TrustRoot, now_ns: int) -> None:
    """Return nothing when the role ``calibration`` has signed just this set.

    Raises:
        RejectedError: It has not.
    """
    artefact = _artefact(snapshot)
    found = _read(envelope, artefact.uri)
    verify_statement(found, predicate_type=SET, root=root, role=ROLE, now_ns=now_ns, where=artefact.uri)
    verify_subject(in_toto.decode(found.payload), artefact.uri, artefact.data)


class _Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: str
    actor: str
    ticket: str
    channels: Annotated[tuple[str, ...], Meta(max_length=MAX_PATTERNS)]
    max_relative_change: float
    start_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    stop_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


def sign_recalibration(done: Recalibration, signers: Sequence[Signer]) -> bytes:
    """Return the envelope of a recalibration's declaration."""
    predicate: dict[str, Plain] = {
        "device": done.device,
        "actor": done.actor,
        "ticket": done.ticket,
        "channels": list(done.channels),
        "max_relative_change": done.max_relative_change,
        "start_ns": str(done.start_ns),
        "stop_ns": str(done.stop_ns),
    }
    subject = Subject.of(f"recalibration:{done.device}", canonical.encode(predicate))
    return sign_statement(Statement(subjects=(subject,), predicate_type=RECALIBRATION, predicate=predicate), signers)


def read_recalibration(envelope: bytes, *, root: TrustRoot, now_ns: int, where: str = "recalibration") -> Recalibration:
    """Return a recalibration that the role ``calibration`` has signed.

    Raises:
        RejectedError: It has not, or what it signed is no recalibration.
    """
    found = _read(envelope, where)
    verify_statement(found, predicate_type=RECALIBRATION, root=root, role=ROLE, now_ns=now_ns, where=where)
    try:
        raw = msgspec.convert(in_toto.decode(found.payload).predicate, _Predicate)
        return Recalibration(
            device=raw.device,
            actor=raw.actor,
            ticket=raw.ticket,
            channels=raw.channels,
            max_relative_change=raw.max_relative_change,
            start_ns=int(raw.start_ns),
            stop_ns=int(raw.stop_ns),
        )
    except (msgspec.ValidationError, BadInputError) as error:
        raise RejectedError(f"what was signed is no recalibration: {error}"[:500], where=where) from None


def unexplained_changes(
    before: DeviceSnapshot, after: DeviceSnapshot, recalibrations: Sequence[Recalibration]
) -> tuple[Change, ...]:
    """Return the figures that differ and that no recalibration covers, largest relative change first.

    Args:
        before: The set that was in force.
        after: The one now in force; the same device.
        recalibrations: Declarations, their signatures verified.

    Raises:
        BadInputError: The sets are of two devices, or in the wrong order.
    """
    if (before.tenant, before.device) != (after.tenant, after.device) or after.t_ns < before.t_ns:
        raise BadInputError("compare two sets of one device, the older first", where=after.device)
    old = {p.channel: p.value for p in before.parameters}
    new = {p.channel: p.value for p in after.parameters}
    mine = [r for r in recalibrations if r.device == after.device]
    left = []
    for channel in sorted(old.keys() | new.keys()):
        change = Change(channel=channel, before=old.get(channel, math.nan), after=new.get(channel, math.nan))
        same = change.before == change.after or (math.isnan(change.before) and math.isnan(change.after))
        between = (before.t_ns, after.t_ns)
        if not same and not any(r.covers(channel, change.relative, between) for r in mine):
            left.append(change)
    return tuple(sorted(left, key=lambda c: (-abs(c.relative), c.channel)))


def finding_of(after: DeviceSnapshot, changes: Sequence[Change]) -> Finding:
    """Return the finding of changes that nothing explains.

    Raises:
        BadInputError: There is none.
    """
    if not changes:
        raise BadInputError("nothing is unexplained", where=after.device)
    worst = ", ".join(f"{c.channel} {c.before:.6g} → {c.after:.6g}" for c in changes[:5])
    return Finding(
        tenant=after.tenant,
        subject=subjects.Subject.stream(after.device, "calibration"),
        rule=RULE,
        title=f"{len(changes)} calibrated figures changed without a signed recalibration",
        detail=f"Largest first: {worst}."[:4_000],
        remedy="Compare with the last signed set; restore it, or have the recalibration declared and signed.",
        start_ns=after.t_ns,
        stop_ns=after.t_ns,
        severity=Severity.HIGH,
        confidence=1.0,
        attribution=tuple(
            Attribution(channel=c.channel, share=1.0 / len(changes), method="own-score") for c in changes[:100]
        ),
        techniques=("impair.config_edit",),
        evidence=(Evidence(uri=f"snapshot:{after.device}?t={after.t_ns}", note="the set now in force"),),
    )


def _artefact(snapshot: DeviceSnapshot) -> Artefact:
    uri = f"snapshot:{snapshot.device}?t={snapshot.t_ns}"
    return Artefact(tenant=snapshot.tenant, uri=uri, kind="calibration", data=encode_set(snapshot))


def _read(envelope: bytes, where: str) -> dsse.Envelope:
    try:
        return dsse.decode(envelope, where)
    except BadInputError as error:
        raise RejectedError(f"its envelope cannot be read: {error.message}", where=where) from None
