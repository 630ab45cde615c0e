"""Nouns as the database keeps them: JSON, whole in their own table and shortened in the log."""

from dataclasses import replace
from typing import TypeVar

import msgspec

from mumetal.core.act import ActLine, ActRecord
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, LabelGiven
from mumetal.core.operation import Asset, Job, OperatingState
from mumetal.core.sighting import Sighting

FEW, MORE = 8, 16  # so that the longest finding there can be still fits into a record
T = TypeVar("T")


def encoded(
    noun: Finding | Incident | LabelGiven | Sighting | Job | Asset | OperatingState | ActRecord | ActLine, where: str
) -> bytes:
    """Return a noun's JSON.

    Raises:
        BadInputError: A text in it cannot be written as UTF-8.
    """
    try:
        return msgspec.json.encode(noun)
    except UnicodeEncodeError as error:
        raise BadInputError(f"a text cannot be written as UTF-8: {error.reason}", where=where) from None


def decoded(body: bytes, kind: type[T]) -> T:
    """Return a noun of its JSON.

    Raises:
        BadInputError: It is none such.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, BadInputError) as error:
        raise BadInputError(f"a row of the incident store cannot be read: {error}", where="incident store") from None


def short_finding(finding: Finding) -> Finding:
    """Return a finding as the log keeps it: a few attributions and causes, no detail, no remedy, no evidence."""
    return replace(
        finding,
        subject=replace(finding.subject, device=finding.device[:200], name=finding.stream[:2_000]),
        detail="",
        remedy="",
        evidence=(),
        attribution=tuple(replace(a, channel=a.channel[:200], method=a.method[:40]) for a in finding.attribution[:FEW]),
        causes=tuple(
            replace(c, cause=c.cause[:200], reason=c.reason[:200], evidence=())
            for c in sorted(finding.causes, key=lambda c: not c.explained)[:FEW]
        ),
        techniques=tuple(t[:100] for t in finding.techniques[:MORE]),
        model_version=finding.model_version[:200],
    )


def short_incident(incident: Incident) -> Incident:
    """Return an incident as the log keeps it: with its newest finding and the newest entry of its timeline."""
    return replace(
        incident,
        device=incident.device[:200],
        title=incident.title[:300],
        owner=incident.owner[:200],
        impact_reason=incident.impact_reason[:1_000],
        findings=(incident.findings[-1][:200],),
        timeline=tuple(replace(e, actor=e.actor[:200]) for e in incident.timeline[-1:]),
    )


def short_sighting(sighting: Sighting) -> Sighting:
    """Return a sighting as the log keeps it: without detail and remedy."""
    return msgspec.structs.replace(
        sighting,
        title=sighting.title[:300],
        path=sighting.path[:4_096],
        excerpt=sighting.excerpt[:400],
        reason=sighting.reason[:1_000],
        techniques=tuple(t[:100] for t in sighting.techniques[:MORE]),
        detail="",
        remedy="",
    )
