"""What is said when something of another package failed and is left out: nothing is silently unseen."""

from mumetal.core import check
from mumetal.core.finding import Finding, Severity
from mumetal.core.subject import Subject, SubjectKind


def left_out(plugin_id: str, title: str, did: str, now_ns: int) -> Finding:
    """Return the finding.

    Args:
        plugin_id: What failed.
        title: What it is called.
        did: How it failed, as in "raised ValueError".
        now_ns: Now, nanoseconds since 1970 UTC.
    """
    return Finding(
        subject=Subject(kind=SubjectKind.SOURCE, name=plugin_id),
        rule="app.plugin_failed",
        title=f"{title}: it failed and is left out"[:300],
        detail=f"{plugin_id} {check.readable(did)}. What it would have seen or done is neither seen nor done.",
        remedy="Restart to bring it back; the log says where it failed. Report it to its makers.",
        start_ns=now_ns,
        stop_ns=now_ns,
        severity=Severity.HIGH,
        confidence=1.0,
    )
