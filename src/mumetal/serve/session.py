"""One run of ``mumetal up``: the stack, its pages and, when nothing else is named, the demonstration."""

from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from mumetal.access.api import Sessions, new_tokens, open_tokens, os_user
from mumetal.app import wiring
from mumetal.app.ending import Ending
from mumetal.app.lost import lost
from mumetal.app.parts import installed_plugins, load_plugins, parts
from mumetal.app.scans import Scans
from mumetal.app.settings import Settings, path_in
from mumetal.app.settings_told import CHANGE, MISS, START, changes, last_told, told
from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.incident import IncidentState
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.respond.api import incident_report
from mumetal.serve.api.server import Server
from mumetal.serve.pages.sign_in import link_path
from mumetal.serve.web import certified, create_app
from mumetal.trust.api import (
    FIRMWARE_FOLDER,
    AuditDesk,
    FirmwareBook,
    LedgerSay,
    LedgerWatch,
    open_ledger,
    silent_ledger,
    witness_places,
)
from mumetal.twin.api import DEMONSTRATION_NOTICE, Demonstration, score_demonstration

ON_ITS_WAY_S = 3.0  # what was acted last reaches the stack by files that are polled
SETTLE_S = 60.0  # so long what was committed is waited for, before a run is summed up
_log = RoomLogger("serve")


class Summary(Struct, frozen=True, kw_only=True):
    """What came of a run.

    Args:
        seconds: How long it ran, s.
        rows: Rows committed.
        values_per_s: Values committed a second, on average.
        refused: Pieces of input refused.
        unscored: Pieces of input that were committed and not looked at yet; the rest says nothing of them.
        open: Incidents that wait for somebody.
        explained: Incidents an innocent cause explains.
        first_incident_s: Time from the start to the first incident, s; negative when there was none.
        attacks: Attacks acted by the demonstration; 0 without one.
        found: Those found.
        innocent: Innocent causes acted.
        paged: Those that paged all the same.
    """

    seconds: float
    rows: int
    values_per_s: float
    refused: int
    unscored: int
    open: int
    explained: int
    first_incident_s: float
    attacks: int = 0
    found: int = 0
    innocent: int = 0
    paged: int = 0


