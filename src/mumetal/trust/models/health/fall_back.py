"""When a model ails, whether the last good one is put back by itself.

A drift of the input alone is no reason: the last good version meets the same input. It falls back when

1. a window with a known answer failed: file or runtime are not what was validated; or
2. the active version's thresholds no longer hold *and* the last good version's do, on the same rows; or
3. the active version no longer verifies.

By itself Mumetal does so at most once in :data:`APART_NS` for a model, by the ledger's word, whatever was undone since; the
way back is :meth:`mumetal.trust.models.lifecycle.Lifecycle.undo`.
"""

from mumetal.core.errors import BadInputError
from mumetal.core.identity import Principal
from mumetal.trust.models.health.checkup import Checkup
from mumetal.trust.models.lifecycle import Lifecycle
from mumetal.trust.models.record import Record

APART_NS = 86_400 * 10**9


def due(last_ns: int, now_ns: int) -> bool:
    """Whether another automatic fall back is within the bound, the last one having been at ``last_ns`` (0: never)."""
    return not last_ns or not 0 <= now_ns - last_ns < APART_NS


def reason(active: Checkup, last_good: Checkup | None) -> str:
    """Return why to fall back; empty when there is no reason to.

    Args:
        active: The look at the active version.
        last_good: The look at the last good one, on the same rows; None when there is none.
    """
    if last_good is None or last_good.canary:
        return ""
    if active.canary:
        return f"canary: {active.canary}"
    if active.miscalibrated and not last_good.miscalibrated:
        return (
            f"thresholds: {active.alarm_rate:.1%} of rows alarm (p {active.calibration_p:.2g}), "
            f"under the last good version {last_good.alarm_rate:.1%}"
        )
    return ""


def fall_back(lifecycle: Lifecycle, active: Checkup, last_good: Checkup | None, who: Principal) -> Record | None:
    """Put the last good version back if there is a reason to; permitted and entered in the ledger like any rollback.

    Raises:
        RejectedError: They may not.
        BadInputError: The looks are of two models.
    """
    if last_good is not None and last_good.name != active.name:
        raise BadInputError("the looks are of two models", where=active.name)
    why = reason(active, last_good)
    return lifecycle.roll_back(who, active.name, why) if why else None
