"""A day of a stream in a few hundred rows: one complete row in every slot of time, read from the store in one pass."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.ports import Store
from mumetal.core.series import Series

Array = NDArray[np.float64]
Inputs = tuple[tuple[str, str], ...]
Stream = tuple[str, str, str]


def columns(series: Series, inputs: Inputs) -> NDArray[np.intp] | None:
    """Return where a model's inputs (name, unit) are in a series; None when one is missing."""
    have = {(channel.name, channel.unit): place for place, channel in enumerate(series.channels)}
    if not have.keys() >= set(inputs):
        return None
    return np.array([have[item] for item in inputs], np.intp)


def sampled(store: Store, stream: Stream, start_ns: int, stop_ns: int, every_ns: int, inputs: Inputs) -> Array:
    """Return the first complete row of each slot of ``every_ns`` in ``[start_ns, stop_ns)``, in order of time.

    Args:
        store: Where the samples are.
        stream: Tenant, device and stream.
        start_ns: From when, nanoseconds since 1970 UTC.
        stop_ns: Until when.
        every_ns: Length of a slot, > 0.
        inputs: Name and unit of each column to return.

    Returns:
        Shape (n, len(inputs)), finite; rows of an epoch that lacks an input are left out.
    """
    taken: list[Array] = []
    last = -1
    for series in store.series(*stream, start_ns, stop_ns):
        places = columns(series, inputs)
        if places is None or len(series) == 0:
            continue
        values = series.values[:, places]
        complete = np.isfinite(values).all(axis=1)
        slots = (series.t_ns[complete] - start_ns) // every_ns
        fresh, first = np.unique(slots, return_index=True)
        kept = fresh > last
        if kept.any():
            taken.append(values[complete][first[kept]])
            last = int(fresh[-1])
    return np.concatenate(taken) if taken else np.empty((0, len(inputs)))
