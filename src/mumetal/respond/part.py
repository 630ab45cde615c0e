"""The part that triages: findings become ranked incidents."""

from mumetal.core.part import Agent, Command, Part
from mumetal.core.ports import PluginInfo

PART = Part(
    info=PluginInfo(plugin_id="triage", title="Groups findings into incidents and ranks them"),
    settings="mumetal.respond.settings:TriageSettings",
    commands=(
        Command(name="incidents", place="mumetal.serve.cli.triage.incident:incidents"),
        Command(name="incident", place="mumetal.serve.cli.triage.incident:incident"),
    ),
    agents=(
        Agent(name="mumetal.triage", verbs=("incident.page",)),
        Agent(name="mumetal.sources", verbs=("incident.change",)),
    ),
    actions=("incident.change",),
)
