"""The part that proves: keys, signatures, firmware, models and the ledger."""

from mumetal.core.part import Agent, Command, Page, Part, Task
from mumetal.core.ports import PluginInfo

LEDGER_TASK = "trust.ledger"

PART = Part(
    info=PluginInfo(plugin_id="trust", title="Signs, verifies, attests and records"),
    opens="mumetal.app.inner:open_trust",
    watchers="mumetal.app.inner:signed_set_watchers",
    commands=(
        Command(name="audit", place="mumetal.serve.cli.trust.audit:app", group=True),
        Command(name="firmware", place="mumetal.serve.cli.trust.firmware:app", group=True),
        Command(name="keys", place="mumetal.serve.cli.trust.keys:app", group=True),
        Command(name="calibration", place="mumetal.serve.cli.trust.calibration:app", group=True),
        Command(name="model", place="mumetal.serve.cli.trust.model:app", group=True),
    ),
    routes=(
        "mumetal.serve.api.trust.firmware:routes",
        "mumetal.serve.pages.trust.firmware:routes",
        "mumetal.serve.pages.trust.models:routes",
        "mumetal.serve.pages.trust.audit:routes",
    ),
    pages=(
        Page(path="/firmware", title="Firmware", order=400),
        Page(path="/models", title="Models", order=410),
        Page(path="/audit", title="Audit", order=420),
    ),
    agents=(
        Agent(name="trust.models.health", verbs=("model.rollback",)),
        Agent(name="mumetal.release", verbs=("model.adopt",)),
    ),
    actions=(
        "ledger.read",
        "ledger.export",
        "model.answer",
        "model.approve",
        "model.promote",
        "model.rollback",
        "model.undo",
        "model.retire",
    ),
    tasks=(Task(task_id=LEDGER_TASK, every_s=5.0),),
)
