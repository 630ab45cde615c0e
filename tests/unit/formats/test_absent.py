import numpy as np
import pytest

from mumetal.formats.absent import observed
from mumetal.formats.rows import Refusals, to_channel


@pytest.mark.parametrize(
    ("name", "unit", "logged", "seen"),
    [
        ("mxc", "K", [-1.0, 0.01, -999.0, 9.9e37], [0, 1, 0, 0]),
        ("mxc", "mK", [-1.0, 10.0], [0, 1]),
        ("water", "degC", [-1.0, 16.9, -999.0, 9.99e9], [1, 1, 0, 0]),
        ("still", "mbar", [0.1, -999.0, 9.99e9, -1.0], [1, 0, 0, 0]),
        ("tank", "mbar", [-6.0, -5.0, -1.0, 9.99e9], [1, 1, 0, 0]),
        ("dT", "K", [-1.0, 0.5], [1, 1]),
        ("plate.delta", "K", [-1.0, 0.5], [1, 1]),
        ("drive", "Hz", [9.99e9, -1.0, 9.91e37], [1, 1, 0]),
        ("bias", "V", [-1.0, -999.0, 9.99e9], [1, 1, 1]),
        ("count", "1", [-1.0, -999.0], [1, 1]),
    ],
)
def test_only_what_physics_forbids_is_no_reading_and_it_is_said_once(
    name: str, unit: str, logged: list[float], seen: list[int]
) -> None:
    channel, conversion = to_channel(name, unit, "")
    refusals = Refusals(where="x")
    values = observed(np.array(logged), channel, conversion, refusals)
    assert np.isfinite(values).astype(int).tolist() == seen
    assert len(refusals.all()) == (0 if all(seen) else 1)
    np.testing.assert_allclose(values[np.isfinite(values)], conversion.array(np.array(logged))[np.array(seen, bool)])
