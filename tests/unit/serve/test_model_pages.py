"""The models' pages: what is active, where it comes from, and nothing that a name or a card could smuggle in."""

from pathlib import Path

import pytest
from tests.fake_desk import FakeDesk
from tests.model_files import House, background, pca_model, promises
from tests.unit.trust.models.test_lifecycle import GATES, to_active
from tests.web_client import WebClient

from mumetal.core.settings import ServeSettings
from mumetal.serve.api.app import create_app
from mumetal.serve.live_models import LiveModels
from mumetal.trust.models.manifest import DataSet

BAD = "\"'><script>alert(1)</script>{{7*191}}"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models", GATES)


def client(house: House | None) -> WebClient:
    return WebClient(create_app(FakeDesk(), ServeSettings(), models=LiveModels(house.desk) if house else None))


def test_without_models_the_page_says_how_to_start(house: House) -> None:
    for opened in (house, None):
        page = client(opened).get("/models")
        assert page.status_code == 200
        assert "mumetal model register" in page.text
    assert client(house).get("/models/none").status_code == 404
    assert client(None).get("/models/none").status_code == 404


def test_list_and_model(house: House) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    data = (DataSet(uri="store:lab", digest="b" * 64, use="train"),)
    second = to_active(house, pca_model(background(seed=2)), parents=(first,), data=data)
    draft = house.lifecycle.register("ada", "cryo", pca_model(background(seed=3)), promises())
    listed = client(house).get("/models").text
    assert second[:12] in listed
    assert "3 versions" in listed
    page = client(house).get("/models/cryo").text
    assert all(v[:12] in page for v in (first, second, draft))
    assert "store:lab" in page
    assert "bob approved active" in page
    assert "Roll back to it" in page


def test_what_people_wrote_is_text(house: House) -> None:
    data = (DataSet(uri=BAD, digest="b" * 64, use="train"),)
    house.lifecycle.register(
        "ada", "cryo", pca_model(background()), promises(purpose=BAD, card=BAD, code=BAD, data=data)
    )
    for path in ("/models", "/models/cryo"):
        text = client(house).get(path).text
        assert "<script>alert" not in text
        assert "1337" not in text
        assert "alert(1)" in text


def test_an_altered_model_is_shown_as_broken(house: House, tmp_path: Path) -> None:
    to_active(house, pca_model(background()))
    victim = next((tmp_path / "models" / "objects").glob("*/*"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    listed = client(house).get("/models").text
    assert "does not verify" in listed
    assert "step 4" in listed
