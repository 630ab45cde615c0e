"""Unit text to SI: one explicit table, nothing guessed; and a rate in words."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip
PREFIXED = {
    "s": "s", "Hz": "Hz", "K": "K", "Pa": "Pa", "V": "V", "A": "A", "W": "W", "T": "T", "Ohm": "Ohm", "F": "F",
    "H": "H", "J": "J", "m": "m", "Wb": "Wb", "rad": "rad", "eV": "eV",
}  # fmt: skip
SI_OTHERS = {
    "1",
    "1/s",
    "kg",
    "mol",
    "mol/s",
    "m3/s",
    "m/s",
    "m/s2",
    "T/sqrt(Hz)",
    "V/sqrt(Hz)",
    "dB",
    "dBm",
    "bit/s",
    "bit",
}
OTHERS: dict[str, tuple[str, float, float]] = {
    "bar": ("Pa", 1e5, 0.0),
    "mbar": ("Pa", 1e2, 0.0),
    "ubar": ("Pa", 1e-1, 0.0),
    "hPa": ("Pa", 1e2, 0.0),
    "Torr": ("Pa", 101_325 / 760, 0.0),
    "mTorr": ("Pa", 101.325 / 760, 0.0),
    "atm": ("Pa", 101_325.0, 0.0),
    "psi": ("Pa", 6_894.757293168361, 0.0),
    "°C": ("K", 1.0, 273.15),
    "degC": ("K", 1.0, 273.15),
    "celsius": ("K", 1.0, 273.15),
    "°F": ("K", 5 / 9, 459.67 * 5 / 9),
    "degF": ("K", 5 / 9, 459.67 * 5 / 9),
    "kelvin": ("K", 1.0, 0.0),
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3_600.0, 0.0),
    "d": ("s", 86_400.0, 0.0),
    "rpm": ("Hz", 1 / 60, 0.0),
    "l/min": ("m3/s", 1e-3 / 60, 0.0),
    "L/min": ("m3/s", 1e-3 / 60, 0.0),
    "l/s": ("m3/s", 1e-3, 0.0),
    "m3/h": ("m3/s", 1 / 3_600, 0.0),
    "mmol/s": ("mol/s", 1e-3, 0.0),
    "umol/s": ("mol/s", 1e-6, 0.0),
    "mmol": ("mol", 1e-3, 0.0),
    "G": ("T", 1e-4, 0.0),
    "g": ("kg", 1e-3, 0.0),
    "deg": ("rad", np.pi / 180, 0.0),
    "%": ("1", 1e-2, 0.0),
    "ppm": ("1", 1e-6, 0.0),
    "ppb": ("1", 1e-9, 0.0),
    "count": ("1", 1.0, 0.0),
    "counts": ("1", 1.0, 0.0),
}
SAME = {"\u00b5": "u", "\u03bc": "u", "\u03a9": "Ohm", "\u2126": "Ohm", "ohm": "Ohm", "\u2103": "°C", "³": "3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How to bring a unit to SI: ``si = value * factor + offset``.

    Args:
        unit: SI unit of the result.
        factor: Multiplier.
        offset: Summand, in ``unit``.
    """

    unit: str
    factor: float
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        """Convert one number; NaN stays NaN."""
        return value * self.factor + self.offset

    def array(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert an array of any shape; returns the same array when there is nothing to do."""
        if self.factor == 1.0 and self.offset == 0.0:
            return values
        return values * self.factor + self.offset


@cache
def _table() -> dict[str, Conversion]:
    table = {unit: Conversion(unit=unit, factor=1.0) for unit in SI_OTHERS}
    for base, unit in PREFIXED.items():
        for prefix, factor in PREFIXES.items():
            table[prefix + base] = Conversion(unit=unit, factor=factor)
    for text, (unit, factor, offset) in OTHERS.items():
        table[text] = Conversion(unit=unit, factor=factor, offset=offset)
    return table


def to_si(text: str, where: str = "") -> Conversion:
    """Return the conversion from the unit named ``text`` to SI.

    Both micro signs, both ohm signs and spaces around are understood; case matters, because ``mHz`` is not ``MHz``.

    Raises:
        BadInputError: The unit is not in the table; it is never guessed.
    """
    plain = text.strip()[:64]
    for sign, replacement in SAME.items():
        plain = plain.replace(sign, replacement)
    found = _table().get(plain)
    if found is None:
        hint = "write degC for degrees Celsius" if plain == "C" else "see docs/reference/sources.md for the units known"
        raise BadInputError(f"unit {text[:40]!r} is not known", where=where, hint=hint)
    return found


def often(per_week: float) -> str:
    """Say a rate, 1/week, in words."""
    return f"{per_week:.2g} times a week" if per_week >= 1e-3 else "less than once in 1,000 weeks"
