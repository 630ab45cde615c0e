"""Acts over the API: what can be asked for, ask for it, take it back."""

import base64
import binascii
from typing import Annotated, TypeVar

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from pydantic import BaseModel

from mumetal.app.verbs import VerbDesk
from mumetal.core.act import Act, ActRecord, Outcome
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.subject import Subject, SubjectKind
from mumetal.serve.api.body import read_body
from mumetal.serve.api.identity import caller_of

MAX_ACT_BYTES = 65_536
Text = Annotated[str, Meta(min_length=1, max_length=1_000)]


class ActIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for."""

    act_id: Text
    verb: Text
    kind: SubjectKind
    name: Text
    device: Text = "-"
    parameters: dict[str, str] = {}
    why: Text
    approval: str = ""


class UndoIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an act is taken back."""

    why: Text


class VerbOut(BaseModel):
    """Something that can be asked for."""

    verb: str
    title: str
    part: str
    bound: str
    undo: str
    approved: bool
    hardware: bool


class OutcomeOut(BaseModel):
    """What came of an act."""

    act_id: str
    state: str
    said: str
    can_undo: bool


def acts_router(verbs: VerbDesk | None) -> APIRouter:
    """Return the routes; without verbs they say that nothing can be asked for."""
    router = APIRouter(prefix="/api/v1", tags=["acts"])

    def desk() -> VerbDesk:
        if verbs is None:
            raise UnavailableError("no act is taken here", hint="run `mumetal up`")
        return verbs

    @router.get("/verbs")
    def listed(request: Request) -> list[VerbOut]:
        """List what can be asked for."""
        caller_of(request)
        return [
            VerbOut(
                verb=k.verb.verb_id,
                title=k.verb.title,
                part=k.part_id,
                bound=k.verb.bound,
                undo=k.verb.undo,
                approved=k.verb.approved,
                hardware=k.verb.hardware,
            )
            for k in desk().verbs()
        ]

    @router.get("/acts")
    def known(request: Request) -> list[OutcomeOut]:
        """List acts, newest first."""
        return [_kept(record) for record in desk().listed(caller_of(request).scope)]

    @router.post("/acts")
    async def perform(request: Request) -> OutcomeOut:
        """Ask for an act: approved where the verb needs it, permitted, on the ledger, then done; once for each id."""
        caller = caller_of(request)
        asked = await _body(request, ActIn)
        try:
            approval = base64.b64decode(asked.approval, validate=True)
        except binascii.Error:
            raise BadInputError("the approval is not base64", where="approval") from None
        act = Act(
            tenant=caller.tenant,
            act_id=asked.act_id,
            verb=asked.verb,
            subject=Subject(kind=asked.kind, name=asked.name, device=asked.device),
            parameters=tuple(sorted(asked.parameters.items())),
            principal=caller.scope.principal,
            why=asked.why,
            approval=approval,
        )
        return _out(await to_thread.run_sync(lambda: desk().perform(caller.scope, act)))

    @router.post("/acts/{act_id}/undo")
    async def undo(request: Request, act_id: str) -> OutcomeOut:
        """Take an act back."""
        caller = caller_of(request)
        asked = await _body(request, UndoIn)
        return _out(await to_thread.run_sync(lambda: desk().undo(caller.scope, act_id, asked.why)))

    return router


T = TypeVar("T")


async def _body(request: Request, kind: type[T]) -> T:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadInputError("it is sent as application/json", where="Content-Type")
    try:
        return msgspec.json.decode(await read_body(request, MAX_ACT_BYTES), type=kind)
    except msgspec.DecodeError as error:
        raise BadInputError(str(error), where="body", hint="see /api/v1/openapi.json") from None


def _out(outcome: Outcome) -> OutcomeOut:
    return OutcomeOut(act_id=outcome.act_id, state=outcome.state, said=outcome.said, can_undo=outcome.undo is not None)


def _kept(record: ActRecord) -> OutcomeOut:
    return OutcomeOut(act_id=record.act_id, state=record.state, said=record.said, can_undo=record.undo is not None)
