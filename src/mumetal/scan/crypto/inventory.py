"""The inventory and the plan: every use judged, and groups of uses in the order in which to replace them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mumetal.catalog.crypto_timelines import Timelines
from mumetal.core.finding import Severity
from mumetal.scan.crypto import libraries
from mumetal.scan.crypto.asset import Asset, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to replace.

    Args:
        algorithm: What is replaced.
        use: What it is used for.
        replacement: By what.
        severity: How bad it is.
        until: Year in which its use ends; 0 when it is broken already.
        reason: Why.
        places: Where it is used, in order.
    """

    algorithm: str
    use: str
    replacement: str
    severity: Severity
    until: int
    reason: str
    places: tuple[str, ...]


def judged(assets: Iterable[Asset], known: Timelines) -> tuple[Verdict, ...]:
    """Judge each distinct asset, worst first."""
    verdicts = [libraries.verdict(a) if a.kind == "library" else judge(a, known) for a in dict.fromkeys(assets)]
    return tuple(sorted(verdicts, key=_urgency))


def _urgency(v: Verdict) -> tuple[object, ...]:
    agreed_first = v.asset.use != "key-agreement"  # what is recorded now cannot be protected later
    return (-v.severity, agreed_first, not v.asset.exposed, v.until or 0, v.asset.name, v.asset.where, v.asset.line)


def plan(verdicts: Iterable[Verdict]) -> tuple[Step, ...]:
    """Return what to replace first: broken now, then recorded key agreement, then the earliest deadline."""
    groups: dict[tuple[str, str, int], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status in {"broken", "broken-by-quantum"}:
            groups.setdefault((verdict.asset.name, verdict.asset.use, verdict.until), []).append(verdict)
    ordered = sorted(groups.values(), key=lambda group: min(_urgency(v) for v in group))
    return tuple(
        Step(
            algorithm=group[0].asset.name,
            use=group[0].asset.use,
            replacement=group[0].replacement,
            severity=max(v.severity for v in group),
            until=group[0].until,
            reason=group[0].reason,
            places=tuple(
                dict.fromkeys(f"{v.asset.where}:{v.asset.line}" if v.asset.line else v.asset.where for v in group)
            ),
        )
        for group in ordered
    )