class Session:
    """Opens everything in order and closes it in the opposite order.

    Args:
        settings: What was set.
        clock: Time.
        demo: The demonstration to act, if any.
        say: Told what the person at the terminal should know, such as where a key was made.
    """

    def __init__(
        self, settings: Settings, clock: Clock, demo: Demonstration | None, say: LedgerSay = silent_ledger
    ) -> None:
        self._clock = clock
        self._settings = settings
        self.plugins = installed_plugins(settings.plugins.allow)
        for plugin in self.plugins:  # named before anything of them is loaded, so that one that fails was named
            _log.info(
                "plugin.found", kind=plugin.kind, id=plugin.plugin_id, package=plugin.package, allowed=plugin.allowed
            )
            say(f"Plug-in: {plugin.told}")
        load_plugins(settings.plugins.allow)
        self._parts = parts(settings.plugins.allow)
        self._demo = demo
        self.notice = DEMONSTRATION_NOTICE if demo else ""
        self._began_ns = clock.now_ns()
        self._began_monotonic_ns = clock.monotonic_ns()
        folder, self._seen = Path(settings.store.directory), witness_places(settings.witnesses)
        self._lost = () if demo else lost(settings)
        for what in self._lost:
            _log.error("store.lost", what=what)
            say(f"Something is missing: {what}.")
        self._ending = Ending()
        with ExitStack() as opened:
            self._ledger = opened.enter_context(
                closing(
                    open_ledger(
                        folder,
                        clock,
                        key=settings.ledger_key,
                        say=say,
                        ticking=True,
                        witnesses=() if demo else self._seen,
                    )
                )
            )
            stores = opened.enter_context(wiring.opened_stores(settings, clock, self._parts))
            self.stack = wiring.build(
                settings,
                clock,
                self._ledger,
                stores,
                upkeep=LedgerWatch(
                    self._ledger,
                    clock,
                    skew_s=settings.watch.clock_skew_s,
                    witnesses=self._seen,
                    lost=self._lost,
                    started=START,
                ),
                parts=self._parts,
                notice=self.notice,
                truth=demo.truth if demo else tuple,
            )
            opened.callback(self.stack.__exit__, None, None, None)
            # where certificates say who calls no token is any good, and none is left in a file
            self.certified = certified(settings.serve)
            self.tokens = new_tokens() if self.certified else open_tokens(folder)
            self._sessions = Sessions(os_user(), self.tokens, clock)
            self._server = self._made_server()
            self._ending.then(opened.pop_all().close)
        self.url = ""

    def _made_server(self) -> Server:
        app = create_app(
            self.stack,
            self._settings.serve,
            sessions=self._sessions,
            ledger=self._ledger,
            report=self._report,
            models=self.stack.models,
            firmware=FirmwareBook(path_in(self._settings, FIRMWARE_FOLDER)),
            scans=Scans(filing=self.stack.filing, rows=self.stack.sightings),
            audit=AuditDesk(self._ledger, wiring.authorizer(self._parts), self._clock, self._seen),
            verbs=self.stack.verbs,
            running=self.stack.running,
            parts=self._parts,
        )
        return Server(app, self._settings.serve)

    def __enter__(self) -> Self:
        with self._ending.where_it_fails():
            self._begin()
        return self

    def _begin(self) -> None:
        self._declare()
        self.stack.__enter__()
        self.url = self._server.start()
        self._ending.then(self._server.stop)
        if self._demo:
            self._ending.then(self._demo.stop)
            self._demo.start(self.url, self.tokens.senders)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.run(error)

    def _declare(self) -> None:
        """Enter that the stack starts, and what was set differently since the last start."""
        acts, now = Acts(self._ledger, wiring.authorizer(self._parts), self._clock), told(self._settings)
        before, who = last_told(self._ledger, self._ledger.size), wiring.operator_scope().principal
        changed = changes(before, now)
        if before and changed:
            of_settings = Subject(kind=SubjectKind.SETTINGS, name="settings")
            request = Request(tenant=LOCAL, principal=who, action=CHANGE, resource=of_settings)
            with acts.act(request, f"changed since the last start: {', '.join(changed)}"):
                pass  # the file was changed already; what counts from here on is what was read of it
        stack = Subject(kind=SubjectKind.STACK, name="stack")
        for what in self._lost:
            request = Request(tenant=LOCAL, principal=who, action=MISS, resource=stack)
            with acts.act(request, what):
                pass  # it was gone already; the entry says since when that was known
        request = Request(tenant=LOCAL, principal=who, action=START, resource=stack)
        with acts.act(request, now):
            pass  # its end is not an outcome: whether it runs is seen elsewhere

    def _report(self, tenant: str, incident_id: str) -> str:
        incident = self.stack.incident(tenant, incident_id)
        return incident_report(incident, self.stack.findings(tenant, incident.findings))

    def link(self) -> str:
        """Return an address that opens a session in one browser, once; the pages' own where certificates do."""
        return self.url if self.certified else self.url + link_path(self._sessions)

    def settle(self) -> None:
        """Stop acting, and wait until all that was committed is scored, a minute at most."""
        if self._demo is None:
            return
        self._demo.stop()
        self._clock.sleep(ON_ITS_WAY_S)
        end_ns = self._clock.monotonic_ns() + round(SETTLE_S * 1e9)
        while self.stack.backlog.owed and not self.stack.failed.is_set() and self._clock.monotonic_ns() < end_ns:
            self._clock.sleep(0.1)

    def summary(self, tenant: str = LOCAL) -> Summary:
        """Return what came of the run so far."""
        lasted = (self._clock.monotonic_ns() - self._began_monotonic_ns) / 1e9
        overview = self.stack.overview(tenant)
        incidents = list(self.stack.incidents(tenant, limit=1_000))
        findings = self.stack.findings(tenant, [f for i in incidents for f in i.findings])
        truth = self.stack.truth()
        judged = score_demonstration(truth, incidents, findings)
        born = [e.t_ns for i in incidents for e in i.timeline[:1]]
        return Summary(
            seconds=lasted,
            rows=overview.rows_total,
            values_per_s=self.stack.values_total / max(lasted, 1e-9),
            refused=overview.quarantined,
            unscored=self.stack.backlog.owed,
            open=sum(i.state in {IncidentState.OPEN, IncidentState.ACKNOWLEDGED} for i in incidents),
            explained=sum(i.state is IncidentState.EXPLAINED for i in incidents),
            first_incident_s=(min(born) - self._began_ns) / 1e9 if born else -1.0,
            attacks=judged.attacks,
            found=judged.found,
            innocent=judged.innocent,
            paged=judged.paged,
        )
