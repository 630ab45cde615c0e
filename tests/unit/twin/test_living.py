"""A twin that lives on a clock: in steps, caught up when somebody starts something, through the doors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.unit.twin.test_doors import Door

from mumetal.catalog.calibrations import snapshots
from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.series import Series
from mumetal.redteam.virtual_clock import VirtualClock
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.living import LivingTwin

S = 10**9
T0 = 1_780_000_000 * S
PACE = Pace(control_hz=1.0, cryostat_hz=1.0, qubits_hz=0, queue_hz=0, handover_hz=0, supply_hz=0, people=False)


def living(folder: Path, clock: VirtualClock) -> LivingTwin:
    return LivingTwin(Lab(snapshots("manila"), 3, T0, pace=PACE), clock, folder, 60.0)


def rows(data: object) -> list[tuple[str, int]]:
    assert isinstance(data, list)
    return [(d.stream, int(t)) for d in data if isinstance(d, Series) for t in d.t_ns]


def values(data: Sequence[Datum]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for datum in data:
        if isinstance(datum, Series):
            out.setdefault(datum.stream, []).extend(datum.values.ravel().tolist())
    return out


def test_it_lives_in_steps_and_something_starts_at_the_moment_it_is_started(tmp_path: Path) -> None:
    clock, door = VirtualClock(T0), Door()
    with clock.taking_part(), door.open() as url:
        twin = living(tmp_path, clock)
        assert (tmp_path / "bluefors").is_dir()  # before it lives, for whoever looks there
        twin.start(url, "")
        clock.sleep(200.0)
        assert len(next((tmp_path / "bluefors").glob("*/CH6*.log")).read_text().splitlines()) == 180
        truth = twin.perturb("cryostat_sabotage", 0.5, 60.0)
        assert (truth.start_ns, truth.stop_ns) == (T0 + 200 * S, T0 + 260 * S)
        assert len(next((tmp_path / "bluefors").glob("*/CH6*.log")).read_text().splitlines()) == 200
        assert twin.truth() == (truth,)
        said = rows(twin.advance(100.0))
        assert clock.now_ns() == T0 + 300 * S
        assert [t for stream, t in said if stream == "control"] == [T0 + s * S for s in range(200, 300)]
        twin.stop()
        twin.stop()
        assert clock.now_ns() == T0 + 300 * S


def test_it_tells_the_same_however_it_is_asked(tmp_path: Path) -> None:
    clock = VirtualClock(T0)
    alone = Lab(snapshots("manila"), 3, T0, pace=PACE).advance(120.0)
    with clock.taking_part():
        twin = living(tmp_path, clock)
        twin.start("http://127.0.0.1:1", "")  # nobody there: files are written all the same
        said = [*twin.advance(7.0), *twin.advance(113.0)]
        twin.stop()
    assert twin.away > 0
    for stream, seen in values(said).items():
        np.testing.assert_allclose(seen, values(alone)[stream], rtol=1e-12)
    assert set(values(said)) == {"control", "cryostat"}


def test_what_is_impossible_is_refused(tmp_path: Path) -> None:
    clock = VirtualClock(T0)
    lab = Lab(snapshots("manila"), 3, T0, pace=PACE)
    with pytest.raises(BadInputError):
        LivingTwin(lab, clock, tmp_path, 0.0)
    twin = living(tmp_path, clock)
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(BadInputError):
            twin.advance(seconds)
    with pytest.raises(BadInputError):
        twin.perturb("no_such_thing", 1.0, 1.0)
    twin.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_twin_that_died_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(T0)

    def broken(_: Lab, seconds: float) -> list[Series]:
        raise ZeroDivisionError

    with clock.taking_part():
        twin = living(tmp_path, clock)
        with monkeypatch.context() as patch:
            patch.setattr(Lab, "advance", broken)
            twin.start("http://127.0.0.1:1", "")
            clock.sleep(61.0)
        with pytest.raises(UnavailableError, match="died"):
            twin.perturb("cryostat_sabotage", 0.5, 60.0)
        twin.stop()
