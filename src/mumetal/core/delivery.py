"""What comes through a door: data, what was refused, and where to go on."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mumetal.core import LOCAL, check

if TYPE_CHECKING:  # a scan speaks of what it refuses, and needs no samples: NumPy takes a fifth of its start
    from mumetal.core.event import Event
    from mumetal.core.series import Series
    from mumetal.core.snapshot import DeviceSnapshot

Datum: TypeAlias = "Series | Event | DeviceSnapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One piece of input that was refused; the good rest is kept.

    Args:
        where: ``file:line`` or a URI.
        reason: What was wrong with it, in one sentence, without secrets.
        excerpt: The first 200 bytes of it, hex, so that nothing foreign is ever printed raw.
        t_ns: When it was refused; 0 when the door has no clock.
    """

    where: str
    reason: str
    excerpt: str = ""
    t_ns: int = 0

    def __post_init__(self) -> None:
        check.text(self.where, "place", 4_096)
        check.text(self.reason, "reason", 1_000)
        check.text(self.excerpt, "excerpt", 400)

    @classmethod
    def of(cls, where: str, reason: str, raw: bytes = b"") -> "Quarantined":
        """Quarantine ``raw``, keeping at most its first 200 bytes."""
        return cls(where=where[:4_096], reason=reason[:1_000], excerpt=raw[:200].hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One batch from one source, committed as a whole together with the cursor.

    Args:
        source: Source id, such as ``"bluefors:logs"``; names the cursor.
        tenant: For whom the source reads.
        data: What was read.
        quarantined: What was refused.
        cursor: Opaque text from which the next poll goes on; empty for a push.
        caught_up: True when there is nothing more to read right now.
    """

    source: str
    tenant: str = LOCAL
    data: tuple[Datum, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    cursor: str = ""
    caught_up: bool = True

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.text(self.cursor, "cursor", 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that a delivery is durable.

    Args:
        sequence: Position of the delivery in the store's log; grows by one.
        digest: SHA-256 hex over the bytes as written ahead.
        values: Numbers written.
        late: Rows older than the stream's lateness bound: stored and marked, not re-scored.
        repeats: Rows whose identity was there already; not written again.
        fresh: The data as accepted, without the repeats, for the watchers to score.
        again: Rows whose identity was there already, as they came now: the same again, or another value for one moment.
    """

    sequence: int
    digest: str
    values: int = 0
    late: int = 0
    repeats: int = 0
    fresh: tuple[Datum, ...] = field(default=(), repr=False)
    again: "tuple[Series, ...]" = field(default=(), repr=False)
