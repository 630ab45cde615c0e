"""A particle struck the chip: all qubits relax at once, for tens of milliseconds."""

import math

from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.watch.causes.authority import verdict
from mumetal.watch.causes.canary_side import canary_side
from mumetal.watch.causes.common_rise import CANARY, ROSE, common_rise, coupled_pair
from mumetal.watch.causes.looked_at import looked_at

LONGEST_ROWS = 2  # a burst decays within tens of milliseconds and touches two rows at most
LONGEST_S = 1.0
BRIEF_ATTACK = 0.05  # chance that an attack lifts all canaries evenly and is over as fast
BEGINS_SO = 0.3  # chance that an attack's first row looks like it


class RadiationBurst:
    """All canaries rise evenly and are back at once; what lasts, or hits some qubits only, is none.

    As long as the row of the strike is the last one known, the verdict is provisional: it is judged again as rows come.
    """

    info = PluginInfo(
        plugin_id="watch.causes.radiation_burst",
        title="Radiation burst",
        reference="McEwen et al. 2022, doi:10.1038/s41567-021-01432-8; rate and decay: arXiv 2603.16494",
    )

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when every canary rose alike, for no longer than a burst lasts."""
        if finding.rule.endswith(".misreport"):
            side = canary_side(finding, scene, block=1)
            if isinstance(side, str):
                return self._no(-3.0, side)
            finding, scene = side
        if not finding.carriers or not all(CANARY.fullmatch(a.channel) for a in finding.carriers):
            return self._no(-5.0, "it is not the canaries that rose")
        pair = coupled_pair(finding, scene)
        if pair:
            return self._no(-3.0, f"a remainder is left: {pair} move together beside what all canaries do")
        finding = looked_at(finding, scene)
        seen = common_rise(scene.series[0], finding.start_ns, finding.stop_ns) if scene.series else None
        if seen is None:
            return self._no(-1.0, "too few canaries or rows before it to tell whether all rose")
        if not seen.common:
            name, far = seen.uneven
            why = (
                f"the canaries did not rise alike: {name} exceeds the others by {far:.1f} deviations"
                if seen.deviations > ROSE
                else f"the canaries together rose by no more than {seen.deviations:.1f} deviations"
            )
            return self._no(-4.0, why)
        series = scene.series[0]
        interval_s = (int(series.t_ns[-1]) - int(series.t_ns[0])) / 1e9 / max(1, len(series) - 1)
        if seen.longest > max(LONGEST_ROWS, math.ceil(LONGEST_S / max(interval_s, 1e-9)) + 1):
            return self._no(
                -5.0,
                f"a remainder is left: they stayed up for {seen.longest * interval_s:.1f} s, a burst is over at once",
            )
        over = int(series.t_ns[-1]) > finding.start_ns + 2 * interval_s * 1e9
        ratio = math.log(0.9 / (BRIEF_ATTACK if over else BEGINS_SO))
        ending = "and were back at once" if over else "so far"
        return verdict(
            self.info.plugin_id,
            ratio,
            f"all {seen.canaries} canaries rose alike by {seen.rise:.3f} {ending}",
            explained=True,
        )

    def _no(self, ratio: float, reason: str) -> CauseVerdict:
        return verdict(self.info.plugin_id, ratio, reason)
