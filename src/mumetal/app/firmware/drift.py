"""What a rollout asks of the watch: whether a board was in trouble since it began."""

from collections.abc import Callable
from pathlib import Path

from mumetal.access.api import agent_scope
from mumetal.connect.api import has_records, open_records
from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError
from mumetal.core.incident import IncidentState

ROLLOUT_AGENT = "mumetal.rollout"


def incidents_since(store: Path | None, start_ns: int) -> Callable[[str], str]:
    """Return what a rollout asks of each board: its newest unexplained incident that began after ``start_ns``.

    Args:
        store: Folder of a running stack; without one nothing ever stops a rollout but a board itself.
        start_ns: When the rollout began, nanoseconds since 1970 UTC.

    Raises:
        BadInputError: There is no incident store in the folder.
    """
    if store is None:
        return lambda _device: ""
    if not has_records(store):
        raise BadInputError("there is no incident store here", where=str(store), hint="name a running stack's --store")
    kept, scope = open_records(store), agent_scope(LOCAL, ROLLOUT_AGENT)

    def drifted(device: str) -> str:
        for incident in kept.incidents(scope, None, 1_000):
            quiet = incident.state in {IncidentState.EXPLAINED, IncidentState.RESOLVED}
            if incident.device == device and incident.stop_ns >= start_ns and not quiet:
                return incident.title
        return ""

    return drifted
