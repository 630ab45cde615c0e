"""Opens a pointer: finds what it points at on the desk, within the caller's own tenant."""

from dataclasses import dataclass
from urllib.parse import unquote

from mumetal.app.desk import Desk
from mumetal.core import check
from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event
from mumetal.core.ports import Ledger, LedgerEntry
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.serve.pages.watch.views import Changed, changed

AROUND_NS = (3_600 * 10**9, 86_400 * 10**9)  # near first: a day may hold more events than are read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where a ``series:`` pointer points."""

    device: str
    stream: str
    start_ns: int
    stop_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A pointer and what lies there; the parts that do not apply are empty.

    Args:
        evidence: The pointer, with digest and note where an incident of the tenant names it.
        span: Where its samples are.
        series: The samples, thinned.
        event: The event.
        snapshot: The snapshot.
        changed: What it changed.
        quarantined: The refused piece.
        entry: The ledger entry.
        missing: Why nothing could be shown.
    """

    evidence: Evidence
    span: Range | None = None
    series: tuple[Series, ...] = ()
    event: Event | None = None
    snapshot: DeviceSnapshot | None = None
    changed: tuple[Changed, ...] = ()
    quarantined: Quarantined | None = None
    entry: LedgerEntry | None = None
    missing: str = ""


def open_evidence(desk: Desk, ledger: Ledger | None, tenant: str, uri: str, incident_id: str = "") -> Opened:
    """Open ``uri`` for ``tenant``; the incident it was found in says where and when to look for an event.

    Raises:
        BadInputError: The pointer cannot be read.
    """
    evidence, device, start_ns, stop_ns = _context(desk, tenant, uri, incident_id)
    rest = uri.split(":", 1)[1]
    match evidence.scheme:
        case "series":
            return _series(desk, tenant, evidence, rest)
        case "event":
            event = _event(desk, tenant, device, start_ns, stop_ns, unquote(rest)) if device else None
            return Opened(evidence=evidence, event=event, missing="" if event else _GONE)
        case "snapshot":
            return _snapshot(desk, tenant, evidence, rest)
        case "quarantine":
            refused = next((q for q in desk.quarantine(tenant, 1_000) if q.where == unquote(rest)), None)
            return Opened(evidence=evidence, quarantined=refused, missing="" if refused else _GONE)
        case "ledger":
            return _ledger(ledger, tenant, evidence, rest)
        case _:
            return Opened(evidence=evidence, missing="This lies outside Mumetal; open it where it is kept.")


_GONE = "Nothing is kept here any more, or it belongs to another tenant."


def _context(desk: Desk, tenant: str, uri: str, incident_id: str) -> tuple[Evidence, str, int, int]:
    bare = Evidence(uri=uri)
    if not incident_id:
        return bare, "", 0, 0
    incident = desk.incident(tenant, incident_id)
    findings = desk.findings(tenant, incident.findings[:200])
    named = (e for f in findings for e in (*f.evidence, *(e for c in f.causes for e in c.evidence)))
    found = next((e for e in named if e.uri == uri), bare)
    return found, incident.device, incident.start_ns, incident.stop_ns


def _event(desk: Desk, tenant: str, device: str, start_ns: int, stop_ns: int, event_id: str) -> Event | None:
    for around in AROUND_NS:
        events = desk.events(tenant, device, start_ns - around, stop_ns + around, 10_000)
        found = next((e for e in events if e.event_id == event_id), None)
        if found is not None:
            return found
    return None


def _number(text: str, what: str) -> int:
    if not text.lstrip("-").isdecimal() or len(text) > 20:
        raise BadInputError(f"{what} {text[:40]!r} is not a number", where="uri")
    return int(text)


def _series(desk: Desk, tenant: str, evidence: Evidence, rest: str) -> Opened:
    parts = rest.split("?", 1)[0].split("/")
    if len(parts) != 2:
        raise BadInputError("a series pointer is series:DEVICE/STREAM?start=…&stop=…", where="uri")
    device, stream = (unquote(p) for p in parts)
    check.name(device, "device")
    check.name(stream, "stream")
    start, stop = (_number(evidence.query.get(key, ""), key) for key in ("start", "stop"))
    check.time_ns(start, "start")
    check.time_ns(stop, "stop")
    found = tuple(desk.series(tenant, device, stream, start, stop, 2_000))
    span = Range(device=device, stream=stream, start_ns=start, stop_ns=stop)
    return Opened(evidence=evidence, span=span, series=found, missing="" if any(len(s) for s in found) else _GONE)


def _snapshot(desk: Desk, tenant: str, evidence: Evidence, rest: str) -> Opened:
    device = unquote(rest.split("?", 1)[0])
    check.name(device, "device")
    wanted = _number(evidence.query.get("t", ""), "t")
    before, found = [None, None, *desk.snapshots(tenant, device, 2, wanted + 1)][-2:]
    if found is None or found.t_ns != wanted:
        return Opened(evidence=evidence, missing=_GONE)
    return Opened(evidence=evidence, snapshot=found, changed=changed(before, found))


def _ledger(ledger: Ledger | None, tenant: str, evidence: Evidence, rest: str) -> Opened:
    index = _number(rest, "index")
    entries = ledger.entries(index, 1) if ledger is not None and index >= 0 else ()
    entry = next((e for i, e in entries if i == index and e.tenant == tenant), None)
    return Opened(evidence=evidence, entry=entry, missing="" if entry else _GONE)
