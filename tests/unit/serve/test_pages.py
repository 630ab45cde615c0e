"""The pages over the fake desk: what they say, what they must never let through, what they say when empty."""

import dataclasses
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from tests.fake_desk import DEVICES, NOW, FakeDesk, S
from tests.web_client import WebClient

from mumetal.app.desk import Overview
from mumetal.app.settings import ServeSettings
from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Quarantined
from mumetal.core.event import Event
from mumetal.core.finding import Attribution, CauseVerdict
from mumetal.core.incident import TimelineEntry
from mumetal.core.ports import LedgerEntry, Truth
from mumetal.core.subject import Subject
from mumetal.serve.pages import render
from mumetal.serve.pages.watch import views
from mumetal.serve.web import create_app

BAD = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*191}}"


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    return parser.tags


def pages(desk: FakeDesk) -> list[str]:
    found = ["/", "/quarantine", "/truth", *(f"/devices/{d}" for d in DEVICES)]
    for incident in desk.incidents("local"):
        found.append(f"/incidents/{incident.incident_id}")
        for f in desk.findings("local", incident.findings):
            links = [*f.evidence, *(e for c in f.causes for e in c.evidence)]
            found += [f"/evidence?uri={quote(e.uri, safe='')}&incident={incident.incident_id}" for e in links]
    return found


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> WebClient:
    return WebClient(create_app(desk, ServeSettings(), report=lambda t, i: f"# {t} {i}\n"))


def test_every_page_is_there_and_has_nothing_inline(client: WebClient, desk: FakeDesk) -> None:
    for path in pages(desk):
        answer = client.get(path)
        assert answer.status_code == 200, path
        for tag, attributes in tags(answer.text):
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert "style" not in attributes
            assert not [a for a in attributes if a.startswith("on")], path
            for link in (attributes.get("src"), attributes.get("href")):
                assert link is None or link.startswith(("/", "#")), link


def test_all_that_pages_load_is_in_the_package(client: WebClient, desk: FakeDesk) -> None:
    wanted = {a.get("src") or a.get("href") or "" for p in pages(desk) for _, a in tags(client.get(p).text)}
    files = sorted(link for link in wanted if link.startswith("/static/"))
    assert len(files) >= 7
    assert {client.get(link).status_code for link in files} == {200}


def test_overview_shows_severity_and_confidence_apart(client: WebClient) -> None:
    text = client.get("/").text
    assert "Mixing chamber warmer by 1.4 mK" in text
    assert "sev-critical" in text
    assert "97 %" in text
    assert "explained by" in text
    assert "about 40 s left" in text
    assert "Demonstration on the twin" in text


