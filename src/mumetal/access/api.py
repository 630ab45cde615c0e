"""The front door of access: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.access.local import LocalOperator, os_user
    from mumetal.access.scopes import agent as agent_scope
    from mumetal.access.scopes import person as person_scope
    from mumetal.access.scopes import service as service_scope
    from mumetal.access.scopes import whole_stack as whole_stack_scope
    from mumetal.access.sessions import LINK_S, SESSION_S, Known, Sessions
    from mumetal.access.tokens import new_tokens, open_tokens, read_token, token_file

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
