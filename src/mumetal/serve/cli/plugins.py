"""``mumetal plugins``: what other installed packages bring, and whether it is loaded."""

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, SettingsOption


def plugins(*, settings: SettingsOption = None, as_json: JsonOption = False) -> int:
    """List the plug-ins and parts of other installed packages, and which of them the settings allow."""
    from mumetal.app import wiring
    from mumetal.app.parts import installed_plugins

    found = installed_plugins(wiring.load(settings, wiring.Overrides()).plugins.allow)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return 0
    if not found:
        typer.echo("No other package brings a plug-in.")
    for plugin in found:
        typer.echo(
            f"{plugin.kind:14} {plugin.plugin_id:32} {plugin.package}{'' if plugin.allowed else '  (not allowed)'}"
        )
    return 0
