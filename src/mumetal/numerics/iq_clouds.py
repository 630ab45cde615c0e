"""Geometry of readout clouds in the IQ plane, and how often classes are confused."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 60
CONVERGED = 1e-6
FAR = 4.0  # pooled standard deviations from both centres: beyond it a shot is neither class


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """Two Gaussian clouds of one common covariance.

    Args:
        centres: Shape (2, 2): cloud, I and Q, in the unit of the shots; cloud 0 has the smaller I.
        covariance: Common covariance, shape (2, 2).
        share: Share of shots in cloud 1, in [0, 1].
        separation: Mahalanobis distance of the centres, in standard deviations.
        overlap: Assignment error of the best line between the two clouds, Φ(-separation / 2).
        outliers: Share of shots more than four standard deviations from both centres (0.03% when all is Gaussian).
    """

    centres: Array
    covariance: Array
    share: float
    separation: float
    overlap: float
    outliers: float


def two_clouds(iq: Array) -> Clouds:
    """Fit two Gaussians of common covariance by expectation maximisation (Dempster, Laird and Rubin 1977).

    It starts from the halves on either side of the mean along the main axis, so the same shots give the same clouds.

    Args:
        iq: Shots, shape (n, 2), n ≥ 8, finite.

    Raises:
        ValueError: Wrong shape or too few shots.
    """
    if iq.ndim != 2 or iq.shape[1] != 2 or iq.shape[0] < 8:
        raise ValueError(f"shots have shape {iq.shape}, not (n, 2) with n >= 8")
    middle = iq.mean(axis=0)
    scale = float(np.sqrt(((iq - middle) ** 2).mean())) or 1.0
    x = (iq - middle) / scale
    axis = np.linalg.eigh(x.T @ x)[1][:, 1]
    in_one = (x @ axis > 0).astype(np.float64)
    share, centres, covariance = _parameters(x, in_one)
    for _ in range(ROUNDS):
        before = centres
        in_one = _membership(x, share, centres, covariance)
        share, centres, covariance = _parameters(x, in_one)
        if float(np.abs(centres - before).max()) < CONVERGED:
            break
    if centres[1, 0] < centres[0, 0]:
        centres, share = centres[::-1], 1 - share
    inverse = np.linalg.inv(covariance)
    gap = centres[1] - centres[0]
    separation = math.sqrt(max(float(gap @ inverse @ gap), 0.0))
    away = x[:, None, :] - centres[None]
    near = np.einsum("nki,ij,nkj->nk", away, inverse, away).min(axis=1)
    return Clouds(
        centres=np.asarray(centres * scale + middle, np.float64),
        covariance=np.asarray(covariance * scale**2, np.float64),
        share=share,
        separation=separation,
        overlap=0.5 * math.erfc(separation / 2 / math.sqrt(2)),
        outliers=float((near > FAR**2).mean()),
    )


def _parameters(x: Array, in_one: Array) -> tuple[float, Array, Array]:
    n = x.shape[0]
    mass = np.clip(np.array([n - in_one.sum(), in_one.sum()]), 1e-9, None)
    centres = np.array([(1 - in_one) @ x, in_one @ x]) / mass[:, None]
    covariance = np.zeros((2, 2))
    for weight, centre in ((1 - in_one, centres[0]), (in_one, centres[1])):
        away = x - centre
        covariance += (away * weight[:, None]).T @ away
    return float(mass[1] / n), centres, covariance / n + 1e-12 * np.eye(2)


def _membership(x: Array, share: float, centres: Array, covariance: Array) -> Array:
    inverse = np.linalg.inv(covariance)
    slope = inverse @ (centres[1] - centres[0])
    offset = 0.5 * float((centres[1] + centres[0]) @ slope)
    prior = math.log(max(share, 1e-9)) - math.log(max(1 - share, 1e-9))
    return np.asarray(1 / (1 + np.exp(-np.clip(x @ slope - offset + prior, -500, 500))), np.float64)


def confusion(iq: Array, prepared: Array) -> tuple[float, float]:
    """Return P(read 1 | prepared 0) and P(read 0 | prepared 1) by Fisher's discriminant on the same shots (Fisher 1936).

    Args:
        iq: Shots, shape (n, 2), finite.
        prepared: 0 or 1 per shot, shape (n,).

    Returns:
        Both in [0, 1]; NaN when a class has fewer than four shots.
    """
    classes = [iq[prepared < 0.5], iq[prepared >= 0.5]]
    if min(len(c) for c in classes) < 4:
        return math.nan, math.nan
    means = [c.mean(axis=0) for c in classes]
    within = sum((c - m).T @ (c - m) for c, m in zip(classes, means, strict=True)) / len(iq)
    trace = float(np.trace(within))
    slope = np.linalg.solve(within + 1e-12 * (trace or 1.0) * np.eye(2), means[1] - means[0])
    threshold = 0.5 * float((means[0] + means[1]) @ slope)
    return float((classes[0] @ slope > threshold).mean()), float((classes[1] @ slope <= threshold).mean())
