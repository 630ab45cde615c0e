"""Acts that can be asked for by name, and what came of them."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Principal
from mumetal.core.subject import Subject

MAX_PARAMETERS = 64


class ActState(StrEnum):
    """How far an act is. A failed one may be asked for again under the same id, a done one is not done twice."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing somebody asks to be done.

    Args:
        tenant: For whom.
        act_id: Idempotency key: the same id is done once, however often it is asked for.
        verb: What is to be done, dotted; a part declares it.
        subject: To what.
        parameters: How, as pairs of short text.
        principal: Who asks.
        why: What calls for it, in one line: an incident's id most often.
        approval: A signed approval, where the verb needs one; no part of what is approved.
    """

    tenant: str
    act_id: str
    verb: str
    subject: Subject
    parameters: tuple[tuple[str, str], ...] = ()
    principal: Principal
    why: str
    approval: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.act_id, "act id")
        check.name(self.verb, "verb")
        check.text(self.why, "reason", 1_000)
        if not self.why:
            raise BadInputError("an act needs a reason", where=self.verb, hint="say which incident calls for it")
        if len(self.parameters) > MAX_PARAMETERS:
            raise BadInputError(f"an act has at most {MAX_PARAMETERS} parameters, not {len(self.parameters)}")
        for name, value in self.parameters:
            check.name(name, "parameter")
            check.text(value, f"parameter {name}", 4_000)

    def parameter(self, name: str, default: str = "") -> str:
        """Return one parameter's text, or ``default``."""
        return dict(self.parameters).get(name, default)

    def to_approve(self) -> bytes:
        """Return the bytes that people approve: what, to what and how, never who asks or why."""
        told = {
            "act_id": self.act_id,
            "parameters": dict(self.parameters),
            "subject": msgspec.to_builtins(self.subject),
            "tenant": self.tenant,
            "verb": self.verb,
        }
        return msgspec.json.encode(told, order="sorted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an act.

    Args:
        act_id: Of which.
        state: How it ended.
        said: In one line.
        undo: Parameters of the verb that takes it back; None where nothing does.
    """

    act_id: str
    state: ActState
    said: str
    undo: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        check.text(self.said, "what came of it", 1_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRecord:
    """An act as it is kept: with its outcome once there is one.

    Args:
        tenant: For whom.
        act_id: Its id.
        t_ns: When its state was last written, nanoseconds since 1970 UTC.
        act: The act.
        state: How far it is.
        said: What came of it.
        undo: Parameters of the verb that takes it back.
        ledger_index: Index of the ledger entry written before it was done.
    """

    tenant: str
    act_id: str
    t_ns: int
    act: Act
    state: ActState
    said: str = ""
    undo: tuple[tuple[str, str], ...] | None = None
    ledger_index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """What the log of records says of an act; all of it is read by its id."""

    verb: str
    state: ActState
    said: str
