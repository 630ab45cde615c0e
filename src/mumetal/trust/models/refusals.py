"""What the gates refused of a version, and who may say otherwise: never those who made it."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.trust.models.manifest import Manifest, Sha256, Short

MAX_REFUSALS = 256


class Refusal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gates refused, once; it stands until somebody else than the registrant and the trainer answers it.

    Args:
        report: Digest of the gate report.
        why: The gates that did not let it pass, and their reasons.
        shown_by: Who ran the gates.
        t_ns: When, as text.
        answered_by: Who answered; empty while it stands.
        answer: What they say of it.
        answered_ns: When they did, as text; empty while it stands.
    """

    report: Sha256
    why: Annotated[str, Meta(min_length=1, max_length=1_000)]
    shown_by: Short
    t_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    answered_by: Annotated[str, Meta(max_length=200)] = ""
    answer: Annotated[str, Meta(max_length=500)] = ""
    answered_ns: Annotated[str, Meta(pattern="^([0-9]{1,19})?$")] = ""


def answered(refusals: tuple[Refusal, ...], who: str, what: str, now_ns: int) -> tuple[Refusal, ...]:
    """Return refusals with a person's answer to each that had none."""
    return tuple(
        r if r.answered_by else msgspec.structs.replace(r, answered_by=who, answer=what[:500], answered_ns=str(now_ns))
        for r in refusals
    )


def apart(registrant: str, promised: Manifest) -> frozenset[str]:
    """Return who made a version, so that somebody else has to vouch for it: registrant and trainer.

    Of a version from before either was kept, it is the owner.
    """
    made = {registrant, promised.trainer} - {""}
    return frozenset(made or {promised.owner})
