"""Numbers that stand for "no reading", where physics forbids the value: such a value counts as not observed, and is said."""

import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Channel
from mumetal.formats.rows import Refusals
from mumetal.formats.units import Conversion

PLACEHOLDERS = frozenset({-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 9.99e9, 9.9e9})
HUGE = 9e36  # SCPI writes 9.9E37 for over range and 9.91E37 for no number
HOTTEST_K, HIGHEST_PA = 1e6, 1e11
SIGNED = re.compile(r"diff|delta|error|offset|drift|deviation|gradient|(?:^|[._])d[tp]", re.IGNORECASE)
_LISTED = np.array(sorted(PLACEHOLDERS))


def observed(
    logged: NDArray[np.float64], channel: Channel, conversion: Conversion, refusals: Refusals
) -> NDArray[np.float64]:
    """Convert one channel's values to SI; those that stand for no reading become NaN.

    A temperature below 0 K or of a million kelvin is none, nor is a pressure of exactly -1, -99 or -999 as logged. A gauge's
    zero may lie below 0, a difference may have either sign, and any other quantity too: they stay as they are.

    Args:
        logged: As in the file, shape (n,).
        channel: Its name and SI unit.
        conversion: From the file's unit.
        refusals: Is told once for each channel.
    """
    values = conversion.array(logged)
    with np.errstate(invalid="ignore"):
        bad = np.abs(logged) >= HUGE
        if channel.unit in {"K", "Pa"} and not SIGNED.search(channel.name):
            kelvin = channel.unit == "K"
            bad |= values >= (HOTTEST_K if kelvin else HIGHEST_PA)
            bad |= values < 0.0 if kelvin else np.isin(logged, _LISTED)
    bad &= np.isfinite(logged)  # what is infinite is refused by its row
    if not bad.any():
        return values
    example = logged[np.flatnonzero(bad)[0]]
    refusals.add(f" {channel.name}", f"{int(bad.sum())} values such as {example:g} stand for no reading; not observed")
    return np.where(bad, np.nan, values)
