"""Who gets which scope, and who gets none."""

import pytest

from mumetal.access import scopes
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.identity import WHOLE_STACK, Principal, PrincipalKind, Scope


def test_a_person_has_the_scope_of_their_tenant() -> None:
    scope = scopes.person("acme", "Ana Bauer", roles=("analyst",), token_id="t1")
    assert (scope.tenant, scope.whole, scope.one_tenant()) == ("acme", False, "acme")
    assert scope.principal == Principal(
        kind=PrincipalKind.PERSON, tenant="acme", name="Ana Bauer", roles=("analyst",), token_id="t1"
    )
    scope.demand("acme")
    for tenant in ("other", "", WHOLE_STACK):
        with pytest.raises(RejectedError, match="another tenant"):
            scope.demand(tenant)
    with pytest.raises(RejectedError, match="own agents"):
        scope.demand_whole()
    assert scopes.service("acme", "ci").principal.kind is PrincipalKind.SERVICE


def test_nobody_poses_as_an_agent_and_no_agent_as_somebody() -> None:
    for maker in (scopes.person, scopes.service):
        with pytest.raises(RejectedError, match="may not be called like an agent"):
            maker("acme", "mumetal.scan")
    for name in ("alice", "", "mumetal"):
        with pytest.raises(RejectedError, match="no agent"):
            scopes.agent("acme", name)
        with pytest.raises(RejectedError, match="no agent"):
            scopes.whole_stack(name)


def test_an_agent_says_who_sent_it_and_that_one_is_of_the_same_tenant() -> None:
    ana, eve = scopes.person("acme", "ana").principal, scopes.person("other", "eve").principal
    sent = scopes.agent("acme", "mumetal.scan", sent_by=ana)
    assert sent.principal.on_behalf_of == ana
    with pytest.raises(BadInputError, match="another tenant"):
        scopes.agent("acme", "mumetal.scan", sent_by=eve)
    with pytest.raises(BadInputError, match="for themselves"):
        scopes.agent("acme", "mumetal.triage", sent_by=sent.principal)


def test_the_whole_stack_opens_no_tenants_records() -> None:
    whole = scopes.whole_stack("mumetal.triage")
    whole.demand_whole()
    for call in (whole.one_tenant, lambda: whole.demand("acme"), lambda: whole.demand(WHOLE_STACK)):
        with pytest.raises(RejectedError, match="whole stack"):
            call()


@pytest.mark.parametrize("tenant", ["", "*", "a b", "a'--", "x" * 201, "..", "a\n"])
def test_no_tenant_is_called_so(tenant: str) -> None:
    with pytest.raises(BadInputError):
        scopes.person(tenant, "alice")


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00b"])
def test_no_person_is_called_so(name: str) -> None:
    with pytest.raises(BadInputError):
        scopes.person("acme", name)


def test_a_principal_refuses_what_it_cannot_be() -> None:
    for bad in ({"roles": ("a b",)}, {"roles": ("r",) * 65}, {"token_id": "a b"}, {"tenant": WHOLE_STACK}):
        with pytest.raises(BadInputError):
            Principal(**{"kind": PrincipalKind.PERSON, "name": "ana", **bad})  # type: ignore[arg-type]
    ana = Principal(kind=PrincipalKind.PERSON, tenant="acme", name="ana")
    for tenant in ("other", WHOLE_STACK):
        with pytest.raises(BadInputError, match="no scope in another tenant"):
            Scope(tenant=tenant, principal=ana)
