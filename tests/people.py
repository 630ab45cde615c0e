"""Principals, scopes and decisions for tests."""

from mumetal.access.api import agent_scope, person_scope
from mumetal.core import LOCAL
from mumetal.core.identity import Principal, Scope
from mumetal.core.ports import Decision, Request


def scope(name: str = "operator", tenant: str = LOCAL) -> Scope:
    """Return the scope of somebody by name; an agent where the name is one."""
    return agent_scope(tenant, name) if name.startswith("mumetal.") else person_scope(tenant, name)


def who(name: str = "operator", tenant: str = LOCAL) -> Principal:
    """Return somebody by name."""
    return scope(name, tenant).principal


def allowed(request: Request) -> Decision:
    """Return a permit of a test's own policy."""
    return Decision(request=request, permitted=True, policies=("tests.all",), version="1")
