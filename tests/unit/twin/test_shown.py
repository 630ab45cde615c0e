import pytest

from mumetal.core.errors import BadInputError
from mumetal.twin.scenarios.schedule import Planned
from mumetal.twin.shown import check_shown


def planned(name: str, start_s: float, duration_s: float, strength: float) -> Planned:
    return Planned(name=name, start_s=start_s, duration_s=duration_s, strength=strength)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (planned("timing_covert_channel", 60.0, 600.0, 1.2), "moves control only"),
        (planned("radiation_burst", 60.0, 600.0, 0.6), "moves qubits only"),
        (planned("supply_tap", 60.0, 600.0, 5.0), "moves supply only"),
        (planned("calibration_misreport", 60.0, 600.0, 0.8), "no calibration is published"),
        (planned("cryostat_sabotage", 90_000.0, 600.0, 0.6), "begins after"),
    ],
)
def test_what_nothing_written_shows_is_refused(one: Planned, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as caught:
        check_shown(one, length_s=86_400.0, calibration_s=3_600.0)
    assert caught.value.hint


@pytest.mark.parametrize(
    "one",
    [
        planned("cryostat_sabotage", 60.0, 600.0, 0.6),
        planned("telemetry_export", 60.0, 600.0, 4e6),
        planned("calibration_misreport", 3_600.0, 60.0, 0.8),
        planned("tls_jump", 60.0, 7_200.0, 4.0),
    ],
)
def test_what_is_written_is_taken(one: Planned) -> None:
    check_shown(one, length_s=86_400.0, calibration_s=3_600.0)
