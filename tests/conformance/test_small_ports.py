"""Sink, Authorizer, Verifier, Ledger, ModelSource and Range: every implementation and every fake × every promise."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests import fakes_ports as fakes
from tests import trust_keys as keys
from tests.integration.receiver import Receiver
from tests.people import who
from tests.unit.connect.test_incident_store import T0, a_finding, an_incident

from mumetal.access.api import agent_scope
from mumetal.access.local import LocalOperator
from mumetal.connect.sinks import SINKS, open_sink
from mumetal.core.artefact import Artefact
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, ModelSource, Range, Request, Sink, Verifier
from mumetal.core.subject import Subject, SubjectKind
from mumetal.redteam.range import Seal, TwinRange
from mumetal.trust.digest import DigestVerifier
from mumetal.trust.ledger.local import open_local
from mumetal.trust.packaged_models import PackagedModels
from mumetal.trust.signing.statements import SignedVerifier, sign_artefact


class SinkCase(NamedTuple):
    sink: Sink
    received: Callable[[], int]
    take_away: Callable[[], None]


@pytest.fixture(params=["fake", *sorted({factory.info.plugin_id for _, factory in SINKS})])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SinkCase]:
    if request.param == "fake":
        fake = fakes.FakeSink()
        yield SinkCase(fake, lambda: len(fake.got), lambda: setattr(fake, "away", True))
    elif request.param == "connect.sinks.ocsf_file":
        path = tmp_path / "out" / "events.jsonl"

        def away() -> None:
            opened.close()
            path.unlink()
            path.mkdir()

        opened = open_sink(f"ocsf:{path}")
        yield SinkCase(opened, lambda: len(path.read_bytes().splitlines()), away)
        opened.close()
    else:
        assert request.param == "connect.sinks.syslog", "give the new sink a case here"
        receiver = Receiver()
        syslog = open_sink(f"syslog:127.0.0.1:{receiver.port}")
        yield SinkCase(syslog, lambda: len(receiver.messages()), receiver.stop)
        syslog.close()
        receiver.stop()


def test_a_sink_has_an_id_that_follows_its_path(sink: SinkCase) -> None:
    assert sink.sink.info.plugin_id.count(".") >= 1
    assert sink.sink.info.title


def test_what_is_delivered_is_there_when_deliver_returns(sink: SinkCase) -> None:
    sink.sink.deliver([a_finding(1), an_incident(2)])
    assert sink.received() == 2
    sink.sink.deliver([])
    assert sink.received() == 2


def test_a_sink_may_see_an_item_twice(sink: SinkCase) -> None:
    sink.sink.deliver([a_finding(1)])
    sink.sink.deliver([a_finding(1)])
    assert sink.received() == 2


def test_a_receiver_that_is_away_is_unavailable(sink: SinkCase) -> None:
    sink.sink.deliver([a_finding(1)])
    sink.take_away()
    with pytest.raises(UnavailableError):
        sink.sink.deliver([a_finding(2)])


def test_a_sink_closes_twice(sink: SinkCase) -> None:
    sink.sink.close()
    sink.sink.close()


INCIDENT = Subject(kind=SubjectKind.INCIDENT, name="inc-1")
ASKED = Request(tenant="local", principal=who("alice"), action="incident.change", resource=INCIDENT)


@pytest.fixture(params=["fake", "local"])
def authorizer(request: pytest.FixtureRequest) -> Authorizer:
    return fakes.FakeAuthorizer(ASKED) if request.param == "fake" else LocalOperator("alice", "local")


def test_the_permitted_is_permitted_with_a_policy(authorizer: Authorizer) -> None:
    decision = authorizer.authorize(ASKED)
    assert decision.permitted
    assert decision.policies
    assert decision.version
    assert decision.request == ASKED


@pytest.mark.parametrize(
    "request_",
    [
        Request(tenant="other", principal=who("alice"), action="incident.change", resource=INCIDENT),
        Request(tenant="local", principal=who("mallory"), action="incident.change", resource=INCIDENT),
        Request(tenant="local", principal=who("alice"), action="queue.pause", resource=INCIDENT),
        Request(tenant="local", principal=who("alice"), action="incident.*", resource=INCIDENT),
        Request(tenant="local", principal=who("alice", "other"), action="incident.change", resource=INCIDENT),
        Request(tenant="local", principal=who("mumetal.triage"), action="incident.change", resource=INCIDENT),
        Request(
            tenant="local",
            principal=agent_scope("local", "mumetal.triage", sent_by=who("alice")).principal,
            action="incident.change",
            resource=INCIDENT,
        ),
        Request(tenant="", principal="", action="", resource=""),  # type: ignore[arg-type]
        Request(tenant="local", principal=who("alice "), action="incident.change", resource=INCIDENT),
        Request(tenant="local", principal="alice", action="incident.change", resource=INCIDENT),  # type: ignore[arg-type]
        Request(tenant=None, principal=who("alice"), action=[], resource="x"),  # type: ignore[arg-type]
    ],
)
def test_everything_else_is_denied_and_so_is_a_failed_decision(authorizer: Authorizer, request_: Request) -> None:
    with pytest.raises(RejectedError):
        authorizer.authorize(request_)


@pytest.fixture(params=["fake", "digest", "signed"])
def verifier(request: pytest.FixtureRequest) -> Verifier:
    if request.param == "fake":
        return fakes.FakeVerifier(b"good")
    if request.param == "signed":
        kind = "https://mumetal.example/conformance/v1"
        envelope = sign_artefact(Artefact(uri="a", data=b"good"), kind, {}, [keys.ALICE, keys.BOB])
        return SignedVerifier(
            lambda _: envelope, predicate_type=kind, root=keys.a_root(), role="release", clock=ManualClock(keys.T0)
        )
    return DigestVerifier({"a": hashlib.sha256(b"good").hexdigest()})


def test_a_verifier_returns_nothing_or_raises(verifier: Verifier) -> None:
    verifier.verify(Artefact(uri="a", data=b"good"))
    for data in (b"", b"Good", b"good\n"):
        with pytest.raises(RejectedError, match="step"):
            verifier.verify(Artefact(uri="a", data=data))


@pytest.fixture(params=["fake", "merkle"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "fake":
        yield fakes.FakeLedger()
    else:
        book = open_local(tmp_path / "ledger", clock=ManualClock(T0), entropy=keys.counting())
        yield book
        book.close()


def entry(n: int) -> LedgerEntry:
    return LedgerEntry(
        tenant="local", t_ns=T0 + n, actor="alice", action="incident.change", subject=f"inc-{n}", why="p — “w”"
    )


def test_a_ledger_counts_from_zero_and_gives_back_what_it_was_given(ledger: Ledger) -> None:
    assert ledger.entries() == []
    assert [ledger.append(entry(n)) for n in range(5)] == [0, 1, 2, 3, 4]
    assert ledger.entries(1, 2) == [(1, entry(1)), (2, entry(2))]
    assert ledger.entries(9) == []
    ledger.verify()


def test_a_ledger_takes_entries_from_many_threads(ledger: Ledger) -> None:
    indexes: list[int] = []
    threads = [
        threading.Thread(target=lambda: indexes.extend(ledger.append(entry(n)) for n in range(25))) for _ in "1234"
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(indexes) == list(range(100))
    ledger.verify()


@pytest.fixture(params=["fake", "packaged"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> ModelSource:
    if request.param == "fake":
        return fakes.FakeModels({"good.json": b"{}"}, {"bad.json": b"[]"})
    (tmp_path / "good.json").write_bytes(b"{}")
    (tmp_path / "bad.json").write_bytes(b"[]")
    digest = hashlib.sha256(b"{}").hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps({"good.json": digest, "bad.json": digest, "gone.json": digest}))
    return PackagedModels(tmp_path)


def test_models_load_only_verified(models: ModelSource) -> None:
    assert models.load("good.json").data == b"{}"
    with pytest.raises(RejectedError):
        models.load("bad.json")
    for name in ("gone.json", "", "../good.json", "/etc/passwd", "manifest", "x.pkl", "good.json\n"):
        with pytest.raises(BadInputError):
            models.load(name)


def test_a_range_is_built_used_and_gone(tmp_path: Path) -> None:
    stacks: list[fakes.FakeStack] = []
    twins: list[fakes.FakeTwin] = []

    def stack(seal: Seal) -> fakes.FakeStack:
        stacks.append(fakes.FakeStack(seal.folder))
        return stacks[-1]

    def twin(_: Seal) -> fakes.FakeTwin:
        twins.append(fakes.FakeTwin())
        return twins[-1]

    made: Range = TwinRange(
        twin=twin, stack=stack, entropy=fakes.counting_entropy(), start_ns=T0, parent=tmp_path
    )  # fmt: skip
    for _ in range(2):
        with made.open() as ground:
            assert twins[-1].speaks_with == ground.url
            assert ground.keys == stacks[-1].keys
            truth = ground.twin.perturb("impair.x", 1.0, 5.0)
            assert truth in ground.twin.truth()
            store = stacks[-1].store
            assert store is not None
            store.append(Delivery(source="twin", data=tuple(ground.twin.advance(1.0))))
            assert len(store.events("local", T0, T0 + 10 * 10**9)) == 1
            ground.clock.sleep(86_400.0)
            assert ground.clock.now_ns() == T0 + 86_400 * 10**9
        assert store.closed
        assert twins[-1].stopped
    assert stacks[0].folder != stacks[1].folder
    assert list(tmp_path.iterdir()) == []
