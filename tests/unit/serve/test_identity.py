"""Who calls gets the scope of their tenant, and no certificate poses as an agent of the stack."""

from types import SimpleNamespace

import pytest
from fastapi import Request

from mumetal.core import LOCAL
from mumetal.core.errors import RejectedError
from mumetal.core.identity import PrincipalKind
from mumetal.serve.api.identity import PEER, Peer, caller_of, tenant_by_organisation


def request(peer: Peer | None) -> Request:
    app = SimpleNamespace(state=SimpleNamespace(tenant_of=tenant_by_organisation))
    return Request({"type": "http", "app": app, "state": {PEER: peer} if peer else {}})


def test_a_certificate_gives_the_scope_of_its_organisation() -> None:
    caller = caller_of(request(Peer(name="Ana", organisation="acme", verified=True)))
    assert (caller.actor, caller.tenant, caller.scope.tenant) == ("Ana", "acme", "acme")
    assert (caller.scope.principal.name, caller.scope.principal.kind) == ("Ana", PrincipalKind.PERSON)
    assert caller_of(request(Peer(name="ana", token_id="token.operator"))).scope.principal.token_id == "token.operator"
    assert caller_of(request(Peer(name="sender", service=True))).scope.principal.kind is PrincipalKind.SERVICE
    assert caller_of(request(Peer(name="ana"))).scope.tenant == LOCAL
    with pytest.raises(RejectedError):
        caller_of(request(None))


@pytest.mark.parametrize("name", ["mumetal.scan", "mumetal.triage", "mumetal.anything"])
def test_a_certificate_may_not_be_called_like_an_agent(name: str) -> None:
    with pytest.raises(RejectedError, match="like an agent"):
        caller_of(request(Peer(name=name, organisation="acme", verified=True)))


def test_a_certificate_may_not_stand_for_the_whole_stack() -> None:
    with pytest.raises(RejectedError, match="names no tenant"):
        caller_of(request(Peer(name="Ana", organisation="*", verified=True)))
