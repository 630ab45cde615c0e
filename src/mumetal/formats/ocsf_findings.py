"""Findings and incidents as OCSF events: Detection Finding 2004 and Incident Finding 2005.

Written against schema 1.9.0-dev (https://schema.ocsf.io): every attribute that it requires of the class, of
``metadata``, ``finding_info``, ``analytic`` and ``product`` is there, and so are both classes' ``at_least_one``
constraints. ``category_uid`` is 2 (Findings), ``type_uid`` is ``class_uid`` × 100 + ``activity_id``.
Times are milliseconds since 1970 UTC. Technique ids are Mumetal's own (dotted), the tactic is their first part.
"""

from typing import Any

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label

SCHEMA = "1.9.0-dev"
DETECTION, INCIDENT = 2004, 2005
CREATE, UPDATE, CLOSE = 1, 2, 3
ACTIVITY = {CREATE: "Create", UPDATE: "Update", CLOSE: "Close"}
MAX_LISTED = 100
NOBODY = "unassigned"

SEVERITY_CAPTION = {
    Severity.UNKNOWN: "Unknown",
    Severity.INFORMATIONAL: "Informational",
    Severity.LOW: "Low",
    Severity.MEDIUM: "Medium",
    Severity.HIGH: "High",
    Severity.CRITICAL: "Critical",
    Severity.FATAL: "Fatal",
}
INCIDENT_STATUS = {
    IncidentState.OPEN: (1, "New"),
    IncidentState.ACKNOWLEDGED: (2, "In Progress"),
    IncidentState.EXPLAINED: (4, "Resolved"),
    IncidentState.RESOLVED: (5, "Closed"),
}
VERDICT = {
    Label.UNKNOWN: (0, "Unknown"),
    Label.ATTACK: (2, "True Positive"),
    Label.FAULT: (3, "Disregard"),
    Label.BENIGN: (5, "Benign"),
}

Ocsf = dict[str, Any]


def encode(noun: Finding | Incident, *, version: str = "", limit: int = 0) -> bytes:
    """Return a finding or an incident as one line of OCSF JSON, without the newline.

    Args:
        noun: What is sent.
        version: Mumetal's version, for ``metadata.product``.
        limit: Longest result in bytes; 0 for no limit. Past it the optional attributes go, ``metadata.is_truncated``
            is set, and the required ones stay.

    Raises:
        BadInputError: A text cannot be written as UTF-8, or even the required attributes are longer than ``limit``.
    """
    event = detection(noun, version) if isinstance(noun, Finding) else incident(noun, version)
    where = noun.finding_id if isinstance(noun, Finding) else noun.incident_id
    try:
        line = msgspec.json.encode(event)
        if limit and len(line) > limit:
            line = msgspec.json.encode(_shortened(event))
    except UnicodeEncodeError as error:
        raise BadInputError(f"a text cannot be written as UTF-8: {error.reason}", where=where) from None
    if limit and len(line) > limit:
        raise BadInputError(f"an event of {len(line)} bytes is longer than {limit}", where=where)
    return line


def detection(finding: Finding, version: str = "") -> Ocsf:
    """Return a finding as Detection Finding 2004; one an innocent cause explains is suppressed and no alert."""
    event = _event(DETECTION, CREATE, finding.severity, finding.stop_ns, finding.tenant, version)
    status = (3, "Suppressed") if finding.explained else (1, "New")
    device = finding.device if finding.device != "-" else finding.stream or finding.rule
    event |= {
        "status_id": status[0],
        "status": status[1],
        "is_alert": not finding.explained,
        "message": finding.title,
        "start_time": _ms(finding.start_ns),
        "end_time": _ms(finding.stop_ns),
        "confidence_score": round(100 * finding.confidence),
        "confidence_id": _third(finding.confidence),
        "finding_info": _info(finding),
        "resources": [
            {"uid": device, "name": device, "type": "quantum device" if finding.device != "-" else "artefact"}
        ],
        "unmapped": {
            "stream": finding.stream,
            "false_per_week": finding.false_per_week,
            "attribution": [
                {"channel": a.channel, "share": a.share, "method": a.method} for a in finding.attribution[:MAX_LISTED]
            ],
            "causes": [
                {
                    "cause": c.cause,
                    "explained": c.explained,
                    "log_likelihood_ratio": c.log_likelihood_ratio if abs(c.log_likelihood_ratio) < 1e308 else None,
                    "reason": c.reason,
                }
                for c in finding.causes[:MAX_LISTED]
            ],
        },
    }
    if finding.evidence:
        event["evidences"] = [
            {"uid": e.uri, "name": e.note or e.scheme, "data": {"uri": e.uri, "sha256": e.digest}}
            for e in finding.evidence[:MAX_LISTED]
        ]
    if finding.remedy:
        event["remediation"] = {"desc": finding.remedy}
    return event


