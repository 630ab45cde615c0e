"""An approval: people say, each with their own key, that one act may be done to just these bytes, for a while.

Steps of :func:`verify`: (1) the envelope is signed as the trust root demands of the role, by as many different owners as
its threshold, not counting those who may not approve (who made it); (2) the statement is an approval; (3) it is for this
act on this resource; (4) it is about these bytes; (5) it has begun and not expired. Further approvers add their signatures
with :func:`mumetal.trust.signing.envelopes.add_signature`: all sign the same bytes.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse, in_toto
from mumetal.formats.canonical import Plain
from mumetal.formats.in_toto import Statement, Subject
from mumetal.trust.keys.hybrid import Signer, verify_ed25519, verify_ml_dsa
from mumetal.trust.keys.root import TrustedKey, TrustRoot
from mumetal.trust.signing.envelopes import halves_of
from mumetal.trust.signing.statements import sign_statement, verify_statement, verify_subject

APPROVAL = "https://mumetal.example/approval/v1"
Time = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What is approved.

    Args:
        action: The act, dotted, as it will stand on the ledger: ``"model.promote"``.
        resource: To what: ``"model:cryo@1f2e"``.
        why: The reason, in one line.
        start_ns: From when, nanoseconds since 1970 UTC.
        stop_ns: Until when; a later act needs a new approval.
    """

    action: str
    resource: str
    why: str
    start_ns: int
    stop_ns: int

    def __post_init__(self) -> None:
        check.name(self.action, "action")
        check.text(self.resource, "resource", 1_000)
        check.text(self.why, "why", 1_000)
        check.time_ns(self.start_ns, "approval start")
        check.time_ns(self.stop_ns, "approval end")
        if not self.resource or not self.why:
            raise BadInputError("an approval names a resource and says why", where=self.action)
        if self.stop_ns <= self.start_ns:
            raise BadInputError("an approval ends after it begins", where=self.action)


class _Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    action: Annotated[str, Meta(max_length=200)]
    resource: Annotated[str, Meta(max_length=1_000)]
    why: Annotated[str, Meta(max_length=1_000)]
    start_ns: Time
    stop_ns: Time


def approve(approval: Approval, data: bytes, signers: Collection[Signer]) -> bytes:
    """Return the envelope of an approval of ``data``, signed by the first approvers.

    Raises:
        BadInputError: No signer, or one twice.
        UnavailableError: A key cannot be reached.
    """
    predicate: dict[str, Plain] = {
        "action": approval.action,
        "resource": approval.resource,
        "why": approval.why,
        "start_ns": str(approval.start_ns),
        "stop_ns": str(approval.stop_ns),
    }
    subject = Subject.of(approval.resource, data)
    return sign_statement(Statement(subjects=(subject,), predicate_type=APPROVAL, predicate=predicate), list(signers))


def verify(
    envelope: bytes,
    data: bytes,
    *,
    action: str,
    resource: str,
    root: TrustRoot,
    role: str,
    now_ns: int,
    not_by: Collection[str] = (),
) -> None:
    """Return nothing when the role's threshold of owners approves just this act on these bytes, now.

    Args:
        envelope: The approval.
        data: The bytes that are acted on, such as a model's manifest or an image.
        action: The act.
        resource: To what.
        root: Whose keys count.
        role: Who must approve, such as ``"release"``.
        now_ns: Now, nanoseconds since 1970 UTC.
        not_by: Owners whose signature does not count, such as who made it.

    Raises:
        RejectedError: A step failed; says which.
    """
    where = f"approval of {action} {resource}"[:300]
    found = _read(envelope, where)
    try:
        others = _without(root, role, not_by)
        verify_statement(found, predicate_type=APPROVAL, root=others, role=role, now_ns=now_ns, where=where)
        statement = in_toto.decode(found.payload, where)
        said = msgspec.convert(statement.predicate, _Predicate)
    except (msgspec.ValidationError, BadInputError) as error:
        raise RejectedError(f"step 2: what was signed is no approval: {error}"[:500], where=where) from None
    if (said.action, said.resource) != (action, resource):
        raise RejectedError(f"step 3: it approves {said.action} of {said.resource}"[:500], where=where)
    try:
        verify_subject(statement, resource, data, where)
    except RejectedError as error:
        raise RejectedError(f"step 4: other bytes were approved: {error.message}", where=where) from None
    if not int(said.start_ns) <= now_ns < int(said.stop_ns):
        raise RejectedError("step 5: the approval has not begun or has expired", where=where, hint="ask for a new one")


def approvers(envelope: bytes, root: TrustRoot, role: str, now_ns: int) -> tuple[str, ...]:
    """Return the owners in the role whose signature holds, for the ledger; it says nothing of the threshold."""
    return tuple(sorted({key.owner for key in signers(envelope, root, role, now_ns)}))


def signers(envelope: bytes, root: TrustRoot, role: str, now_ns: int) -> tuple[TrustedKey, ...]:
    """Return the role's keys whose signature holds, in order of owner; it says nothing of the threshold."""
    found = _read(envelope, "approval")
    held = []
    for key in root.keys_of(root.role(role)):
        try:
            halves = halves_of(found, key.public.key_id, "approval")
            if halves is not None and not key.usable(now_ns):
                verify_ed25519(key.public.ed25519, found.signed, halves.ed25519)
                verify_ml_dsa(key.public.ml_dsa_87, found.signed, halves.ml_dsa_87)
                held.append(key)
        except RejectedError:
            continue  # who has not signed is no approver; whether there are enough is verify's question
    return tuple(sorted(held, key=lambda k: (k.owner, k.public.key_id)))


def _without(root: TrustRoot, role: str, owners: Collection[str]) -> TrustRoot:
    """Return the root with some owners' keys taken out of a role; a role that gets too small cannot be satisfied."""
    if not owners:
        return root
    kept = [k.public.key_id for k in root.keys_of(root.role(role)) if k.owner not in owners]
    left = {k.owner for k in root.keys_of(root.role(role)) if k.owner not in owners and not k.revoked_ns}
    if len(left) < root.role(role).threshold:
        raise RejectedError(
            f"step 1: only {len(left)} of {root.role(role).threshold} owners in role {role!r} may approve this",
            hint="whoever made it cannot approve it; name more owners in the trust root",
        )
    roles = tuple(replace(r, keys=tuple(kept)) if r.name == role else r for r in root.roles)
    return replace(root, roles=roles)


def _read(envelope: bytes, where: str) -> dsse.Envelope:
    try:
        return dsse.decode(envelope, where)
    except BadInputError as error:
        raise RejectedError(f"the approval cannot be read: {error.message}", where=where) from None
