"""A model that ails is a finding like any other: what was seen, how sure, where, what to do."""

from mumetal.core import LOCAL
from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.models.health.checkup import Checkup

TECHNIQUES = ("impair.detector_model_swap",)


def refused(name: str, version: str, why: str, now_ns: int, tenant: str = LOCAL) -> Finding:
    """Say that an active version no longer verifies, so that the watch goes on without it."""
    return Finding(
        tenant=tenant,
        subject=Subject(kind=SubjectKind.MODEL, name=name),
        rule="trust.models.health.refused",
        title=f"{name}: the active version does not verify"[:300],
        detail=why,
        remedy="Restore the registry's files from a copy, or roll back; then ask who could write them.",
        start_ns=now_ns,
        stop_ns=now_ns,
        severity=Severity.CRITICAL,
        confidence=1.0,
        techniques=TECHNIQUES,
        evidence=(Evidence(uri=f"model:{name}@{version}", note="the version that is refused"),),
        model_version=version[:12] or "1",
    )


def outside(name: str, version: str, rows: int, of: int, now_ns: int, tenant: str = LOCAL) -> Finding:
    """Say that rows were not scored because they lie outside the ranges that the model was registered with."""
    return Finding(
        tenant=tenant,
        subject=Subject(kind=SubjectKind.MODEL, name=name),
        rule="trust.models.health.outside_ranges",
        title=f"{name} does not score rows that lie outside its ranges"[:300],
        detail=f"{rows} of {of} rows since the last look lie outside the ranges it was trained on and registered with; it "
        "was never tried there, so they have no score of it. Other detectors see them.",
        remedy="Look at those rows: what puts them there also hides them from this model. If they are ordinary, train anew.",
        start_ns=now_ns,
        stop_ns=now_ns,
        severity=Severity.MEDIUM,
        confidence=1.0,
        techniques=TECHNIQUES,
        evidence=(Evidence(uri=f"model:{name}@{version}", note="the version that does not score them"),),
        model_version=version[:12] or "1",
    )


def findings(
    checkup: Checkup, start_ns: int, stop_ns: int, tenant: str = LOCAL, samples: Evidence | None = None
) -> list[Finding]:
    """Return what is wrong with a model, none when nothing is.

    Confidence is 1 - p of the test, which says how unlikely chance is, not how bad the drift.
    """
    version = Evidence(uri=f"model:{checkup.name}@{checkup.version}", note="the version looked at")
    pointers = (version,) if samples is None else (version, samples)
    found = []

    def add(what: str, title: str, detail: str, remedy: str, severity: Severity, p: float, **extra: object) -> None:
        attribution = extra.get("attribution", ())
        assert isinstance(attribution, tuple)
        found.append(
            Finding(
                tenant=tenant,
                subject=Subject(kind=SubjectKind.MODEL, name=checkup.name),
                rule=f"trust.models.health.{what}",
                title=f"{checkup.name}: {title}"[:300],
                detail=detail,
                remedy=remedy,
                start_ns=start_ns,
                stop_ns=stop_ns,
                severity=severity,
                confidence=1 - p,
                attribution=attribution,
                techniques=TECHNIQUES,
                evidence=pointers,
                model_version=checkup.version[:12],
            )
        )

    if checkup.canary:
        add(
            "canary",
            "a window with a known answer gave another",
            checkup.canary,
            "Roll back, then compare the file and the runtime with those of the day it was validated.",
            Severity.CRITICAL,
            0.0,
        )
    if checkup.input_drifts:
        test = checkup.input
        shares = _shares(checkup)
        worst = shares[0].channel if shares else "all channels together"
        add(
            "input_drift",
            f"its input has moved, most of all {worst}",
            f"PSI {test.psi.statistic:.3f} (p {test.psi.p:.3g}), KS {test.ks.statistic:.3f} (p {test.ks.p:.3g}), "
            f"MMD {test.mmd.statistic:.4f} (p {test.mmd.p:.3g}), T² (p {test.mean.p:.3g}); together p {checkup.input_p:.3g}; "
            f"{checkup.rows} rows in blocks of {test.block}",
            "Find out what changed at the device; if it is to stay, validate the model on the new data.",
            Severity.MEDIUM,
            checkup.input_p,
            attribution=shares,
        )
    if checkup.score_drifts:
        add(
            "score_drift",
            "its scores are distributed otherwise than when it was validated",
            f"KS {checkup.score.statistic:.3f} (p {checkup.score.p:.3g}, beside all else looked at {checkup.score_p:.3g})",
            "Look at the input's drift first; without one, suspect the model or its runtime.",
            Severity.MEDIUM if checkup.input_drifts else Severity.HIGH,
            checkup.score_p,
        )
    if checkup.miscalibrated:
        add(
            "calibration",
            "its thresholds no longer give the rate of alarms they were set for",
            f"{checkup.alarm_rate:.1%} of rows where 5% were expected (p {checkup.calibration_p:.3g})",
            "Fall back to the last good version, or set the thresholds anew after validating.",
            Severity.HIGH,
            checkup.calibration_p,
        )
    return found


def _shares(checkup: Checkup) -> tuple[Attribution, ...]:
    values = checkup.input.ks.channels
    total = sum(values)
    if not total or len(values) != len(checkup.channels):
        return ()
    ranked = sorted(zip(checkup.channels, values, strict=True), key=lambda pair: -pair[1])
    return tuple(Attribution(channel=c, share=v / total * 0.999999, method="own-score") for c, v in ranked[:16])
