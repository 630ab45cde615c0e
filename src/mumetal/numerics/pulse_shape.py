"""How far pulses are from a reference shape: in angle, in size and in time."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def shape_distance(pulses: Array, reference: Array) -> tuple[Array, Array, Array]:
    """Compare each pulse with a reference shape, after the best gain.

    The distance is the sine of the angle between the two envelopes: 0 for a scaled copy, 1 for an orthogonal one; its
    square is the share of the pulse's energy that the reference does not explain. The delay is the first-order matched
    estimate, the projection of what is left on the reference's derivative (Kay 1993, Fundamentals of Statistical Signal
    Processing: Estimation Theory, section 3.11): right for shifts well below the pulse's rise time.

    Args:
        pulses: Envelopes, shape (m, S), S ≥ 3, finite.
        reference: One envelope, shape (S,), not all zero.

    Returns:
        Distance in [0, 1], gain, and delay in samples (positive is later; 0 for a flat reference), shape (m,) each.

    Raises:
        ValueError: Shapes do not fit, or the reference is zero.
    """
    if pulses.ndim != 2 or reference.shape != pulses.shape[1:] or reference.size < 3:
        raise ValueError(f"pulses {pulses.shape} and reference {reference.shape} do not fit (m, S) and (S,), S >= 3")
    energy = float(reference @ reference)
    if energy <= 0:
        raise ValueError("the reference pulse is zero")
    gain = pulses @ reference / energy
    left = pulses - gain[:, None] * reference
    total = np.maximum(np.einsum("ms,ms->m", pulses, pulses), 1e-300)
    distance = np.sqrt(np.clip(np.einsum("ms,ms->m", left, left) / total, 0.0, 1.0))
    slope = np.gradient(reference)
    steep = float(slope @ slope)
    scale = np.where(np.abs(gain) > 1e-300, gain, np.inf) * (steep if steep > 0 else np.inf)
    return distance, gain, np.asarray(-(left @ slope) / scale, np.float64)


def moments(pulse: Array) -> tuple[float, float, float]:
    """Return energy (square of the unit times samples), centroid and width (samples) of a pulse's squared envelope.

    Args:
        pulse: Shape (S,), finite.
    """
    weight = pulse**2
    energy = float(weight.sum())
    if energy <= 0:
        return 0.0, (pulse.size - 1) / 2, 0.0
    place = np.arange(pulse.size)
    centre = float(weight @ place) / energy
    return energy, centre, float(np.sqrt(weight @ (place - centre) ** 2 / energy))