def incident(noun: Incident, version: str = "") -> Ocsf:
    """Return an incident as Incident Finding 2005 with the ``incident`` profile; the first 100 findings are named."""
    closed = noun.state in {IncidentState.RESOLVED, IncidentState.EXPLAINED}
    activity = CLOSE if closed else UPDATE if len(noun.timeline) > 2 else CREATE
    opened = noun.timeline[0].t_ns if noun.timeline else noun.start_ns
    event = _event(INCIDENT, activity, noun.severity, opened, noun.tenant, version)
    event["metadata"] |= {"profiles": ["incident"], "uid": noun.incident_id, "correlation_uid": noun.incident_id}
    event["metadata"]["modified_time"] = _ms(noun.timeline[-1].t_ns if noun.timeline else noun.stop_ns)
    event |= {
        "status_id": INCIDENT_STATUS[noun.state][0],
        "status": INCIDENT_STATUS[noun.state][1],
        "status_detail": noun.state.value,
        "message": noun.title,
        "desc": noun.title,
        "start_time": _ms(noun.start_ns),
        "end_time": _ms(noun.stop_ns),
        "confidence_score": round(100 * noun.likelihood),
        "confidence_id": _third(noun.likelihood),
        "impact_score": round(100 * noun.impact),
        "impact_id": min(4, 1 + int(4 * noun.impact)),
        "priority_id": min(4, 1 + int(4 * noun.priority)),
        "verdict_id": VERDICT[noun.label][0],
        "verdict": VERDICT[noun.label][1],
        "assignee": {"name": noun.owner or NOBODY},
        "finding_info_list": [{"uid": i} for i in noun.findings[:MAX_LISTED]],
        "unmapped": {
            "device": noun.device,
            "label": noun.label.value,
            "priority": noun.priority,
            "impact_reason": noun.impact_reason,
            "findings": len(noun.findings),
        },
    }
    return event


def _event(class_uid: int, activity: int, severity: Severity, t_ns: int, tenant: str, version: str) -> Ocsf:
    name = "Detection Finding" if class_uid == DETECTION else "Incident Finding"
    return {
        "activity_id": activity,
        "activity_name": ACTIVITY[activity],
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": class_uid,
        "class_name": name,
        "type_uid": class_uid * 100 + activity,
        "type_name": f"{name}: {ACTIVITY[activity]}",
        "severity_id": int(severity),
        "severity": SEVERITY_CAPTION[severity],
        "time": _ms(t_ns),
        "timezone_offset": 0,
        "metadata": {
            "version": SCHEMA,
            "tenant_uid": tenant,
            "product": {"name": "Mumetal", "vendor_name": "Mumetal", **({"version": version} if version else {})},
        },
    }


def _info(finding: Finding) -> Ocsf:
    info: Ocsf = {
        "uid": finding.finding_id,
        "title": finding.title,
        "first_seen_time": _ms(finding.start_ns),
        "last_seen_time": _ms(finding.stop_ns),
        "analytic": {"uid": finding.rule, "name": finding.rule, "version": finding.model_version}
        | (
            {"type_id": 3, "type": "Statistical"}
            if finding.rule.startswith("watch.")
            else {"type_id": 1, "type": "Rule"}
        ),
    }
    if finding.detail:
        info["desc"] = finding.detail
    if finding.techniques:
        info["attacks"] = [
            {"technique": {"uid": t}, "tactic": {"name": t.split(".", 1)[0]}} for t in finding.techniques[:MAX_LISTED]
        ]
    return info


def _shortened(event: Ocsf) -> Ocsf:
    short = {k: v for k, v in event.items() if k not in {"unmapped", "evidences", "remediation"}}
    short["metadata"] = event["metadata"] | {"is_truncated": True}
    if "finding_info" in short:
        short["finding_info"] = {k: v for k, v in event["finding_info"].items() if k not in {"desc", "attacks"}}
    if "finding_info_list" in short:
        short["finding_info_list"] = short["finding_info_list"][:5]
    return short


def _third(share: float) -> int:
    return 1 + min(2, int(3 * share))


def _ms(t_ns: int) -> int:
    return t_ns // 1_000_000
