"""OCSF 1.x events and CloudTrail records to :class:`Event`, and back to OCSF.

Classes and fields as in the OCSF schema (Apache-2.0). A quantum job is an API Activity (6003) that carries
``unmapped.quantum`` with ``job_id``, ``circuit_digest``, ``backend``, ``shots`` and ``uses_pulse``. Fields without a
place in :class:`Event` become attributes, at most 64 short ones.
"""

import hashlib
from collections.abc import Iterator, Mapping

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError
from mumetal.core.event import MAX_ATTRIBUTES, Event, EventClass, Status
from mumetal.formats.canonical import Json, Plain, decode_json, encode
from mumetal.formats.moments import parse_iso

VERSION = "1.6.0"
MAX_LINE = 2**20
MAX_DEPTH = 32
CATEGORY = {
    EventClass.BASE: 0, EventClass.FILE_ACTIVITY: 1, EventClass.SCHEDULED_JOB: 1, EventClass.ACCOUNT_CHANGE: 3,
    EventClass.AUTHENTICATION: 3, EventClass.DEVICE_CONFIG_CHANGE: 5, EventClass.WEB_RESOURCES: 6,
    EventClass.API_ACTIVITY: 6, EventClass.DATASTORE_ACTIVITY: 6,
}  # fmt: skip
MAPPED = frozenset(
    ("class_uid", "category_uid", "type_uid", "activity_id", "time", "time_dt", "status_id", "api.operation",
     "actor.user.uid", "src_endpoint.ip", "metadata.uid", "metadata.version", "severity_id", "metadata.tenant_uid",
     "unmapped.t_ns", "activity_name", "metadata.product.name", "metadata.product.vendor_name", "resources[0].uid",
     "unmapped.device")
)  # fmt: skip
CLOUDTRAIL_MAPPED = frozenset(("eventID", "eventTime", "eventName", "sourceIPAddress", "userIdentity.arn"))


def read_event(raw: bytes, *, tenant: str = LOCAL, where: str = "event") -> Event:
    """Read one JSON object that is an OCSF event or a CloudTrail record, told apart by their fields.

    Raises:
        BadInputError: Not JSON, neither of the two, or without a usable time.
    """
    value = decode_json(raw, MAX_LINE, MAX_DEPTH, where)
    return event_of(value, tenant=tenant, where=where)


def event_of(value: Json, *, tenant: str = LOCAL, where: str = "event") -> Event:
    """Read one decoded OCSF event or CloudTrail record.

    An event without an id of its own gets the digest of its canonical form, so that the same line counts once.

    Raises:
        BadInputError: Neither of the two, or without a usable time.
    """
    if not isinstance(value, dict):
        raise BadInputError("an event is a JSON object", where=where)
    try:
        if "eventName" in value and "eventTime" in value:
            return _cloudtrail(value, tenant, where)
        if "class_uid" in value:
            return _ocsf(value, tenant, where)
    except BadInputError as error:
        raise BadInputError(error.message, where=where, hint=error.hint) from None
    raise BadInputError("neither an OCSF event (class_uid) nor a CloudTrail record (eventName, eventTime)", where=where)


def _ocsf(value: dict[str, Json], tenant: str, where: str) -> Event:
    facts = dict(_flat(value))
    raw_class = value["class_uid"]
    known = isinstance(raw_class, int) and raw_class in EventClass.__members__.values()
    event_class = EventClass(raw_class) if known and isinstance(raw_class, int) else EventClass.BASE
    unmapped = value.get("unmapped")
    quantum = unmapped.get("quantum") if isinstance(unmapped, dict) else None
    job = quantum if isinstance(quantum, dict) else {}
    shots = job.get("shots", 0)
    if isinstance(shots, bool) or not isinstance(shots, int):
        raise BadInputError("unmapped.quantum.shots is no integer")
    status = value.get("status_id", 0)
    mapped = MAPPED if known else MAPPED - {"class_uid"}
    device = facts.get("unmapped.quantum.backend") or facts.get("unmapped.device") or facts.get("device.name") or "-"
    return Event(
        tenant=tenant,
        device=_device(device),
        event_id=facts.get("metadata.uid") or _digest(value),
        t_ns=_ocsf_time(value, facts),
        event_class=event_class,
        activity=_first(facts, "api.operation", "activity_name", "type_name") or f"activity {value.get('activity_id')}",
        actor=_first(facts, "actor.user.uid", "actor.user.name", "actor.app_name", "user.uid", "user.name"),
        resource=_first(facts, "resources[0].uid", "resources[0].name", "device.uid", "web_resources[0].url_string"),
        status=Status(status) if status in (1, 2) and isinstance(status, int) else Status.UNKNOWN,
        source_ip=_first(facts, "src_endpoint.ip"),
        job_id=facts.get("unmapped.quantum.job_id", "")[:1_000],
        circuit_digest=facts.get("unmapped.quantum.circuit_digest", "")[:1_000],
        shots=shots,
        uses_pulse=job.get("uses_pulse") is True,
        attributes=_attributes(facts, mapped, "unmapped.quantum."),
        provenance=where[:1_000],
    )


