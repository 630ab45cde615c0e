"""Every route of the API over the fake desk: answers, tenants, errors and bounds."""

import io
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from arro3.core import Array, RecordBatch, Schema
from arro3.io import write_ipc_stream
from tests.fake_desk import DEVICES, NOW, STREAMS, FakeDesk, S
from tests.web_client import WebClient

from mumetal.access.api import os_user
from mumetal.app.settings import ServeSettings
from mumetal.core.errors import UnavailableError
from mumetal.core.incident import IncidentState, Label
from mumetal.serve.api.identity import Peer
from mumetal.serve.web import create_app

OTHER = Peer(name="eve", organisation="rival", verified=True)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> WebClient:
    return WebClient(create_app(desk, ServeSettings(max_body_mib=1)))


def first(desk: FakeDesk) -> str:
    return desk.incidents("local")[0].incident_id


def test_overview_tells_streams_and_counts(client: WebClient) -> None:
    found = client.get("/api/v1/overview").json()
    assert len(found["streams"]) == len(DEVICES) * len(STREAMS)
    assert found["quarantined"] == 3
    assert {s["state"] for s in found["streams"]} == {"watching", "learning", "degraded", "silent"}


def test_incidents_are_ranked_and_can_be_asked_for_by_state(client: WebClient) -> None:
    found = client.get("/api/v1/incidents").json()
    assert len(found) == 8
    assert found[0]["severity"] == 5
    assert found[0]["priority"] == pytest.approx(found[0]["likelihood"] * found[0]["impact"])
    assert {i["state"] for i in client.get("/api/v1/incidents?state=explained").json()} == {"explained"}
    assert len(client.get("/api/v1/incidents?limit=2").json()) == 2


def test_one_incident_and_its_findings(client: WebClient, desk: FakeDesk) -> None:
    one = client.get(f"/api/v1/incidents/{first(desk)}").json()
    findings = client.get(f"/api/v1/incidents/{first(desk)}/findings").json()
    assert [f["finding_id"] for f in findings] == one["findings"]
    assert findings[0]["causes"][0]["explained"] is False
    assert findings[0]["attribution"][0]["channel"] == "mxc.temperature"
    assert len(findings[0]["evidence"][0]["digest"]) == 64


def test_series_come_thinned_with_null_for_not_observed(client: WebClient) -> None:
    path = f"/api/v1/devices/aurora-27/streams/cryostat/series?start_ns={NOW - 600 * S}&stop_ns={NOW}&points=600"
    (epoch,) = client.get(path).json()
    assert len(epoch["t_ns"]) == 600
    assert None in epoch["values"][1]
    (one,) = client.get(path + "&channel=flow").json()
    assert [c["name"] for c in one["channels"]] == ["flow"]
    assert client.get(path + "&channel=none").json() == []


def test_events_quarantine_truth_and_health(client: WebClient) -> None:
    events = client.get(f"/api/v1/devices/aurora-27/events?start_ns={NOW - 86_400 * S}").json()
    assert events == sorted(events, key=lambda e: e["t_ns"])
    assert client.get("/api/v1/quarantine").json()[0]["where"].endswith(":4711")
    assert len(client.get("/api/v1/truth").json()) == 5
    assert client.get("/api/v1/healthz").json()["status"] == "ok"


def test_openapi_lists_every_route(client: WebClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/push/arrow" in paths
    assert "/" not in paths
    assert set(paths["/api/v1/push/columnar"]["post"]["requestBody"]["content"]) == {"application/json"}


def test_a_change_is_made_in_the_callers_name(client: WebClient, desk: FakeDesk) -> None:
    body = {"state": "acknowledged", "label": "attack", "owner": "me", "note": "looking"}
    answer = client.post(f"/api/v1/incidents/{first(desk)}/change", json=body)
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["label"]) == (IncidentState.ACKNOWLEDGED, Label.ATTACK)
    assert desk.changes[0][:3] == ("local", first(desk), os_user())


