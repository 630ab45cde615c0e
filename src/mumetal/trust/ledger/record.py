"""A ledger entry as the bytes that are hashed: canonical JSON (RFC 8785), at most 65,535 of them."""

from dataclasses import fields

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger.tiles import MAX_ENTRY

LONGEST = 2_000


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """In the order of RFC 8785, so that msgspec's encoder writes the canonical form (a test holds the two together).

    What is empty by default is left out: an entry from before those fields has the bytes it had.
    """

    action: str
    actor: str
    decision: str = ""
    on_behalf_of: str = ""
    outcome: str
    policy: str = ""
    subject: str
    t_ns: str  # nanoseconds since 1970 do not fit the 53 bits of a canonical number
    tenant: str
    token: str = ""
    why: str


TEXTS = tuple(f.name for f in fields(LedgerEntry) if f.name != "t_ns")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Record)


def encode(entry: LedgerEntry) -> bytes:
    """Return an entry's bytes.

    Raises:
        BadInputError: A text is too long or not UTF-8, or the time is none.
    """
    check.time_ns(entry.t_ns, "ledger time")
    texts = {name: getattr(entry, name) for name in TEXTS}
    if max(map(len, texts.values())) > LONGEST:
        raise BadInputError(f"a text of a ledger entry is longer than {LONGEST}")
    try:
        data = _ENCODER.encode(_Record(t_ns=str(entry.t_ns), **texts))
    except UnicodeEncodeError:
        raise BadInputError("a text of a ledger entry has no UTF-8 form") from None
    if len(data) > MAX_ENTRY:
        raise BadInputError(f"a ledger entry has {len(data)} bytes, more than {MAX_ENTRY}")
    return data


def read(data: bytes) -> LedgerEntry:
    """Read an entry's JSON, canonical or not.

    Raises:
        ValueError: It is none.
    """
    record = _DECODER.decode(data)
    return LedgerEntry(t_ns=int(record.t_ns), **{name: getattr(record, name) for name in TEXTS})


def decode(data: bytes, index: int) -> LedgerEntry:
    """Read an entry's bytes.

    Raises:
        RejectedError: They are none, or not in canonical form.
    """
    try:
        entry = read(data)
        same = encode(entry) == data
    except (ValueError, BadInputError):
        same = False
    if not same:
        raise RejectedError("not a ledger entry", where=f"ledger:{index}")
    return entry
