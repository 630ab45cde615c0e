"""One operator, listed actions, default deny."""

import pytest

from mumetal.access.local import OPERATOR_ACTIONS, LocalOperator
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import Request


def ask(action: str, resource: str = "x") -> Request:
    return Request(tenant="local", principal="alice", action=action, resource=resource)


def test_exactly_the_listed_actions() -> None:
    operator = LocalOperator("alice", "local", {"incident.change"})
    assert operator.authorize(ask("incident.change")).policy == "access.local.operator"
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


def test_a_resource_is_needed_and_bounded() -> None:
    for resource in ("", "x" * 5_000):
        with pytest.raises(RejectedError):
            LocalOperator("alice", "local").authorize(ask("incident.read", resource))


def test_an_operator_without_a_name_cannot_be() -> None:
    with pytest.raises(BadInputError):
        LocalOperator("", "local")
