"""What of a happening the files of ``mumetal twin record`` can show: a recording that holds nothing of it is refused."""

import math

from mumetal.core.errors import BadInputError
from mumetal.twin.scenarios import find
from mumetal.twin.scenarios.schedule import Planned

WRITTEN = frozenset({"cryostat", "events"})  # at all times; calibrations at theirs


def check_shown(planned: Planned, *, length_s: float, calibration_s: float) -> None:
    """Refuse a happening of which nothing would be written.

    Args:
        planned: What is to happen.
        length_s: How long is recorded.
        calibration_s: Time between the calibrations that are written, from the start on.

    Raises:
        BadInputError: Says why, and what would show it.
    """
    if planned.start_s >= length_s:
        raise BadInputError(
            f"{planned.name} begins after the recording ends", where="--happening", hint="record longer"
        )
    moved = {move.partition("/")[0] for move in find(planned.name).moves}
    if moved & WRITTEN:
        return
    if "calibration" not in moved:
        raise BadInputError(
            f"nothing that is written can show {planned.name}: it moves {', '.join(sorted(moved))} only, and written are the "
            "refrigerator's logs, calibrations and the audit trail",
            where="--happening",
            hint="`mumetal twin happenings` lists the others; `mumetal up` shows this one live",
        )
    first = math.ceil(planned.start_s / calibration_s) * calibration_s
    if first >= min(planned.start_s + planned.duration_s, length_s):
        raise BadInputError(
            f"nothing that is written can show {planned.name}: no calibration is published while it lasts",
            where="--happening",
            hint=f"one is every {calibration_s:g} s from the start on: let it last longer",
        )
