"""An innocent cause that comes in the same wheel: a drill that was announced."""

from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene


class Drill:
    """Explains what is forbidden while a drill is on."""

    info = PluginInfo(plugin_id="tally.drill", title="An announced drill")

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain or decline."""
        on = finding.rule == "tally.forbidden" and any(e.activity == "drill.announced" for e in scene.events)
        return CauseVerdict(
            cause=self.info.plugin_id,
            explained=on,
            log_likelihood_ratio=3.0 if on else -1.0,
            reason="a drill was announced" if on else "no drill was announced",
        )


DRILL = Drill()
