"""Who read which training data for which model is on the ledger, also who was not allowed to."""

import hashlib
from pathlib import Path

import pytest
from tests.model_files import AllowAll, House
from tests.people import who

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.models import training_data
from mumetal.trust.models.manifest import DataSet
from mumetal.trust.models.training_data import READ, TrainingData

DATA = b"a,b\n1,2\n"
PROMISED = DataSet(uri="file:train", digest=hashlib.sha256(DATA).hexdigest(), use="train")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models")


def door(house: House, *denied: str) -> TrainingData:
    house.policy = AllowAll(*denied)
    return TrainingData(ledger=house.ledger, authorizer=house.policy, clock=house.clock)


def told(house: House) -> list[tuple[str, str, str]]:
    return [(e.actor, e.action, e.outcome.partition(":")[0]) for _, e in house.ledger.entries()]


def test_a_reading_is_permitted_entered_done_and_entered(house: House, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(DATA)
    assert door(house).read(who("ada"), "cryo", PROMISED, path) == DATA
    assert told(house) == [("ada", READ, ""), ("ada", READ, "done")]
    entry = house.ledger.entries()[0][1]
    assert "for model cryo, train" in entry.why
    assert entry.subject == f"data:{PROMISED.digest}"
    assert house.policy.asked[0].context == (("model", "cryo"),)


def test_a_denial_is_entered_and_nothing_is_read(house: House, tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="denied"):
        door(house, READ).read(who("eve"), "cryo", PROMISED, tmp_path / "not there either")
    assert told(house) == [("eve", READ, "denied")]


def test_other_bytes_too_many_or_none_fail_and_that_is_entered(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(DATA + b"3,4\n")
    with pytest.raises(RejectedError, match="not the data the model was made from"):
        door(house).read(who("ada"), "cryo", PROMISED, path)
    with pytest.raises(UnavailableError):
        door(house).read(who("ada"), "cryo", PROMISED, tmp_path / "gone")
    monkeypatch.setattr(training_data, "MAX_BYTES", 4)
    with pytest.raises(BadInputError, match="more than 4 bytes"):
        door(house).read(who("ada"), "cryo", PROMISED, path)
    assert [outcome for _, _, outcome in told(house)] == ["", "failed"] * 3
