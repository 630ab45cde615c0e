"""The part that scans: what it adds to the command line, the API and the pages."""

from mumetal.core.part import Agent, Command, Page, Part
from mumetal.core.ports import PluginInfo

PART = Part(
    info=PluginInfo(plugin_id="scan", title="Scans code, files, histories and circuits"),
    opens="mumetal.app.inner:open_scan",
    settings="mumetal.scan.settings:ScanSettings",
    commands=(Command(name="scan", place="mumetal.serve.cli.scan.scan:app", group=True),),
    routes=("mumetal.serve.api.scan.scans:routes", "mumetal.serve.pages.scan.scans:routes"),
    pages=(Page(path="/scans", title="Scans", order=200),),
    agents=(Agent(name="mumetal.scan", verbs=("incident.change",)),),
    actions=("scan.file", "credential.revoke"),
)
