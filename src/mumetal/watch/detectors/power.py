"""Formulae shared by the detectors' power statements."""

import math

from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper


def blind(info: PluginInfo, technique: str, unit: str, why: str, advice: str = "") -> Power:
    """Say that a detector cannot see a technique at any strength."""
    return Power(
        technique=technique,
        smallest=math.inf,
        bound=math.nan,
        unit=unit,
        reason=f"blind: {info.plugin_id} {why}",
        advice=advice or "use a detector that lists this technique",
    )


def shift_bound(conditions: Conditions) -> float:
    """Smallest shift in the mean that any test sees: one-sided z test on all samples of all channels that carry it.

    Neyman and Pearson 1933, doi:10.1098/rsta.1933.0009; Gaussian noise of known standard deviation.
    """
    n = conditions.samples * conditions.channels
    if n < 1:
        return math.inf
    return (z_upper(conditions.false_alarm) - z_upper(conditions.power)) * conditions.noise / math.sqrt(n)
