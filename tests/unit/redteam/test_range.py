"""A ground is built in order, looked at before anything is opened, and gone afterwards whatever happened."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes_ports import T0, FakeStack, FakeTwin, counting_entropy

from mumetal.app.settings import Settings
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.redteam.range import Seal, TwinRange


class Reaching(FakeTwin):
    def __init__(self, thing: object) -> None:
        super().__init__()
        self.thing = thing


def ranged(tmp_path: Path, twin: FakeTwin, stack: Callable[[Seal], FakeStack]) -> TwinRange:
    return TwinRange(twin=lambda _: twin, stack=stack, entropy=counting_entropy(), start_ns=T0, parent=tmp_path)


def test_a_twin_that_names_something_real_is_refused_before_the_stack_is_opened(tmp_path: Path) -> None:
    twin, stacks = Reaching(["https://quantum.cloud.example/api"]), list[FakeStack]()

    def stack(seal: Seal) -> FakeStack:
        stacks.append(FakeStack(seal.folder))
        return stacks[0]

    with pytest.raises(RejectedError, match="could reach"), ranged(tmp_path, twin, stack).open():
        pass
    assert twin.stopped
    assert not twin.speaks_with
    assert stacks[0].store is None
    assert list(tmp_path.iterdir()) == []


def test_a_stack_whose_settings_lead_outside_is_refused_before_a_twin_is_made(tmp_path: Path) -> None:
    stacks: list[FakeStack] = []

    def stack(seal: Seal) -> FakeStack:
        stacks.append(FakeStack(seal.folder, Settings()))
        return stacks[0]

    def twin(_: Seal) -> FakeTwin:
        raise AssertionError("too late")

    made = TwinRange(twin=twin, stack=stack, entropy=counting_entropy(), start_ns=T0, parent=tmp_path)
    with pytest.raises(RejectedError), made.open():
        pass
    assert stacks[0].store is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://quantum.cloud.example:80",
        "http://10.0.0.1:8470",
        "http://127.0.0.1.evil.example:80",
        "http://localhost:8470",
        "http://127.0.0.1@evil.example:80",
        "https://127.0.0.1:8470",
        "http://127.0.0.1:8470/",
        "http://127.0.0.1:0",
        "http://127.0.0.1",
        "",
    ],
)
def test_a_stack_that_answers_elsewhere_is_no_ground(url: str, tmp_path: Path) -> None:
    twin, stacks = FakeTwin(), list[FakeStack]()

    def stack(seal: Seal) -> FakeStack:
        stacks.append(FakeStack(seal.folder, url=url))
        return stacks[0]

    with pytest.raises(RejectedError, match="loopback"), ranged(tmp_path, twin, stack).open():
        pass
    assert not twin.speaks_with
    assert list(tmp_path.iterdir()) == []


def test_each_ground_has_its_own_key_folder_and_clock(tmp_path: Path) -> None:
    seals: list[Seal] = []

    def stack(seal: Seal) -> FakeStack:
        seals.append(seal)
        return FakeStack(seal.folder)

    made = ranged(tmp_path, FakeTwin(), stack)
    for _ in range(3):
        with made.open() as ground:
            ground.clock.sleep(3_600.0)
            assert ground.clock.now_ns() == T0 + 3_600 * 10**9
    assert len({s.key for s in seals}) == 3
    assert len({s.folder for s in seals}) == 3
    assert not any(s.folder.exists() for s in seals)
    assert "key" not in repr(seals[0])


def test_no_key_and_no_room_are_said(tmp_path: Path) -> None:
    def made(entropy: Callable[[int], bytes], parent: Path) -> TwinRange:
        return TwinRange(
            twin=lambda _: FakeTwin(), stack=lambda s: FakeStack(s.folder), entropy=entropy, start_ns=T0, parent=parent
        )

    with pytest.raises(RejectedError, match="key"), made(lambda _: b"", tmp_path).open():
        pass
    with pytest.raises(UnavailableError, match="no room"), made(counting_entropy(), tmp_path / "no").open():
        pass


def test_what_goes_wrong_inside_still_destroys_the_ground(tmp_path: Path) -> None:
    twin = FakeTwin()
    with pytest.raises(ZeroDivisionError), ranged(tmp_path, twin, lambda s: FakeStack(s.folder)).open():
        raise ZeroDivisionError
    assert twin.stopped
    assert list(tmp_path.iterdir()) == []
