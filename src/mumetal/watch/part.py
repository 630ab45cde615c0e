"""The part that watches: what it adds to the command line, the API and the pages."""

from mumetal.core.part import Command, Page, Part
from mumetal.core.ports import PluginInfo

PART = Part(
    info=PluginInfo(plugin_id="watch", title="Watches streams, calibrations and records"),
    settings="mumetal.watch.settings:WatchSettings",
    watchers="mumetal.app.inner:stream_watchers",
    commands=(
        Command(name="up", place="mumetal.serve.cli.watch.up:up"),
        Command(name="watch", place="mumetal.serve.cli.watch.once:watch"),
        Command(name="power", place="mumetal.serve.cli.watch.power:power"),
    ),
    routes=(
        "mumetal.serve.api.watch.routes:routes",
        "mumetal.serve.pages.watch.routes:routes",
    ),
    pages=(
        Page(path="/", title="Overview", order=0),
        Page(path="/power", title="Power", order=100),
        Page(path="/quarantine", title="Quarantine", order=300),
    ),
)
