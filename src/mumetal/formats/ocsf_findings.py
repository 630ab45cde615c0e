"""Findings and incidents as OCSF Detection Finding (2004) and Incident Finding (2005), for sinks.

Required fields as in the OCSF schema's ``finding``, ``detection_finding`` and ``incident_finding``.
"""

from mumetal.core.finding import Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label
from mumetal.formats.canonical import Plain, encode
from mumetal.formats.ocsf import VERSION

STATUS = {
    IncidentState.OPEN: (1, "New"),
    IncidentState.ACKNOWLEDGED: (2, "In Progress"),
    IncidentState.EXPLAINED: (5, "Closed"),
    IncidentState.RESOLVED: (4, "Resolved"),
}
VERDICT = {
    Label.UNKNOWN: (0, "Unknown"),
    Label.ATTACK: (2, "True Positive"),
    Label.FAULT: (99, "Fault"),
    Label.BENIGN: (5, "Benign"),
}


def from_finding(finding: Finding) -> bytes:
    """Write a finding as one canonical OCSF Detection Finding (class 2004)."""
    device: Plain = None if finding.device == "-" else {"name": finding.device, "type_id": 99, "type": "Quantum device"}
    record: dict[str, Plain] = {
        **_head(2004, 1, "Create", finding.severity, finding.stop_ns, finding.finding_id, finding.tenant),
        "status_id": 3 if finding.explained else 1,
        "status": "Suppressed" if finding.explained else "New",
        "is_alert": not finding.explained,
        "start_time": finding.start_ns // 10**6,
        "end_time": finding.stop_ns // 10**6,
        "confidence_score": round(100 * finding.confidence),
        "confidence_id": 1 + (finding.confidence >= 1 / 3) + (finding.confidence >= 2 / 3),
        "message": finding.detail or finding.title,
        "finding_info": {
            "uid": finding.finding_id,
            "title": finding.title,
            "desc": finding.detail,
            "first_seen_time": finding.start_ns // 10**6,
            "last_seen_time": finding.stop_ns // 10**6,
            "analytic": {"uid": finding.rule, "name": finding.rule, "version": finding.model_version, "type_id": 1},
            "tags": [{"name": "technique", "values": list(finding.techniques)}] if finding.techniques else [],
        },
        "evidences": [{"uid": e.uri, "name": e.note, "data": {"sha256": e.digest}} for e in finding.evidence],
        "resources": [{"uid": finding.stream, "type": "stream"}] if finding.stream else [],
        "unmapped": {
            "start_ns": str(finding.start_ns),
            "stop_ns": str(finding.stop_ns),
            "confidence": finding.confidence,
            "attribution": [{"channel": a.channel, "share": a.share, "method": a.method} for a in finding.attribution],
            "causes": [{"cause": c.cause, "explained": c.explained, "reason": c.reason} for c in finding.causes],
        },
    }
    if device is not None:
        record["device"] = device
    if finding.remedy:
        record["remediation"] = {"desc": finding.remedy}
    return encode(record)


def from_incident(incident: Incident) -> bytes:
    """Write an incident as one canonical OCSF Incident Finding (class 2005)."""
    closed = incident.state in {IncidentState.RESOLVED, IncidentState.EXPLAINED}
    changed = len(incident.timeline) > 1
    activity, name = (3, "Close") if closed else (2, "Update") if changed else (1, "Create")
    status_id, status = STATUS[incident.state]
    verdict_id, verdict = VERDICT[incident.label]
    priority_id = 1 + sum(incident.priority >= level for level in (0.1, 0.3, 0.6))
    record: dict[str, Plain] = {
        **_head(2005, activity, name, incident.severity, incident.stop_ns, incident.incident_id, incident.tenant),
        "status_id": status_id,
        "status": status,
        "verdict_id": verdict_id,
        "verdict": verdict,
        "priority_id": priority_id,
        "priority": ("Low", "Medium", "High", "Critical")[priority_id - 1],
        "desc": incident.title,
        "message": incident.title,
        "impact_score": round(100 * incident.impact),
        "confidence_score": round(100 * incident.likelihood),
        "start_time": incident.start_ns // 10**6,
        "end_time": incident.stop_ns // 10**6,
        "finding_info_list": [{"uid": uid, "title": incident.title} for uid in incident.findings],
        "unmapped": {
            "device": incident.device,
            "likelihood": incident.likelihood,
            "impact": incident.impact,
            "impact_reason": incident.impact_reason,
            "paged": incident.paged,
        },
    }
    if incident.owner:
        record["assignee"] = {"name": incident.owner}
    else:
        record["assignee_group"] = {"name": "unassigned"}
    return encode(record)


def _head(
    class_uid: int, activity_id: int, activity: str, severity: Severity, t_ns: int, uid: str, tenant: str
) -> dict[str, Plain]:
    return {
        "class_uid": class_uid,
        "category_uid": 2,
        "activity_id": activity_id,
        "activity_name": activity,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": int(severity),
        "severity": severity.name.capitalize(),
        "time": t_ns // 10**6,
        "metadata": {
            "uid": uid,
            "version": VERSION,
            "tenant_uid": tenant,
            "profiles": ["incident"] if class_uid == 2005 else [],
            "product": {"name": "Mumetal", "vendor_name": "Mumetal"},
        },
    }
