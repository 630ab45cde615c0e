"""What the routes of a part are given: the running stack, its parts, and a plain page for those without templates."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from mumetal.app.desk import Desk
from mumetal.app.models.live import LiveModels
from mumetal.app.scans import Scans
from mumetal.app.settings import ServeSettings
from mumetal.app.verbs import VerbDesk
from mumetal.core.identity import Caller
from mumetal.core.part import Running
from mumetal.core.ports import Ledger
from mumetal.trust.api import AuditDesk, FirmwareBook

Report = Callable[[str, str], str]
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table on a plain page; every text is escaped.

    Args:
        title: What stands above it.
        head: Its columns.
        rows: Its rows, as text.
        none: What is said where there are no rows.
    """

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    none: str = "Nothing yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """What there is to show.

    Args:
        desk: The running stack.
        settings: Where it listens and what it takes.
        stopping: Set when the server stops.
        caller: Says who calls; raises RejectedError for a stranger.
        render: Renders a template of the house with values.
        ledger: Where ``ledger:`` evidence is opened; None shows such evidence as a pointer only.
        report: Draft report of (tenant, incident id), in Markdown; None offers none.
        scans: Where reports of scans are filed; None says how to make one.
        firmware: Book of the boards' firmware; None says how to start one.
        models: The models that have pages; None says how to start.
        audit: What the audit pages read; None shows none.
        verbs: What can be asked to be done; None takes no act.
        running: What runs of each part, by id.
    """

    desk: Desk
    settings: ServeSettings
    stopping: threading.Event
    caller: Callable[[Request], Caller]
    render: Callable[[str, Mapping[str, object]], Response]
    ledger: Ledger | None = None
    report: Report | None = None
    scans: Scans | None = None
    firmware: FirmwareBook | None = None
    models: LiveModels | None = None
    audit: AuditDesk | None = None
    verbs: VerbDesk | None = None
    running: Mapping[str, Running] = field(default_factory=dict)

    @property
    def max_body(self) -> int:
        """Largest body taken, bytes."""
        return self.settings.max_body_mib * MIB

    def page(self, request: Request, path: str, title: str, lead: str, tables: Sequence[PageTable]) -> Response:
        """Return a plain page, for a caller who was identified.

        Args:
            request: What was asked.
            path: The page's path in the navigation.
            title: Its heading.
            lead: A sentence under it.
            tables: What it shows.
        """
        self.caller(request)
        return self.render("part.html", {"at": path, "twin": False, "title": title, "lead": lead, "tables": tables})
