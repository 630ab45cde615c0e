"""The twin's part: a lab to practise on."""

from mumetal.core.part import Command, Part
from mumetal.core.ports import PluginInfo

PART = Part(
    info=PluginInfo(plugin_id="twin", title="A quantum lab that runs on a laptop"),
    commands=(Command(name="twin", place="mumetal.serve.cli.twin.twin:app", group=True),),
)
