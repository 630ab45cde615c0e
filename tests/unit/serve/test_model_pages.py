"""The models' pages: what is active, where it comes from, and nothing that a name or a card could smuggle in."""

import dataclasses
from pathlib import Path

import httpx
import pytest
from tests.fake_desk import FakeDesk
from tests.model_files import House, background, pca_model, promises
from tests.people import who
from tests.unit.trust.models.test_lifecycle import GATES, to_active
from tests.unit.trust.models.test_lifecycle import report as gates_report
from tests.web_client import WebClient

from mumetal.access.api import os_user
from mumetal.app import wiring
from mumetal.app.models.live import LiveModels
from mumetal.app.settings import ServeSettings
from mumetal.serve.api.identity import Peer
from mumetal.serve.pages.trust import model_views
from mumetal.serve.web import create_app
from mumetal.trust.models.lifecycle import Lifecycle
from mumetal.trust.models.manifest import DataSet
from mumetal.trust.models.record import State

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
    draft = house.lifecycle.register(who("ada"), "cryo", pca_model(background(seed=3)), promises())
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
        who("ada"), "cryo", pca_model(background()), promises(purpose=BAD, card=BAD, code=BAD, data=data)
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


def act(house: House, name: str, peer: Peer | None = None, **form: str) -> httpx.Response:
    settings = ServeSettings() if peer is None else ServeSettings(host="0.0.0.0")
    app = create_app(FakeDesk(), settings, models=LiveModels(house.desk))
    base = "http://127.0.0.1:8470" if peer is None else "https://mumetal.lab:8470"
    return WebClient(app, peer=peer, base=base).post(f"/models/{name}/act", data=form)


def person(name: str, organisation: str = "local") -> Peer:
    return Peer(name=name, organisation=organisation, verified=True)


def test_from_the_page_to_active_back_and_undone(house: House) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    second = house.lifecycle.register(who("ada"), "cryo", pca_model(background(seed=2)), promises())
    house.lifecycle.promote(who("ada"), "cryo", second, gates_report(house, second))
    for state in ("shadow", "active"):
        assert act(house, "cryo", act="promote", version=second).status_code == 403
        assert f"0 of 1 approvals for {state}" in client(house).get("/models/cryo").text
        assert act(house, "cryo", act="approve", version=second).status_code == 303
        answer = act(house, "cryo", act="promote", version=second)
        assert (answer.status_code, answer.headers["location"]) == (303, "/models/cryo")
    assert dict(house.registry.load("cryo").facts)["version"] == second
    refused = act(house, "cryo", act="rollback", version="", why=" ")
    assert refused.status_code == 400
    assert "ay why: the reason goes into the ledger" in refused.text
    assert act(house, "cryo", act="rollback", version="", why="it cries wolf").status_code == 303
    assert dict(house.registry.load("cryo").facts)["version"] == first
    page = client(house).get("/models/cryo").text
    assert "Rolled back" in page
    assert "it cries wolf" in page
    assert act(house, "cryo", act="undo", version="", why="it was right").status_code == 303
    assert dict(house.registry.load("cryo").facts)["version"] == second
    assert act(house, "cryo", act="retire", version=first, why="old").status_code == 303
    entries = [e for _, e in house.ledger.entries(0, 1_000)]
    assert {e.actor for e in entries if e.action in {"model.rollback", "model.undo", "model.retire"}} == {os_user()}


def test_what_can_touch_hardware_needs_two_people_of_their_own_connections(house: House) -> None:
    version = house.lifecycle.register(who("ada"), "cryo", pca_model(background()), promises(touches_hardware=True))
    house.lifecycle.promote(who("ada"), "cryo", version, gates_report(house, version))
    assert act(house, "cryo", person("ada"), act="approve", version=version).status_code == 403
    assert act(house, "cryo", person("bob"), act="approve", version=version).status_code == 303
    assert act(house, "cryo", person("bob"), act="approve", version=version).status_code == 400
    assert act(house, "cryo", person("bob"), act="promote", version=version).status_code == 403
    assert act(house, "cryo", person("cyd"), act="approve", version=version).status_code == 303
    assert act(house, "cryo", person("cyd"), act="promote", version=version).status_code == 303
    shadow = house.registry.record("cryo").in_state(State.SHADOW)
    assert shadow is not None


