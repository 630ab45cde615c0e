"""Rules for rows that come in as columns: what is kept, what is put in order, what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core import LOCAL, check
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series, sorted_by_time
from mumetal.formats.units import Conversion, to_si

MAX_QUARANTINED = 100


@dataclass(slots=True, kw_only=True)
class Refusals:
    """What was refused of one batch; the pieces listed are bounded, the count is not.

    Args:
        where: Place that every piece's place starts with.
        limit: Most pieces listed.
    """

    where: str
    limit: int = MAX_QUARANTINED
    pieces: list[Quarantined] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, reason: str, raw: bytes = b"") -> None:
        """Refuse one piece at ``where`` + ``place``."""
        self.count += 1
        if len(self.pieces) < self.limit:
            self.pieces.append(Quarantined.of(self.where + place, reason, raw))

    def all(self) -> tuple[Quarantined, ...]:
        """Return the pieces; a last one says how many more there were."""
        more = self.count - len(self.pieces)
        extra = (Quarantined.of(self.where, f"{more} more pieces were refused"),) if more else ()
        return (*self.pieces, *extra)


def to_channel(name: str, unit: str, provenance: str) -> tuple[Channel, Conversion]:
    """Make the SI channel for values that come in ``unit``.

    Raises:
        BadInputError: The unit is unknown or the name cannot be used.
    """
    conversion = to_si(unit)
    said = provenance if unit == conversion.unit else f"{provenance}, converted from {unit}"
    return Channel(name=name, unit=conversion.unit, provenance=said[:1_000]), conversion


def usable_times(t_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the times between 1990 and 2200, shape (n,)."""
    return (t_ns >= check.EARLIEST_NS) & (t_ns < check.LATEST_NS)


def build(
    *,
    tenant: str = LOCAL,
    device: str,
    stream: str,
    channels: Sequence[Channel],
    t_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    seq: NDArray[np.int64] | None,
    refusals: Refusals,
) -> Series | None:
    """Make a series of rows as they came: impossible times refused, the rest in order, repeats dropped.

    Infinite values become NaN. Rows of one identity with the same values count once without a word; where the
    values differ, the first is kept and the others are refused.

    Args:
        tenant: Who owns the data.
        device: Device name.
        stream: Stream name.
        channels: Length C.
        t_ns: Shape (n,).
        values: In SI units, shape (n, C).
        seq: Shape (n,), or None: equal times are counted up in order of arrival.
        refusals: Receives what is refused.

    Returns:
        The series; None when no row is left.

    Raises:
        BadInputError: A name cannot be used, or shapes disagree.
    """
    n = t_ns.size
    if values.shape != (n, len(channels)) or (seq is not None and seq.shape != (n,)):
        raise BadInputError(f"shapes do not fit: {n} times, values {values.shape}, {len(channels)} channels")
    if n and (int(t_ns.min()) < check.EARLIEST_NS or int(t_ns.max()) >= check.LATEST_NS):
        good = usable_times(t_ns)
        for row in np.flatnonzero(~good).tolist():
            refusals.add(
                f" row {row}", f"time {t_ns[row]} is not between 1990 and 2200; nanoseconds since 1970 are meant"
            )
        t_ns, values = t_ns[good], values[good]
        seq = None if seq is None else seq[good]
    if not t_ns.size:
        return None
    if np.isinf(values).any():
        values = values.copy()
        for row, column in np.argwhere(np.isinf(values)).tolist():
            refusals.add(f" row {row} {channels[column].name}", "value is infinite")
        values[np.isinf(values)] = np.nan
    step = np.diff(t_ns)
    if np.any(step <= 0):
        first, kept = t_ns, values
        t_ns, values, seq, dropped = sorted_by_time(t_ns, values, seq)
        if dropped:
            _refuse_conflicts(first, kept, t_ns, dropped, refusals)
    elif seq is None:
        seq = np.zeros(t_ns.shape, np.int64)
    return Series(
        tenant=tenant,
        device=device,
        stream=stream,
        channels=tuple(channels),
        t_ns=t_ns,
        values=values,
        seq=seq,
    )


def _refuse_conflicts(
    t_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    kept_t: NDArray[np.int64],
    dropped: int,
    refusals: Refusals,
) -> None:
    """Refuse repeats unless every row with that time says the same."""
    times, counts = np.unique(t_ns, return_counts=True)
    for time in times[counts > 1].tolist():
        rows = values[t_ns == time]
        again = len(rows) - int((kept_t == time).sum())
        if again and not np.array_equal(rows, np.broadcast_to(rows[0], rows.shape), equal_nan=True):
            refusals.add(f" time {time}", f"{again} of {dropped} repeats of an identity carry other values")
        if refusals.count > MAX_QUARANTINED:
            return
