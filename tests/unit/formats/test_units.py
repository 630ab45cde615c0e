import pytest

from mumetal.core.errors import BadInputError
from mumetal.formats.units import often, to_si


@pytest.mark.parametrize(
    ("value", "unit", "si", "expected"),
    [
        (20.0, "°C", "K", 293.15), (20.0, "degC", "K", 293.15), (212.0, "degF", "K", 373.15), (1.0, "mbar", "Pa", 100.0),
        (1.0, "psi", "Pa", 6894.757293168), (60.0, "l/min", "m3/s", 1e-3), (5.2, "GHz", "Hz", 5.2e9),
        (3.0, "us", "s", 3e-6), (3.0, "\u00b5s", "s", 3e-6), (3.0, "\u03bcs", "s", 3e-6), (12.0, "mK", "K", 0.012),
        (35.0, "ns", "s", 35e-9), (330.0, "kHz", "Hz", 330e3), (-0.33, "MHz", "Hz", -330e3), (2.0, "k\u03a9", "Ohm", 2e3),
        (2.0, "\u2126", "Ohm", 2.0), (1.0, "h", "s", 3600.0), (50.0, "%", "1", 0.5), (1.0, "1", "1", 1.0),
        (1.0, "mmol/s", "mol/s", 1e-3), (1.0, "uT", "T", 1e-6), (1.0, "Torr", "Pa", 133.322368),
    ],
)  # fmt: skip
def test_units_come_to_si(value: float, unit: str, si: str, expected: float) -> None:
    conversion = to_si(unit)
    assert conversion.unit == si
    assert conversion(value) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("unit", ["", "C", "furlong", "MHZ", "mhz", "kelvins", "K K", "x" * 1000, "\ud800"])
def test_an_unknown_unit_is_never_guessed(unit: str) -> None:
    with pytest.raises(BadInputError):
        to_si(unit)


def test_case_matters() -> None:
    assert to_si("mHz").factor == 1e-3
    assert to_si("MHz").factor == 1e6


def test_how_often_is_said_in_words() -> None:
    assert often(0.07) == "0.07 times a week"
    assert often(1e-300) == "less than once in 1,000 weeks"
