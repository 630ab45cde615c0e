"""What a decision carries, and that an act keeps its obligations or does not begin."""

from dataclasses import replace

import pytest
from tests.fakes_ports import FakeLedger
from tests.people import allowed, who

from mumetal.access.api import agent_scope
from mumetal.core.acts import Acts, permitted
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.identity import Principal, PrincipalKind
from mumetal.core.ports import Decision, DeniedError, LedgerEntry, Obligation, Request
from mumetal.core.subject import Subject, SubjectKind

T0 = 1_750_000_000 * 10**9
QUEUE = Subject(kind=SubjectKind.DEVICE, name="q1", device="q1")
ASKED = Request(tenant="local", principal=who("ana"), action="queue.pause", resource=QUEUE, context=(("jobs", 3),))
TWO = Obligation(duty="two_approvals", policy="p7", parameters=(("people", 2), ("roles", ("owner", "lead"))))


class Conditional:
    """Permits everything on one condition."""

    def __init__(self, *duties: Obligation) -> None:
        self.duties = duties

    def authorize(self, request: Request) -> Decision:
        return replace(allowed(request), obligations=self.duties)


class Careless:
    """Returns its denial instead of raising it."""

    def authorize(self, request: Request) -> Decision:
        return Decision(request=request, permitted=False, policies=("p1",), version="4", reason="no")


def test_a_decision_without_a_policy_permits_nothing() -> None:
    for policies, version in (((), "1"), (("p",), "")):
        with pytest.raises(BadInputError):
            Decision(request=ASKED, permitted=True, policies=policies, version=version)
    assert Decision(request=ASKED, permitted=False, policies=(), version="1").policy == "default@1"


def test_a_digest_changes_with_each_part_and_with_nothing_else() -> None:
    first = allowed(ASKED)
    assert first.digest == allowed(replace(ASKED)).digest
    others = [
        replace(first, permitted=False),
        replace(first, policies=("other",)),
        replace(first, version="2"),
        replace(first, obligations=(TWO,)),
        replace(first, reason="because"),
        *(allowed(replace(ASKED, **change)) for change in (
            {"tenant": "t2"}, {"principal": who("eve")}, {"action": "queue.drop"},
            {"resource": replace(QUEUE, name="q2")}, {"context": (("jobs", 4),)}, {"context": (("jobs", "3"),)},
        )),
    ]  # fmt: skip
    digests = {d.digest for d in (first, *others)}
    assert len(digests) == 1 + len(others)
    assert all(d.startswith("sha256:") for d in digests)


def test_an_obligation_that_nobody_keeps_is_a_denial() -> None:
    rules = Conditional(TWO, replace(TWO, duty="buffer_qubits"))
    with pytest.raises(DeniedError, match="buffer_qubits, two_approvals") as caught:
        permitted(rules, ASKED)
    assert caught.value.decision is not None
    with pytest.raises(DeniedError, match="only with buffer_qubits,"):
        permitted(rules, ASKED, keeps=("two_approvals",))
    assert permitted(rules, ASKED, keeps=("two_approvals", "buffer_qubits")).obligations == rules.duties
    ledger = FakeLedger()
    acts = Acts(ledger, rules, ManualClock(T0))
    with pytest.raises(DeniedError), acts.act(ASKED, "incident 7"):
        pytest.fail("it began")
    entries = [e for _, e in ledger.entries()]
    assert [(e.outcome, e.policy) for e in entries] == [("denied", "tests.all@1")]
    with acts.act(ASKED, "incident 7", keeps=("two_approvals", "buffer_qubits")):
        pass


def test_a_denial_that_is_returned_is_still_a_denial() -> None:
    with pytest.raises(DeniedError):
        permitted(Careless(), ASKED)


def test_the_ledger_has_token_sender_policy_and_decision() -> None:
    ledger = FakeLedger()
    acts = Acts(ledger, Conditional(), ManualClock(T0))
    person = Principal(kind=PrincipalKind.PERSON, tenant="local", name="ana", token_id="t-17")
    sent = agent_scope("local", "mumetal.scan", sent_by=person).principal
    for principal in (person, sent):
        with acts.act(replace(ASKED, principal=principal), "incident 7"):
            pass
    said = [(e.actor, e.on_behalf_of, e.token, e.policy, e.subject, e.outcome) for _, e in ledger.entries()]
    assert said == [
        ("ana", "", "t-17", "tests.all@1", "q1", ""),
        ("ana", "", "t-17", "tests.all@1", "q1", "done"),
        ("mumetal.scan", "ana", "t-17", "tests.all@1", "q1", ""),
        ("mumetal.scan", "ana", "t-17", "tests.all@1", "q1", "done"),
    ]
    assert all(e.decision.startswith("sha256:") for _, e in ledger.entries())


def test_an_act_that_the_process_did_not_outlive_claims_no_outcome() -> None:
    ledger = FakeLedger()
    with pytest.raises(KeyboardInterrupt), Acts(ledger, Conditional(), ManualClock(T0)).act(ASKED, "incident 7"):
        raise KeyboardInterrupt
    assert [e.outcome for _, e in ledger.entries()] == [""]


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (Subject(kind=SubjectKind.MODEL, name="cryo@1f"), "model:cryo@1f"),
        (Subject(kind=SubjectKind.RELEASE, name="gateware@2"), "firmware:gateware@2"),
        (Subject.stream("fridge", "cryostat"), "fridge/cryostat"),
        (QUEUE, "q1"),
        (Subject.path("src/a.py"), "src/a.py"),
    ],
)
def test_a_subject_in_one_line(subject: Subject, text: str) -> None:
    assert subject.text == text


class Broken:
    """Breaks, answers nothing, or answers another question."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def authorize(self, request: Request) -> Decision:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("boom"),
        None,
        "yes",
        allowed(replace(ASKED, action="queue.look")),
        replace(allowed(ASKED), permitted="no"),  # type: ignore[arg-type]
    ],
)
def test_an_authorizer_that_fails_or_answers_something_else_denies_and_that_is_entered(answer: object) -> None:
    ledger = FakeLedger()
    with pytest.raises(DeniedError), Acts(ledger, Broken(answer), ManualClock(T0)).act(ASKED, "incident 7"):
        pytest.fail("it began")
    assert [e.outcome for _, e in ledger.entries()] == ["denied"]


def test_what_no_text_can_hold_is_entered_readably_and_hides_no_error() -> None:
    ledger = FakeLedger()
    acts = Acts(ledger, Conditional(), ManualClock(T0))
    with pytest.raises(OSError, match="gone"), acts.act(ASKED, "why \udcff"):
        raise OSError("gone: a\udcff")
    assert [(e.why, e.outcome) for _, e in ledger.entries()] == [("why ?", ""), ("why ?", "failed: gone: a?")]


def test_an_outcome_that_cannot_be_written_does_not_hide_what_went_wrong() -> None:
    class Full(FakeLedger):
        def append(self, entry: LedgerEntry) -> int:
            if entry.outcome:
                raise UnavailableError("no space")
            return super().append(entry)

    with pytest.raises(OSError, match="gone"), Acts(Full(), Conditional(), ManualClock(T0)).act(ASKED, "incident 7"):
        raise OSError("gone")
