"""The audit pages and their API: who did what, when, why, how it ended; one entry with its proof; the export."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from mumetal.app.desk import Desk
from mumetal.core.errors import MissingError
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.watch.reading import truth_of
from mumetal.serve.faces import Faces
from mumetal.serve.pages.render import html
from mumetal.trust.api import (
    LEDGER_OUTCOMES,
    AuditDesk,
    AuditFound,
    AuditStanding,
    AuditWanted,
    audit_moment,
    checkpoint_of_note,
    encode_proof,
    merkle_leaf,
)

Text = Annotated[str, Query(max_length=200)]
Index = Annotated[int, Query(ge=-1, lt=2**53)]


class EntryOut(msgspec.Struct, frozen=True, kw_only=True):
    """One decision; empty ``outcome`` before the act."""

    index: int
    tenant: str
    t_ns: str
    actor: str
    action: str
    subject: str
    why: str
    outcome: str
    on_behalf_of: str
    token: str
    policy: str
    decision: str


class FoundOut(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions, newest first; go on with ``before=older`` until it is -1."""

    entries: tuple[EntryOut, ...]
    older: int
    size: int
    looked: int


def found_out(found: AuditFound) -> FoundOut:
    """Return what the API says of a search."""
    rows = tuple(
        EntryOut(
            index=index,
            tenant=e.tenant,
            t_ns=str(e.t_ns),
            actor=e.actor,
            action=e.action,
            subject=e.subject,
            why=e.why,
            outcome=e.outcome,
            on_behalf_of=e.on_behalf_of,
            token=e.token,
            policy=e.policy,
            decision=e.decision,
        )
        for index, e in found.rows
    )
    return FoundOut(entries=rows, older=found.older, size=found.size, looked=found.looked)


def _wanted(who: Text, what: Text, outcome: Text, since: Text, until: Text, before: Index) -> AuditWanted:
    return AuditWanted(
        who=who.strip(),
        what=what.strip(),
        outcome=outcome,
        start_ns=audit_moment(since, "since"),
        stop_ns=audit_moment(until, "until"),
        before=before,
    )


def audit_router(desk: Desk, audit: AuditDesk | None) -> APIRouter:
    """Return the routes; without a ledger there is nothing to audit, and every one says so."""
    router = APIRouter()
    _pages(router, desk, audit)
    _api(router, audit)
    return router


def _opened(audit: AuditDesk | None) -> AuditDesk:
    if audit is None:
        raise MissingError("this stack keeps no ledger", hint="start it with `mumetal up`")
    return audit


def _pages(router: APIRouter, desk: Desk, audit: AuditDesk | None) -> None:
    def around(request: Request) -> dict[str, object]:
        tenant = caller_of(request).tenant
        return {"at": "audit", "twin": bool(truth_of(desk, tenant)), "now_ns": desk.overview(tenant).now_ns}

    @router.get("/audit", include_in_schema=False)
    def listing(
        request: Request,
        who: Text = "",
        what: Text = "",
        outcome: Text = "",
        since: Text = "",
        until: Text = "",
        before: Index = -1,
    ) -> Response:
        caller, opened = caller_of(request), _opened(audit)
        found = opened.search(caller, _wanted(who, what, outcome, since, until, before))
        asked = {"who": who, "what": what, "outcome": outcome, "since": since, "until": until}
        kept = {k: v for k, v in asked.items() if v}
        standing = opened.standing(caller)
        values = {
            "found": found,
            "standing": standing,
            "words": _words(standing),
            "asked": asked,
            "filtered": bool(kept),
            "outcomes": LEDGER_OUTCOMES,
            "older": "/audit?" + urlencode({**kept, "before": found.older}),
            "newest": "/audit?" + urlencode(kept) if before >= 0 else "",
            "export": "/audit/export.jsonl" + ("?" + urlencode(kept) if kept else ""),
        }
        return html("audit.html", {**around(request), **values})

    @router.get("/audit/export.jsonl", include_in_schema=False)
    def export(
        request: Request, who: Text = "", what: Text = "", outcome: Text = "", since: Text = "", until: Text = ""
    ) -> Response:
        lines = _opened(audit).export(caller_of(request), _wanted(who, what, outcome, since, until, -1))
        return _file(StreamingResponse(lines, media_type="application/x-ndjson"), "audit.jsonl")

    @router.get("/audit/log.pub", include_in_schema=False)
    def key(request: Request) -> Response:
        return _file(Response(_opened(audit).public_key(caller_of(request)), media_type="application/json"), "log.pub")

    @router.get("/audit/{index}", include_in_schema=False)
    def entry(request: Request, index: int) -> Response:
        caller, opened = caller_of(request), _opened(audit)
        made = opened.proof(caller, index)
        signed = checkpoint_of_note(made.note)
        standing = opened.standing(caller)
        values = {
            "index": index,
            "entry": made.read(),
            "raw": made.entry.decode(),
            "leaf": merkle_leaf(made.entry).hex(),
            "path": [p.hex() for p in made.path],
            "signed": signed,
            "vouching": [w for w in standing.witnesses if not w.word and w.size > index],
            "standing": standing,
        }
        return html("audit_entry.html", {**around(request), **values})

    @router.get("/audit/{index}/proof.json", include_in_schema=False)
    def proved(request: Request, index: int) -> Response:
        made = _opened(audit).proof(caller_of(request), index)
        return _file(Response(encode_proof(made), media_type="application/json"), f"entry-{index}.proof.json")


def _api(router: APIRouter, audit: AuditDesk | None) -> None:
    @router.get("/api/v1/audit", tags=["audit"], response_model=None)
    def search(
        request: Request,
        who: Text = "",
        what: Text = "",
        outcome: Text = "",
        since: Text = "",
        until: Text = "",
        before: Index = -1,
    ) -> Response:
        found = _opened(audit).search(caller_of(request), _wanted(who, what, outcome, since, until, before))
        return Response(msgspec.json.encode(found_out(found)), media_type="application/json")

    @router.get("/api/v1/audit/{index}", tags=["audit"], response_model=None)
    def one(request: Request, index: int) -> Response:
        made = _opened(audit).proof(caller_of(request), index)
        return Response(encode_proof(made), media_type="application/json")


def _words(standing: AuditStanding) -> str:
    """Return in one sentence who vouches."""
    good = [w for w in standing.witnesses if not w.word]
    if any(w.refuted for w in standing.witnesses):
        return "The ledger is not what a witness saw: somebody rewrote it."
    if good:
        most = max(good, key=lambda w: w.size)
        return f"{most.name} vouches for the first {most.size:,} entries; for the rest only the log's own key does."
    return "No witness vouches for it: whoever has the log's key could write it anew. Name one in the settings."


def _file(answer: Response, name: str) -> Response:
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (audit_router(faces.desk, faces.audit),)