@pytest.mark.parametrize(
    "body", [b"{", b'{"state":"gone"}', b'{"who":"me"}', b'{"note":"' + b"x" * 1_001 + b'"}', b"[]", b"\xff"]
)
def test_a_change_that_cannot_be_read_is_refused(client: WebClient, desk: FakeDesk, body: bytes) -> None:
    answer = client.post(f"/api/v1/incidents/{first(desk)}/change", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert desk.changes == []


def test_a_change_must_say_that_it_is_json(client: WebClient, desk: FakeDesk) -> None:
    answer = client.post(
        f"/api/v1/incidents/{first(desk)}/change", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 400


def test_who_may_not_is_told_so(desk: FakeDesk) -> None:
    app = create_app(desk, ServeSettings(), tenant_of=lambda peer: "local")
    guest = WebClient(app, peer=Peer(name="guest", organisation="local", verified=True))
    answer = guest.post(f"/api/v1/incidents/{first(desk)}/change", json={"state": "resolved"})
    assert (answer.status_code, answer.json()["detail"]) == (403, "guests may only look")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/incidents/none", 404),
        ("/api/v1/incidents/none/findings", 404),
        ("/api/v1/nowhere", 404),
        ("/api/v1/incidents?state=odd", 400),
        ("/api/v1/incidents?limit=0", 400),
        ("/api/v1/devices/a/events?start_ns=9&stop_ns=3", 400),
    ],
)
def test_errors_are_problem_documents(client: WebClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_another_tenant_sees_and_changes_nothing(desk: FakeDesk) -> None:
    eve = WebClient(create_app(desk, ServeSettings()), peer=OTHER)
    mine = first(desk)
    assert eve.get("/api/v1/incidents").json() == []
    assert eve.get("/api/v1/quarantine").json() == []
    assert eve.get("/api/v1/truth").json() == []
    assert eve.get("/truth").status_code == 404
    assert eve.get("/api/v1/overview").json()["streams"] == []
    assert eve.get("/api/v1/devices/aurora-27/streams/cryostat/series").json() == []
    assert eve.get("/api/v1/devices/aurora-27/events").json() == []
    paths = [f"/api/v1/incidents/{mine}", f"/api/v1/incidents/{mine}/findings", f"/incidents/{mine}"]
    paths += ["/devices/aurora-27", f"/incidents/{mine}/report.md", f"/evidence?uri=event:aurora-ev-39&incident={mine}"]
    assert {eve.get(path).status_code for path in paths} <= {400, 404}
    assert eve.post(f"/api/v1/incidents/{mine}/change", json={"state": "resolved"}).status_code == 404
    assert eve.post(f"/incidents/{mine}/change", data={"state": "resolved"}).status_code == 404
    for page in ("/", "/quarantine"):
        assert not any(device in eve.get(page).text for device in DEVICES)
    assert desk.changes == []


def columnar(rows: int = 3, unit: str = "K") -> dict[str, object]:
    return {
        "device": "new-1",
        "stream": "cryostat",
        "channels": [{"name": "t", "unit": unit}],
        "t_ns": [NOW + n * S for n in range(rows)],
        "values": [[0.01 * n for n in range(rows)]],
    }


def test_a_columnar_push_is_committed_for_the_callers_tenant(client: WebClient, desk: FakeDesk) -> None:
    answer = client.post("/api/v1/push/columnar", json=columnar())
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 3
    assert desk.pushed[0].tenant == "local"
    WebClient(create_app(desk, ServeSettings()), peer=OTHER).post("/api/v1/push/columnar", json=columnar())
    assert desk.pushed[1].tenant == "rival"


def test_the_good_rest_of_a_push_is_kept_and_the_bad_part_told(client: WebClient, desk: FakeDesk) -> None:
    body = columnar()
    body["channels"] = [{"name": "t", "unit": "K"}, {"name": "odd", "unit": "furlong"}]
    body["values"] = [[0.01, 0.02, 0.03], [1.0, 2.0, 3.0]]
    answer = client.post("/api/v1/push/columnar", json=body)
    found = answer.json()
    assert (answer.status_code, found["accepted"], found["quarantined"]) == (200, 3, 1)
    assert "furlong" in found["refused"][0]["reason"]


def test_an_arrow_push_is_committed(client: WebClient, desk: FakeDesk) -> None:
    t = Array.from_numpy(np.array([NOW, NOW + S], np.int64))
    v = Array.from_numpy(np.array([0.01, 0.02]))
    meta = {"device": "new-1", "stream": "cryostat", "units": '{"t":"K"}'}
    batch = RecordBatch.from_arrays([t, v], names=["t_ns", "t"])
    fields = [batch.schema.field(0), batch.schema.field(1)]
    out = io.BytesIO()
    write_ipc_stream(RecordBatch.from_arrays([t, v], schema=Schema(fields, metadata=meta)), out, compression=None)
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    answer = client.post("/api/v1/push/arrow", content=out.getvalue(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 2
    assert desk.pushed[0].data


def test_pushes_that_cannot_be_read_are_400(client: WebClient) -> None:
    answer = client.post("/api/v1/push/columnar", content=b"{not json", headers=JSON)
    assert (answer.status_code, answer.json()["where"]) == (400, "push")
    assert client.post("/api/v1/push/arrow", content=b"{}", headers=JSON).status_code == 400
    arrow = {"Content-Type": "application/vnd.apache.arrow.stream"}
    assert client.post("/api/v1/push/arrow", content=b"junk", headers=arrow).status_code == 400


def test_a_full_queue_is_503_with_a_time_to_come_back(desk: FakeDesk) -> None:
    desk.full = True
    answer = WebClient(create_app(desk, ServeSettings())).post("/api/v1/push/columnar", json=columnar())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_body_past_the_bound_is_413_without_being_read_on(client: WebClient, desk: FakeDesk) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 64 * 2**20:
            taken += 2**16
            yield b" " * 2**16

    answer = client.post("/api/v1/push/columnar", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert taken <= 2**20 + 2 * 2**16
    big = client.post("/api/v1/push/columnar", content=b" " * (2**20 + 1), headers=JSON)
    assert big.status_code == 413
    assert desk.pushed == []


def test_an_error_of_the_desk_while_reading_is_mapped(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(tenant: str) -> object:
        raise UnavailableError("the store is closing")

    monkeypatch.setattr(desk, "overview", away)
    client = WebClient(create_app(desk, ServeSettings()))
    assert client.get("/api/v1/overview").status_code == 503
    page = client.get("/")
    assert page.status_code == 503
    assert "store is closing" in page.text
    assert page.headers["retry-after"]


def test_numbers_are_valid_json(client: WebClient) -> None:
    text = client.get("/api/v1/devices/aurora-27/streams/cryostat/series").text
    assert "NaN" not in text
    json.loads(text)
