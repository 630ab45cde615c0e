"""Asks the innocent causes about what watchers found, at first and again while it stands."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import Cause, Scene
from mumetal.core.series import Series
from mumetal.watch.causes import CAUSES, LISTED_CAUSES

SceneOf = Callable[[Finding], Scene]
FIRST_LOOK_NS = 10**9  # so long after it was raised a finding's causes are asked again …
LAST_LOOK_NS = 60 * 10**9  # … then ever more rarely, down to once in so long, …
OLD = 10  # … or in so large a part of its age, where that is longer, …
RAREST_LOOK_NS = 3_600 * 10**9  # … but once in so long at least


@dataclass(slots=True, kw_only=True)
class StandingFinding:
    """A finding that is out, and when its causes are asked next."""

    finding: Finding
    next_ns: int


class CauseStage:
    """What looked innocent at first may not last so, or the other way round: so causes are asked again as rows come.

    Args:
        scene_of: Returns what surrounds a finding.
    """

    saved = ("_standing",)
    unsaved = ("_scene_of",)

    def __init__(self, scene_of: SceneOf) -> None:
        self._scene_of = scene_of
        self._standing: dict[str, StandingFinding] = {}

    def ask(
        self, findings: Sequence[Finding], closed: AbstractSet[str], *, rows: bool, ends: bool = True
    ) -> list[Finding]:
        """Return findings with what every cause says of them.

        Args:
            findings: As a watcher raised, repeated or ended them.
            closed: Ids of those that are over; they are not asked about again.
            rows: Whether they come from samples, of which more will come.
            ends: Whether their watcher says when one is over; then those from samples stand until it does.
        """
        out: list[Finding] = []
        for given in findings:
            over = given.finding_id in closed
            finding = replace(self._asked(given), standing=rows and ends and not over)
            out.append(finding)
            self._standing.pop(finding.finding_id, None)
            if rows and not over:
                due = finding.stop_ns + FIRST_LOOK_NS
                self._standing[finding.finding_id] = StandingFinding(finding=finding, next_ns=due)
        return out

    def __contains__(self, finding_id: object) -> bool:
        return finding_id in self._standing

    def again(self, rows: Series) -> list[Finding]:
        """Return standing findings of a stream of which the causes say something else now that ``rows`` came."""
        out: list[Finding] = []
        place, now_ns = (rows.tenant, rows.device, rows.stream), int(rows.t_ns[-1])
        for standing in self._standing.values():
            finding = standing.finding
            if (finding.tenant, finding.device, finding.stream) != place or now_ns < standing.next_ns:
                continue
            age_ns = now_ns - finding.start_ns
            rarest = min(max(LAST_LOOK_NS, age_ns // OLD), RAREST_LOOK_NS)
            standing.next_ns = now_ns + min(max(age_ns, FIRST_LOOK_NS), rarest)
            later = self._asked(replace(finding, stop_ns=max(finding.stop_ns, now_ns + 1)))
            if later.explained != finding.explained:
                standing.finding = later
                out.append(later)
        return out

    def _asked(self, finding: Finding) -> Finding:
        scene = self._scene_of(finding)
        return replace(finding, causes=tuple(_explained(cause, finding, scene) for _, cause in CAUSES))


def _explained(cause: Cause, finding: Finding, scene: Scene) -> CauseVerdict:
    """Return what a cause says; one of another package that fails explains nothing, and that is said."""
    try:
        return cause.explain(finding, scene)
    except Exception as error:
        if isinstance(cause, LISTED_CAUSES):
            raise
        return CauseVerdict(
            cause=cause.info.plugin_id,
            explained=False,
            log_likelihood_ratio=0.0,
            reason=f"it failed: {type(error).__name__}: {error}"[:300],
        )
