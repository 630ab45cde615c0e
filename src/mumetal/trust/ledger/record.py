"""A ledger entry as the bytes that are hashed: canonical JSON (RFC 8785), at most 65,535 of them."""

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger.tiles import MAX_ENTRY

LONGEST = 2_000


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the order of RFC 8785, so that msgspec's encoder writes the canonical form (a test holds the two together)."""

    action: str
    actor: str
    outcome: str
    subject: str
    t_ns: str  # nanoseconds since 1970 do not fit the 53 bits of a canonical number
    tenant: str
    why: str


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Record)


def encode(entry: LedgerEntry) -> bytes:
    """Return an entry's bytes.

    Raises:
        BadInputError: A text is too long or not UTF-8, or the time is none.
    """
    check.time_ns(entry.t_ns, "ledger time")
    texts = (entry.action, entry.actor, entry.outcome, entry.subject, entry.tenant, entry.why)
    if max(map(len, texts)) > LONGEST:
        raise BadInputError(f"a text of a ledger entry is longer than {LONGEST}")
    record = _Record(entry.action, entry.actor, entry.outcome, entry.subject, str(entry.t_ns), entry.tenant, entry.why)
    try:
        data = _ENCODER.encode(record)
    except UnicodeEncodeError:
        raise BadInputError("a text of a ledger entry has no UTF-8 form") from None
    if len(data) > MAX_ENTRY:
        raise BadInputError(f"a ledger entry has {len(data)} bytes, more than {MAX_ENTRY}")
    return data


def decode(data: bytes, index: int) -> LedgerEntry:
    """Read an entry's bytes.

    Raises:
        RejectedError: They are none, or not in canonical form.
    """
    try:
        record = _DECODER.decode(data)
        entry = LedgerEntry(
            tenant=record.tenant,
            t_ns=int(record.t_ns),
            actor=record.actor,
            action=record.action,
            subject=record.subject,
            why=record.why,
            outcome=record.outcome,
        )
        same = encode(entry) == data
    except (msgspec.DecodeError, ValueError, BadInputError):
        same = False
    if not same:
        raise RejectedError("not a ledger entry", where=f"ledger:{index}")
    return entry
