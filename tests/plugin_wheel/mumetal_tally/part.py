"""What the part is: data only."""

from mumetal.core.part import Command, Page, Part, Task, Verb
from mumetal.core.ports import PluginInfo

PART = Part(
    info=PluginInfo(plugin_id="tally", title="Counts events by activity"),
    opens="mumetal_tally.running:open_tally",
    settings="mumetal_tally.settings:TallySettings",
    watchers="mumetal_tally.watcher:watchers",
    tables="mumetal_tally.tables:MIGRATIONS",
    commands=(Command(name="tally", place="mumetal_tally.command:tally"),),
    routes=("mumetal_tally.faces:routes",),
    pages=(Page(path="/tally", title="Tally", order=350),),
    verbs=(
        Verb(
            verb_id="tally.reset",
            title="Count a device from zero again",
            bound="one device; nothing is deleted",
            undo="tally.restore",
            approved=True,
        ),
        Verb(verb_id="tally.restore", title="Take a reset back", bound="what one reset set aside"),
    ),
    tasks=(Task(task_id="tally.flood", every_s=1.0),),
)
