"""The models' pages: which version of each is active, what it came from, what the gates and people said of it."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.problems import MissingError
from mumetal.serve.api.reading import truth_of
from mumetal.serve.desk import Desk
from mumetal.serve.models import ModelDesk
from mumetal.serve.pages.render import html
from mumetal.trust.models.manifest import NAME, Manifest
from mumetal.trust.models.record import Record, State, Version
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.report import GateReport

SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model in the list; ``broken`` says why it does not verify, and is empty when it does."""

    name: str
    broken: str = ""
    versions: int = 0
    active: str = ""
    shadow: str = ""
    owner: str = ""
    purpose: str = ""
    since_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One version with everything signed of it."""

    version: Version
    manifest: Manifest
    report: GateReport | None
    since_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of the lineage's picture: kind, text, and its line from the top."""

    kind: str
    text: str
    title: str
    row: int


def lineage(shown: Shown) -> tuple[Box, ...]:
    """Return what a version was made from, one box each: data, parents, code."""
    m = shown.manifest
    found: list[tuple[str, str, str]] = [(d.use, d.uri, f"sha256 {d.digest}") for d in m.data]
    found += [("parent", p[:12], p) for p in m.parents]
    found.append(("code", m.code, f"seeds {', '.join(map(str, m.seeds)) or 'none'}"))
    return tuple(
        Box(kind=kind, text=text if len(text) <= 30 else text[:29] + "…", title=title, row=row)
        for row, (kind, text, title) in enumerate(found[:12])
    )


def models_router(desk: Desk, models: ModelDesk | None) -> APIRouter:
    """Return the routes; without a registry the page says how to start one."""
    router = APIRouter(include_in_schema=False)

    def mine(request: Request) -> ModelRegistry | None:
        # the registry is the house's own: a tenant of a shared stack sees none of it
        return models.registry if models is not None and caller_of(request).tenant == LOCAL else None

    def around(request: Request) -> dict[str, object]:
        tenant = caller_of(request).tenant
        return {"at": "models", "twin": bool(truth_of(desk, tenant)), "now_ns": desk.overview(tenant).now_ns}

    @router.get("/models")
    def listing(request: Request) -> Response:
        opened = mine(request)
        lines = [line_of(opened, name) for name in opened.names()] if opened else []
        return html("models.html", {**around(request), "lines": lines})

    @router.get("/models/{name}")
    def model(request: Request, name: str) -> Response:
        opened = mine(request)
        if opened is None or not NAME.fullmatch(name) or name not in opened.names():
            raise MissingError(f"there is no model {name[:80]!r}", hint="the models' page lists all")
        record = opened.record(name)
        versions = [shown_of(opened, record, v) for v in record.versions[::-1][:SHOWN]]
        chosen = next((v for v in versions if v.version.state is State.ACTIVE), versions[0])
        values = {"name": name, "record": record, "versions": versions, "chosen": chosen, "boxes": lineage(chosen)}
        return html("model.html", {**around(request), **values})

    return router


def line_of(registry: ModelRegistry, name: str) -> Line:
    """Return one model's line, verified down to the active version's bytes."""
    try:
        record = registry.record(name)
        active, shadow = record.in_state(State.ACTIVE), record.in_state(State.SHADOW)
        newest = active or record.versions[-1]
        promised = registry.manifest(name, newest.version)
        registry.load_version(name, newest.version)
    except MumetalError as error:
        return Line(name=name, broken=error.message)
    return Line(
        name=name,
        versions=len(record.versions),
        active=active.version if active else "",
        shadow=shadow.version if shadow else "",
        owner=promised.owner,
        purpose=promised.purpose,
        since_ns=int(newest.since_ns),
    )


def shown_of(registry: ModelRegistry, record: Record, version: Version) -> Shown:
    """Return a version with its manifest and gate report.

    Raises:
        RejectedError: One of them does not verify.
    """
    try:
        report = registry.report(version.report) if version.report else None
    except BadInputError:
        report = None
    promised = registry.manifest(record.name, version.version)
    return Shown(version=version, manifest=promised, report=report, since_ns=int(version.since_ns))