def _ocsf_time(value: dict[str, Json], facts: Mapping[str, str]) -> int:
    exact = facts.get("unmapped.t_ns", "")
    if exact.isascii() and exact.isdigit() and len(exact) < 20:
        return int(exact)
    time = value.get("time")
    if isinstance(time, int) and not isinstance(time, bool) and abs(time) < 10**16:
        check.time_ns(time * 10**6, "event time in ms")
        return time * 10**6
    text = facts.get("time_dt") or (time if isinstance(time, str) else "")
    if not text:
        raise BadInputError("the event has no time", hint="OCSF: time in ms since 1970, or time_dt")
    return parse_iso(text)


def _cloudtrail(value: dict[str, Json], tenant: str, where: str) -> Event:
    facts = dict(_flat(value))
    name = facts.get("eventName", "")
    sign_in = facts.get("eventType") == "AwsConsoleSignIn" or name in {"AssumeRole", "ConsoleLogin", "GetSessionToken"}
    failed = bool(facts.get("errorCode")) or facts.get("responseElements.ConsoleLogin") == "Failure"
    device = facts.get("requestParameters.deviceArn", "-")
    shots = facts.get("requestParameters.shots", "0")
    job = _first(facts, "responseElements.quantumTaskArn", "requestParameters.quantumTaskArn")
    return Event(
        tenant=tenant,
        device=_device(device),
        event_id=facts.get("eventID") or _digest(value),
        t_ns=parse_iso(facts.get("eventTime", "")),
        event_class=EventClass.AUTHENTICATION if sign_in else EventClass.API_ACTIVITY,
        activity=name[:1_000],
        actor=_first(
            facts, "userIdentity.arn", "userIdentity.principalId", "userIdentity.userName", "userIdentity.invokedBy"
        ),
        resource=_first(facts, "resources[0].ARN", "requestParameters.deviceArn", "requestParameters.bucketName"),
        status=Status.FAILURE if failed else Status.SUCCESS,
        source_ip=_first(facts, "sourceIPAddress"),
        job_id=job,
        shots=int(shots) if shots.isascii() and shots.isdigit() and len(shots) < 12 else 0,
        attributes=_attributes(facts, CLOUDTRAIL_MAPPED),
        provenance=where[:1_000],
    )


def _first(facts: Mapping[str, str], *paths: str) -> str:
    return next((facts[p][:1_000] for p in paths if facts.get(p)), "")


def _device(text: str) -> str:
    if text == "-":
        return text
    check.name(text, "device")
    return text


def _digest(value: Json) -> str:
    return hashlib.sha256(encode(_exact(value))).hexdigest()[:32]


def _exact(value: Json) -> Plain:
    """Write integers that canonical JSON cannot hold as text; only the digest sees them."""
    if isinstance(value, dict):
        return {key.encode("utf-8", "replace").decode(): _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return hex(value)
    return value


def _flat(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every scalar's dotted path and text; the depth is bounded by the decoder."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    elif value is not None:
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        yield path, text.encode("utf-8", "replace").decode()


def _attributes(facts: Mapping[str, str], mapped: frozenset[str], skip: str = "\0") -> tuple[tuple[str, str], ...]:
    """Keep at most 64 further facts; the last one says how many there were."""
    rest = [
        (key.removeprefix("unmapped.attributes.").encode("utf-8", "replace").decode()[:200], text[:4_000])
        for key, text in facts.items()
        if key not in mapped and not key.startswith(skip)
    ]
    if len(rest) <= MAX_ATTRIBUTES:
        return tuple(rest)
    return (*rest[: MAX_ATTRIBUTES - 1], ("mumetal.facts_left_out", str(len(rest) - MAX_ATTRIBUTES + 1)))


def from_event(event: Event) -> bytes:
    """Write an event as one canonical OCSF JSON object; :func:`read_event` gives the same event back."""
    unmapped: dict[str, Plain] = {"t_ns": str(event.t_ns)}
    if event.device != "-":
        unmapped["device"] = event.device
    if event.attributes:
        unmapped["attributes"] = dict(event.attributes)
    if event.job_id or event.shots or event.circuit_digest or event.uses_pulse:
        unmapped["quantum"] = {
            "job_id": event.job_id,
            "circuit_digest": event.circuit_digest,
            "backend": "" if event.device == "-" else event.device,
            "shots": event.shots,
            "uses_pulse": event.uses_pulse,
        }
    record: dict[str, Plain] = {
        "class_uid": int(event.event_class),
        "category_uid": CATEGORY[event.event_class],
        "activity_id": 99,
        "activity_name": event.activity,
        "type_uid": int(event.event_class) * 100 + 99,
        "time": event.t_ns // 10**6,
        "severity_id": 1,
        "status_id": int(event.status),
        "api": {"operation": event.activity},
        "actor": {"user": {"uid": event.actor}},
        "src_endpoint": {"ip": event.source_ip} if event.source_ip else {},
        "metadata": {
            "uid": event.event_id,
            "version": VERSION,
            "tenant_uid": event.tenant,
            "product": {"name": "Mumetal", "vendor_name": "Mumetal"},
        },
        "unmapped": unmapped,
    }
    if event.resource:
        record["resources"] = [{"uid": event.resource}]
    return encode(record)
