"""One operator, listed actions, default deny."""

import pytest
from tests.people import who

from mumetal.access.api import agent_scope
from mumetal.access.local import OPERATOR_ACTIONS, LocalOperator
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.identity import Principal, PrincipalKind
from mumetal.core.ports import DeniedError, Request
from mumetal.core.subject import Subject, SubjectKind


def ask(action: str) -> Request:
    return Request(
        tenant="local", principal=who("alice"), action=action, resource=Subject(kind=SubjectKind.INCIDENT, name="inc-1")
    )


def test_exactly_the_listed_actions() -> None:
    operator = LocalOperator("alice", "local", {"incident.change"})
    assert operator.authorize(ask("incident.change")).policies == ("access.local.operator",)
    for action in OPERATOR_ACTIONS - {"incident.change"}:
        with pytest.raises(RejectedError):
            operator.authorize(ask(action))


def test_an_action_that_breaks_the_decision_is_a_deny() -> None:
    class Evil(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise RuntimeError("boom")

    with pytest.raises(RejectedError, match="the decision failed"):
        LocalOperator("alice", "local").authorize(ask(Evil("incident.read")))


def test_a_denial_says_what_was_asked_and_by_which_rules() -> None:
    with pytest.raises(DeniedError) as caught:
        LocalOperator("alice", "local").authorize(ask("queue.pause"))
    decision = caught.value.decision
    assert decision is not None
    assert (decision.permitted, decision.policies, decision.version) == (False, (), "2")
    assert decision.request.action == "queue.pause"


def test_who_is_sent_may_do_what_both_may() -> None:
    agents = {"mumetal.scan": ("scan.file", "scan.look")}
    rules = LocalOperator("alice", "local", {"scan.file"}, agents)

    def sent(by: str, action: str) -> Request:
        agent = agent_scope("local", "mumetal.scan", sent_by=who(by)).principal
        return Request(tenant="local", principal=agent, action=action, resource=Subject.path("repository"))

    both = rules.authorize(sent("alice", "scan.file"))
    assert both.policies == ("access.local.agent", "access.local.operator")
    for request in (sent("mallory", "scan.file"), sent("alice", "scan.look"), sent("alice", "incident.change")):
        with pytest.raises(DeniedError):
            rules.authorize(request)


def test_an_agent_of_one_tenant_does_nothing_in_another() -> None:
    agent = Principal(kind=PrincipalKind.AGENT, tenant="a", name="mumetal.scan")
    request = Request(tenant="b", principal=agent, action="scan.file", resource=Subject.path("repository"))
    with pytest.raises(DeniedError):
        LocalOperator("alice", "local", agents={"mumetal.scan": ("scan.file",)}).authorize(request)


def test_a_person_named_like_an_agent_is_none() -> None:
    posing = Principal(kind=PrincipalKind.PERSON, tenant="local", name="mumetal.scan")
    request = Request(tenant="local", principal=posing, action="scan.file", resource=Subject.path("repository"))
    with pytest.raises(DeniedError):
        LocalOperator("alice", "local", agents={"mumetal.scan": ("scan.file",)}).authorize(request)


def test_an_operator_without_a_name_cannot_be() -> None:
    with pytest.raises(BadInputError):
        LocalOperator("", "local")