def test_a_refresh_is_the_inner_part_only(client: WebClient) -> None:
    part = client.get("/", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert part.strip() in client.get("/").text


def test_incident_page_tells_all_of_it(client: WebClient, desk: FakeDesk) -> None:
    incident = desk.incidents("local")[0]
    text = client.get(f"/incidents/{incident.incident_id}").text
    for word in (
        "conditional-residual",
        "own-score",
        "refused",
        "ln LR",
        "Report draft",
        "2026.11.1",
        "by chance 0.04 times a week",
        "Hold the queue",
    ):
        assert word in text, word
    assert f'data-mark-from="{incident.start_ns}"' in text
    assert client.get(f"/incidents/{incident.incident_id}/report.md").text == f"# local {incident.incident_id}\n"


def test_without_a_writer_there_is_no_report(desk: FakeDesk) -> None:
    client = WebClient(create_app(desk, ServeSettings()))
    path = f"/incidents/{desk.incidents('local')[0].incident_id}"
    assert "Report draft" not in client.get(path).text
    assert client.get(path + "/report.md").status_code == 404


def test_buttons_work_with_and_without_scripts(client: WebClient, desk: FakeDesk) -> None:
    path = f"/incidents/{desk.incidents('local')[0].incident_id}"
    assert client.post(path + "/change", data={"label": "attack"}).headers["location"] == path
    part = client.post(path + "/change", data={"state": "acknowledged"}, headers={"HX-Request": "true"}).text
    assert re.search(r'value="attack" aria-pressed="true"', part)
    assert re.search(r'value="acknowledged" aria-pressed="true"', part)
    client.post(path + "/change", data={"owner": "m.okafor", "note": "on it"})
    text = client.get(path).text
    assert "on it" in text
    assert 'value="m.okafor"' in text
    assert desk.incidents("local")[0].owner == "m.okafor"
    client.post(path + "/change", data={"owner": "m.okafor", "note": "still"})
    assert desk.changes[-1][3].owner is None, "an owner who stays is no change"
    client.post(path + "/change", data={"owner": ""})
    assert desk.incidents("local")[0].owner == ""


@pytest.mark.parametrize("data", [{"label": "odd"}, {"state": "odd"}, {"owner": "x" * 201}, {"note": "x" * 1_001}])
def test_a_form_that_cannot_be_is_refused(client: WebClient, desk: FakeDesk, data: dict[str, str]) -> None:
    path = f"/incidents/{desk.incidents('local')[0].incident_id}/change"
    assert client.post(path, data=data).status_code == 400
    assert client.post(path, content=b"x" * 20_000).status_code == 413
    assert client.post(path, content=b"&".join(b"a=%d" % n for n in range(100))).status_code == 400
    assert desk.changes == []


def nasty(desk: FakeDesk) -> str:
    """Put an incident on the desk whose every text is an attempt to run script."""
    old = desk.incidents("local")[0]
    found = desk.findings("local", old.findings)[0]
    pointer = Evidence(uri=f"file:{BAD}", note=BAD)
    finding = dataclasses.replace(
        found,
        rule="nasty.rule",
        subject=Subject.stream("aurora-27", BAD),
        title=BAD,
        detail=BAD,
        remedy=BAD,
        model_version=BAD,
        techniques=(BAD,),
        attribution=(Attribution(channel=BAD, share=0.5, method=BAD),),
        causes=(CauseVerdict(cause=BAD, explained=False, log_likelihood_ratio=-1.0, reason=BAD, evidence=(pointer,)),),
        evidence=(pointer, Evidence(uri=f"javascript:{BAD}")),
    )
    incident = dataclasses.replace(
        old,
        incident_id="nasty",
        device=BAD,
        title=BAD,
        owner=BAD,
        impact_reason=BAD,
        findings=(finding.finding_id,),
        timeline=(TimelineEntry(t_ns=NOW, actor=BAD, what=BAD),),
    )
    desk.add(incident, [finding])
    desk.refused.append(("local", Quarantined(where=BAD, reason=BAD, excerpt=BAD)))
    desk.truths += (Truth(kind=BAD, name=BAD, device=BAD, start_ns=NOW - S, stop_ns=NOW),)
    return incident.incident_id


def test_no_text_that_is_shown_can_run(client: WebClient, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = nasty(desk)
    calm = desk.overview("local")
    streams = (
        *calm.streams,
        dataclasses.replace(calm.streams[0], stream=BAD, reason=BAD),
        dataclasses.replace(calm.streams[0], device=BAD),
    )
    shown = Overview(now_ns=NOW, streams=streams, changes=(BAD,), notice=BAD)
    monkeypatch.setattr(desk, "overview", lambda tenant: shown)
    event = Event(device="aurora-27", event_id="bad", t_ns=NOW - S, activity=BAD, actor=BAD, resource=BAD, source_ip=BAD, attributes=((BAD, BAD),), job_id=BAD, provenance=BAD)  # fmt: skip
    monkeypatch.setattr(desk, "events", lambda *a: [event])
    paths = ["/", "/quarantine", "/truth", "/devices/aurora-27", f"/devices/{quote(BAD, safe='')}"]
    paths += [f"/incidents/{incident}", f"/evidence?uri=event:bad&incident={desk.incidents('local')[1].incident_id}"]
    paths += [f"/evidence?uri={quote(s + BAD)}&incident=nasty" for s in ("file:", "javascript:", "quarantine:", "odd:")]
    paths += [
        f"/{quote(BAD)}",
        f"/devices/{quote(BAD + 'x', safe='')}",
        f"/incidents/{quote(BAD, safe='')}",
        f"/evidence?uri={quote(BAD)}",
    ]
    for path in paths:
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "1337" not in text
        for tag, attributes in tags(text):
            assert tag != "img", path
            assert tag != "script" or (attributes.get("src") or "").startswith("/static/"), path
            assert not [a for a in attributes if a.startswith("on")], path
            assert not (attributes.get("href") or "").lower().startswith("javascript"), path


def test_the_words_do_appear_escaped(client: WebClient, desk: FakeDesk) -> None:
    assert "&lt;script&gt;alert(1)" in client.get(f"/incidents/{nasty(desk)}").text
    assert "&lt;script&gt;alert(1)" in client.get("/quarantine").text


def test_empty_states_say_what_to_do() -> None:
    nothing = WebClient(create_app(FakeDesk(empty=True), ServeSettings())).get("/").text
    assert "mumetal up --source" in nothing
    learning = WebClient(create_app(FakeDesk(learning=True), ServeSettings())).get("/").text
    assert "about 40 s left" in learning
    assert "still learning" in learning


def test_truth_is_shown_only_when_there_is_one_and_closed(client: WebClient, desk: FakeDesk) -> None:
    text = client.get("/truth").text
    assert re.search(r"<details[^>]*id=\"spoiler\"(?![^>]*\bopen\b)", text)
    desk.truths = ()
    assert client.get("/truth").status_code == 404
    assert 'href="/truth"' not in client.get("/").text


def test_evidence_opens_samples_event_snapshot_quarantine_and_ledger(desk: FakeDesk) -> None:
    class OneEntry:
        def append(self, entry: LedgerEntry) -> int:
            raise NotImplementedError

        def entries(self, start: int = 0, limit: int = 1_000) -> list[tuple[int, LedgerEntry]]:
            tenant = "local" if start == 3 else "rival"
            return [
                (start, LedgerEntry(tenant=tenant, t_ns=NOW, actor="me", action="incident.label", subject="s", why="w"))
            ]

        def verify(self) -> None:
            raise NotImplementedError

    client = WebClient(create_app(desk, ServeSettings(), ledger=OneEntry()))
    incident = desk.incidents("local")[0]

    def opened(uri: str) -> str:
        return client.get(f"/evidence?uri={quote(uri, safe='')}&incident={incident.incident_id}").text

    finding = desk.findings("local", incident.findings)[0]
    text = opened(finding.evidence[0].uri)
    assert finding.evidence[0].digest in text
    assert "mxc.temperature" in text
    assert "s.lindgren" not in opened("event:aurora-ev-39")
    assert "10.4.0.41" in opened("event:aurora-ev-39")
    snapshot = desk.snapshots("local", "aurora-27")[0]
    assert "readout_error" in opened(f"snapshot:aurora-27?t={snapshot.t_ns}")
    assert "not a number" in opened(f"quarantine:{quote(desk.refused[0][1].where)}")
    assert "incident.label" in opened("ledger:3")
    assert "Nothing is kept here" in opened("ledger:4"), "another tenant's entry"
    assert "outside Mumetal" in opened("file:src/a.py#L3")


def test_a_calibration_that_somebody_wrote_shows_who_and_what_it_changed(desk: FakeDesk) -> None:
    old, new = desk.snapshots("local", "aurora-27", 2)
    edited = tuple(replace(p, value=p.value * 2) if p.channel == "q3.T1" else p for p in new.parameters)
    written = replace(new, parameters=edited, authors=("<b>ana</b>@lab",), revision="c0ffee" * 6)
    desk.snapshots = lambda *_: [old, written]  # type: ignore[method-assign]
    client = WebClient(create_app(desk, ServeSettings()))
    shown = client.get("/devices/aurora-27").text
    pointer = quote(f"snapshot:aurora-27?t={written.t_ns}", safe="")
    for text in (shown, client.get(f"/evidence?uri={pointer}").text):
        assert "c0ffeec0ffee</span> by &lt;b&gt;ana&lt;/b&gt;@lab" in text
        rows = re.findall(r'<th scope="row">([^<]+)</th><td>([^<]+)<br><b>([^<]+)</b>', text)
        assert [r[0] for r in rows] == ["q3.T1"]
        assert rows[0][1] != rows[0][2]


@pytest.mark.parametrize(
    "uri",
    [
        "none",
        "series:a",
        "series:a/b?start=1&stop=2",
        "series:a/b?start=x",
        "series:../b?start=1",
        "ledger:x",
        "snapshot:a",
    ],
)
def test_a_pointer_that_cannot_be_read_is_400(client: WebClient, uri: str) -> None:
    assert client.get(f"/evidence?uri={quote(uri, safe='')}").status_code == 400


def test_vendored_files_are_what_was_recorded() -> None:
    folder = render.STATIC / "vendor"
    lines = (line.split() for line in (folder / "SHA256SUMS").read_text().splitlines())
    recorded = {name: digest for digest, name in lines}
    found = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.suffix in {".js", ".css"}
    }
    assert found == recorded


def test_foreign_bytes_are_shown_as_plain_text(client: WebClient, desk: FakeDesk) -> None:
    desk.refused.insert(0, ("local", Quarantined.of("a.log:1", "odd", b"ok\x1b[31m\xff<b>")))
    assert "ok·[31m·&lt;b&gt;" in client.get("/quarantine").text


def test_a_missing_page_is_friendly(client: WebClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "Back to the overview" in answer.text


def test_figures_read_well() -> None:
    assert [render.duration(n * S) for n in (0, 5, 59, 61, 7_200, 90_000)] == [
        "0 s",
        "5.0 s",
        "59 s",
        "1 min",
        "2 h",
        "1 d",
    ]
    assert render.ago(0, NOW) == "never"
    assert render.ago(NOW, NOW) == "just now"
    assert render.quantity(1.12e-4, "s") == "112 µs"
    assert render.quantity(4.9e9, "Hz") == "4.9 GHz"
    assert render.quantity(float("nan"), "s") == "not observed"
    assert render.percent(0.997) == "> 99 %"
    assert render.percent(0.002) == "< 1 %"
    assert render.figure(1_284_402) == "1.28 M"


def test_causes_are_shown_once_with_their_strongest_verdict(desk: FakeDesk) -> None:
    found = [f for i in desk.incidents("local") for f in desk.findings("local", i.findings)]
    causes = views.considered(found)
    assert len({c.cause for c in causes}) == len(causes)
    assert causes[0].explained
