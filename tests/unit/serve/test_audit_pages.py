"""The audit pages: found, proved, exported; nobody else's entries, nothing without a permit, and text stays text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fake_desk import FakeDesk
from tests.people import allowed, who
from tests.trust_keys import T0, counting
from tests.unit.trust.ledger.books import WITNESS, entry
from tests.web_client import WebClient
from typer.testing import CliRunner

from mumetal.access.local import LocalOperator
from mumetal.app import wiring
from mumetal.app.settings import ServeSettings
from mumetal.core.acts import Acts
from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError
from mumetal.core.ports import Authorizer, Decision, LedgerEntry, Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.serve.api.identity import Peer
from mumetal.serve.cli.app import app
from mumetal.serve.web import create_app
from mumetal.trust.keys import public as publics
from mumetal.trust.ledger.desk import AuditDesk, moment
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.local import open_local
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.ledger.witness import Witness
from mumetal.trust.ledger.witness_places import places

BAD = "\"'><script>alert(1)</script>{{7*191}}"
COUNT = 130


class Readers:
    """Permits reading and exporting to anybody, for their own tenant; the pages must keep tenants apart by themselves."""

    def authorize(self, request: Request) -> Decision:
        if request.action not in {"ledger.read", "ledger.export"}:
            raise RejectedError("denied")
        return allowed(request)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[MerkleLedger]:
    made = open_local(tmp_path / "ledger", clock=ManualClock(T0), entropy=counting())
    made.append_many([entry(n) for n in range(COUNT)])
    made.append(
        LedgerEntry(
            tenant="rival", t_ns=T0 + COUNT, actor="eve", action="model.promote", subject="secret-model", why="because"
        )
    )
    made.append(
        LedgerEntry(
            tenant="local", t_ns=T0 + COUNT, actor="bob", action="model.promote", subject=BAD, why=BAD,
            outcome=f"failed: {BAD}",
        )
    )  # fmt: skip
    yield made
    made.close()


def client(
    ledger: MerkleLedger | None, tenant: str = "local", authorizer: Authorizer | None = None, seen: str = ""
) -> WebClient:
    policy = authorizer or wiring.authorizer()
    audit = AuditDesk(ledger, policy, ManualClock(T0 + 10**12), places([seen] if seen else [])) if ledger else None

    def tenant_of(_peer: Peer) -> str:
        return tenant

    return WebClient(create_app(FakeDesk(), ServeSettings(), audit=audit, tenant_of=tenant_of))


def indexes(answer: str) -> list[int]:
    return [e["index"] for e in json.loads(answer)["entries"]]


def test_search_finds_by_who_what_when_and_outcome(ledger: MerkleLedger) -> None:
    web = client(ledger)
    first = json.loads(web.get("/api/v1/audit").text)
    assert [e["index"] for e in first["entries"]] == [131, *range(129, 80, -1)]
    assert (first["older"], first["size"]) == (81, 132)
    older = json.loads(web.get("/api/v1/audit?before=81").text)
    assert [e["index"] for e in older["entries"]] == list(range(80, 30, -1))
    assert indexes(web.get("/api/v1/audit?who=BOB").text) == [131]
    assert indexes(web.get("/api/v1/audit?what=inc-77").text) == [77]
    assert indexes(web.get("/api/v1/audit?what=model.promote").text) == [131]
    assert indexes(web.get("/api/v1/audit?outcome=failed").text) == [131]
    assert indexes(web.get("/api/v1/audit?outcome=done").text) == []
    assert len(indexes(web.get("/api/v1/audit?since=2100-01-01").text)) == 0
    assert len(indexes(web.get("/api/v1/audit?until=2100-01-01T00:00").text)) == 50
    for bad in (
        "outcome=nonsense",
        "since=yesterday",
        "who=" + "x" * 201,
        "before=-2",
        "since=2027-01-01&until=2026-01-01",
    ):
        assert web.get(f"/api/v1/audit?{bad}").status_code == 400, bad


def test_the_pages_show_entries_and_what_people_wrote_is_text(ledger: MerkleLedger) -> None:
    web = client(ledger)
    for path in ("/audit", "/audit?what=model&outcome=failed", "/audit/131", f"/audit?who={BAD}"):
        page = web.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert "1337" not in page.text
    listed = web.get("/audit").text
    assert "No witness vouches" in listed
    assert 'href="/audit/129"' in listed
    assert "alert(1)" in web.get("/audit/131").text
    assert "Nothing matches" in web.get("/audit?who=nobody").text


def test_an_entry_comes_with_a_proof_that_the_command_checks(ledger: MerkleLedger, tmp_path: Path) -> None:
    web = client(ledger)
    ledger.publish()
    assert "in the tree of 132 entries" in web.get("/audit/5").text
    (tmp_path / "proof.json").write_bytes(web.get("/audit/5/proof.json").content)
    (tmp_path / "log.pub").write_bytes(web.get("/audit/log.pub").content)
    said = CliRunner().invoke(app, ["audit", "check", str(tmp_path / "proof.json"), "--key", str(tmp_path / "log.pub")])
    assert said.exit_code == 0, said.output
    assert "inc-5" in said.output
    assert web.get("/api/v1/audit/5").content == (tmp_path / "proof.json").read_bytes()
    for path in ("/audit/132", "/audit/-1", "/audit/99999999999", "/api/v1/audit/132", "/audit/132/proof.json"):
        assert web.get(path).status_code == 404, path


def test_an_export_is_entered_and_can_be_verified_offline(ledger: MerkleLedger, tmp_path: Path) -> None:
    web = client(ledger)
    (tmp_path / "log.pub").write_bytes(web.get("/audit/log.pub").content)
    answer = web.get("/audit/export.jsonl?who=alice")
    path = tmp_path / "audit.jsonl"
    path.write_bytes(answer.content)
    check = ["audit", "check", str(path), "--key", str(tmp_path / "log.pub"), "--json"]
    said = CliRunner().invoke(app, check)
    assert said.exit_code == 0, said.output
    assert json.loads(said.output) == {"entries": COUNT, "tree": 133, "complete": True, "verified": True}
    assert indexes(web.get("/api/v1/audit?what=ledger.export").text) == [133, 132]
    lines = answer.content.splitlines(keepends=True)
    for what, changed in (
        ("altered", [lines[0], lines[1].replace(b"alice", b"alicf"), *lines[2:]]),
        ("renumbered", [lines[0], lines[1].replace(b'"index":129', b'"index":128'), *lines[2:]]),
        ("cut", lines[:-1]),
        ("one left out", [*lines[:3], *lines[4:]]),
        ("one twice", [*lines[:3], lines[2], *lines[3:]]),
        ("more after the end", [*lines, lines[1]]),
        ("another root", [lines[0].replace(b"\\n133\\n", b"\\n135\\n"), *lines[1:]]),
    ):
        path.write_bytes(b"".join(changed))
        assert CliRunner().invoke(app, check).exit_code == 4, what
    path.write_bytes(b"".join([lines[0], b"{}\n", *lines[1:]]))
    assert CliRunner().invoke(app, check).exit_code == 2


def test_another_tenant_sees_only_its_own(ledger: MerkleLedger) -> None:
    mine, theirs = client(ledger, authorizer=Readers()), client(ledger, "rival", Readers())
    assert indexes(theirs.get("/api/v1/audit").text) == [130]
    assert "secret-model" in theirs.get("/audit/130").text
    assert 130 not in indexes(mine.get("/api/v1/audit").text)
    listed = theirs.get("/audit")
    assert "inc-" not in listed.text
    assert "bob" not in listed.text
    for path in ("/audit/5", "/audit/5/proof.json", "/api/v1/audit/5", "/audit/131"):
        assert theirs.get(path).status_code == 404, path
    assert mine.get("/audit/130").status_code == 404
    exported = theirs.get("/audit/export.jsonl").text.splitlines()
    rows = [json.loads(row) for row in exported[1:-1]]
    assert {row["entry"]["tenant"] for row in rows} == {"rival"}
    assert "inc-" not in "".join(exported)
    nobody = client(ledger, "third", Readers())
    assert indexes(nobody.get("/api/v1/audit").text) == []


def test_what_is_not_permitted_is_refused_everywhere_and_an_export_that_was_denied_is_entered(
    ledger: MerkleLedger,
) -> None:
    everything = (
        "/audit",
        "/audit/5",
        "/audit/5/proof.json",
        "/audit/log.pub",
        "/audit/export.jsonl",
        "/api/v1/audit",
        "/api/v1/audit/5",
    )
    for policy, tenant in (
        (LocalOperator("operator", "local", ("incident.change",)), "local"),
        (wiring.authorizer(), "rival"),  # the operator's permit is for the one local tenant
    ):
        for path in everything:
            assert client(ledger, tenant, policy).get(path).status_code == 403, path
    assert [e.outcome for _, e in ledger.entries(132, 10)] == ["denied", "denied"]
    for path in everything:
        assert client(None).get(path).status_code == 404, path


def test_a_witness_is_shown_and_one_that_refutes_is_shouted(ledger: MerkleLedger, tmp_path: Path) -> None:
    spec = f"{tmp_path / 'w'}?key={tmp_path / 'w.pub'}"
    assert "cannot be asked" in client(ledger, seen=spec).get("/audit").text
    (tmp_path / "w.pub").write_bytes(publics.encode(WITNESS.public, "witness.example/w1"))
    ledger.publish()
    observer = Witness(
        name="witness.example/w1", signer=WITNESS, folder=tmp_path / "w", origin=ledger.origin, log_key=ledger.public,
        clock=ManualClock(T0),
    )  # fmt: skip
    observer.cosign(LedgerFolder(tmp_path / "ledger"))
    web = client(ledger, seen=spec)
    assert "witness.example/w1 vouches for the first 132 entries" in web.get("/audit").text
    assert "witness.example/w1 saw it there too" in web.get("/audit/5").text
    ledger.append(entry(200))
    ledger.publish()
    assert "vouches for the first 132" in web.get("/audit").text
    assert "No witness has seen it yet" in web.get("/audit/132").text

    forged = open_local(tmp_path / "forged" / "ledger", clock=ManualClock(T0), entropy=counting())
    forged.append_many([entry(n, "another why") for n in range(140)])
    assert "somebody rewrote it" in client(forged, seen=spec).get("/audit").text
    forged.close()


QUEUE = Subject(kind=SubjectKind.DEVICE, name="q1", device="q1")


def test_an_act_that_fails_or_is_denied_leaves_its_word(ledger: MerkleLedger) -> None:
    clock = ManualClock(T0)
    acts = Acts(ledger, LocalOperator("operator", "local", ("queue.pause",)), clock)
    asked = Request(tenant="local", principal=who("operator"), action="queue.pause", resource=QUEUE)
    with acts.act(asked, "incident 7") as begun:
        assert ledger.entries(begun.index)[0][1].outcome == ""
        begun.said = "two jobs held"
    with pytest.raises(ValueError, match="broke"), acts.act(asked, "incident 7"):
        raise ValueError("it broke")
    denied = Request(tenant="local", principal=who("operator"), action="queue.drop", resource=QUEUE)
    with pytest.raises(RejectedError), acts.act(denied, "incident 7"):
        pytest.fail("a denied act ran")
    said = [e for _, e in ledger.entries(132, 10)]
    assert [e.outcome for e in said] == ["", "done: two jobs held", "", "failed: it broke", "denied"]
    assert (said[0].why, said[0].policy) == ("incident 7", "access.local.operator@2")
    assert (said[-1].policy, said[-1].why) == ("default@2", "incident 7: denied: the local operator may not do this")
    assert all(e.decision.startswith("sha256:") for e in said)


def test_moments_are_utc() -> None:
    assert moment("1970-01-02", "x") == 86_400 * 10**9
    assert moment("1970-01-01T01:00", "x") == moment("1970-01-01T02:00+01:00", "x") == 3_600 * 10**9


def test_a_fix_and_its_undo_are_on_a_ledger_of_the_folders_own(tmp_path: Path) -> None:
    token = "ghp_" + "0123456789abcdefABCDEF0123456789abcd"[:36]
    (tmp_path / "load.py").write_text(f'import os\nTOKEN = "{token}"\nprint(TOKEN)\n')
    before = (tmp_path / "load.py").read_bytes()
    CliRunner().invoke(app, ["scan", "fix", str(tmp_path), "--apply"])
    assert (tmp_path / "load.py").read_bytes() != before
    assert CliRunner().invoke(app, ["scan", "fix", str(tmp_path), "--undo"]).exit_code == 0
    assert CliRunner().invoke(app, ["scan", "fix", str(tmp_path), "--undo"]).exit_code == 2
    found = [e for _, e in LedgerReader(tmp_path / ".mumetal" / "scan" / "ledger").entries()]
    acts = [(e.action, e.outcome.partition(":")[0]) for e in found]
    assert acts == [
        ("scan.fix", ""), ("scan.fix", "done"), ("scan.undo", ""), ("scan.undo", "done"), ("scan.undo", ""),
        ("scan.undo", "failed"),
    ]  # fmt: skip
    assert "load.py" in found[0].why
    assert token not in str(found)