def test_off_loopback_nobody_may_unless_the_policy_names_them(house: House) -> None:
    to_active(house, pca_model(background(seed=1)))
    to_active(house, pca_model(background(seed=2)))
    desk = dataclasses.replace(
        house.desk,
        lifecycle=Lifecycle(
            house.registry, ledger=house.ledger, authorizer=wiring.authorizer(), clock=house.clock, required=GATES
        ),
    )
    live, before = LiveModels(desk), len(house.ledger.entries(0, 1_000))
    app = create_app(FakeDesk(), ServeSettings(host="0.0.0.0"), models=live)

    def ask(peer: Peer | None) -> int:
        form = {"act": "rollback", "version": "", "why": "x"}
        return (
            WebClient(app, peer=peer, base="https://mumetal.lab:8470").post("/models/cryo/act", data=form).status_code
        )

    assert ask(None) == 403
    assert ask(person("eve")) == 403
    assert ask(person("operator", "other")) == 404
    assert [(e.actor, e.outcome) for _, e in house.ledger.entries(before, 1_000)] == [("eve", "denied")]
    local = create_app(FakeDesk(), ServeSettings(), models=live)
    form = {"act": "rollback", "version": "", "why": "x"}
    assert WebClient(local).post("/models/cryo/act", data=form).status_code == 303


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "evil.example"}]
)
def test_another_site_cannot_act(house: House, headers: dict[str, str]) -> None:
    to_active(house, pca_model(background(seed=1)))
    to_active(house, pca_model(background(seed=2)))
    app = create_app(FakeDesk(), ServeSettings(), models=LiveModels(house.desk))
    form = {"act": "rollback", "version": "", "why": "x"}
    assert WebClient(app).post("/models/cryo/act", data=form, headers=headers).status_code == 403
    assert len(house.registry.record("cryo").good) == 1


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "delete"},
        {"act": "approve", "version": "zz"},
        {"act": "rollback", "why": "w" * 500},
        {"act": "undo", "why": "w"},
    ],
)
def test_a_form_that_asks_for_nothing_sensible_is_refused(house: House, form: dict[str, str]) -> None:
    to_active(house, pca_model(background()))
    assert act(house, "cryo", None, **form).status_code == 400
    assert act(house, "none", act="approve", version="a").status_code == 404


def test_a_degraded_registry_is_said_on_the_page(house: House, tmp_path: Path) -> None:
    to_active(house, pca_model(background()))
    victim = next((tmp_path / "models" / "objects").glob("*/*"))
    victim.write_bytes(b"x")
    page = client(house).get("/models").text
    assert "Degraded: the watch goes on without 1 model" in page
    assert "step 4" in page


def test_a_lineage_over_generations_is_drawn_from_left_to_right(house: House) -> None:
    data = (DataSet(uri="store:lab", digest="b" * 64, use="train"),)
    first = to_active(house, pca_model(background(seed=1)), data=data)
    second = to_active(house, pca_model(background(seed=2)), data=data, parents=(first,))
    third = to_active(house, pca_model(background(seed=3)), parents=(first, second))
    record = house.registry.record("cryo")
    shown = model_views.shown_of(house.desk, record, record.find(third))
    picture = model_views.lineage(house.registry, record, shown)
    at = {n.title: n for n in picture.nodes}
    assert at[first].x < at[second].x < at[third].x
    assert [n.title for n in picture.nodes if n.made] == [third]
    assert len([n for n in picture.nodes if n.text == "store:lab"]) == 1
    assert len(picture.edges) == 2 + 3 + 3  # data of two, code of each, and three parents
    assert len({(n.x, n.y) for n in picture.nodes}) == len(picture.nodes)
    assert max(n.x for n in picture.nodes) + 216 <= picture.width
