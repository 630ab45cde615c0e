"""Settings: one TOML file, every field with unit, bounds and description; each part reads a section of its own.

``docs/reference/settings.md`` is generated from the sections; a field without a description fails the build.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mumetal.app.logs.settings import LogSettings
from mumetal.connect.api import StoreSettings
from mumetal.core.errors import BadInputError
from mumetal.core.part import Part, looked_up
from mumetal.core.settings import read_toml
from mumetal.respond.api import TriageSettings
from mumetal.scan.api import ScanSettings
from mumetal.watch.api import WatchSettings

DEFAULT_FILE = Path("mumetal.toml")


class ServeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where people and programs meet it."""

    host: Annotated[str, Meta(description="Address to listen on; off loopback TLS and an identity are needed.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="Port of the pages and the API; 0 takes a free one.")] = 8470
    tls_certificate: Annotated[str, Meta(description="PEM file with the server's certificate chain.")] = ""
    tls_key: Annotated[str, Meta(description="PEM file with the server's private key.")] = ""
    client_ca: Annotated[str, Meta(description="PEM file with the authority that signs clients' certificates.")] = ""
    max_body_mib: Annotated[int, Meta(ge=1, le=1024, description="Largest body the push door takes, MiB.")] = 64


class PluginSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plug-ins of other installed packages are loaded; every start names those that are installed."""

    allow: Annotated[
        tuple[str, ...], Meta(max_length=1_000, description="Ids that may be loaded; `*` stands for all installed.")
    ] = ("*",)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    store: StoreSettings = StoreSettings()
    watch: WatchSettings = WatchSettings()
    triage: TriageSettings = TriageSettings()
    serve: ServeSettings = ServeSettings()
    scan: ScanSettings = ScanSettings()
    logs: LogSettings = LogSettings()
    plugins: PluginSettings = PluginSettings()
    parts: Annotated[
        dict[str, dict[str, Any]],
        Meta(max_length=100, description="A table for each part of another package, by its id."),
    ] = {}
    sources: Annotated[tuple[str, ...], Meta(max_length=256, description="Sources to read, KIND:PLACE each.")] = ()
    sinks: Annotated[tuple[str, ...], Meta(max_length=64, description="Sinks to write, KIND:PLACE each.")] = ()
    ledger_key: Annotated[str, Meta(description="URI of the ledger's key [default: made at the first start].")] = ""
    witnesses: Annotated[tuple[str, ...], Meta(max_length=16, description="What witnesses kept, FOLDER?key=FILE.")] = ()
    calibrations: Annotated[str, Meta(description="Signed recalibrations, FOLDER?roots=FOLDER&pin=SHA256.")] = ""
    approvals: Annotated[str, Meta(description="Demand signed approvals, ROOTS?pin=SHA256[&role=approval].")] = ""


def decode(text: bytes, where: str = "settings") -> Settings:
    """Decode settings from TOML.

    Raises:
        BadInputError: Not TOML, an unknown field, or a value out of bounds; says which.
    """
    return read_toml(text, Settings, where)


def readable(settings: Settings) -> Settings:
    """Return settings whose every text can be written as UTF-8.

    Raises:
        BadInputError: A text has bytes that are none, as a name on the command line may; says of which setting.
    """
    for name in settings.__struct_fields__:
        section = getattr(settings, name)
        inner = section.__struct_fields__ if isinstance(section, Struct) else ()
        for place, value in [(f"{name}.{field}", getattr(section, field)) for field in inner] or [(name, section)]:
            try:
                msgspec.json.encode(value)
            except UnicodeEncodeError:
                raise BadInputError("this is no UTF-8 text", where=place, hint="use names in UTF-8") from None
    return settings


class _OnlyPlugins(Struct, frozen=True):
    plugins: PluginSettings = PluginSettings()


def plugins_allowed(file: Path) -> tuple[str, ...]:
    """Return which plug-ins a settings file allows; all where there is no file.

    Raises:
        BadInputError: It cannot be read, or says something impossible of plug-ins.
    """
    if not file.exists():
        return PluginSettings().allow
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadInputError(error.strerror or str(error), where=str(file)) from None
    return read_toml(text, _OnlyPlugins, str(file)).plugins.allow


def section_of(settings: Settings, part: Part, own: Collection[str]) -> object:
    """Return a part's section: a field of the settings for the package's own, a table of ``[parts]`` for others.

    Args:
        settings: What was set.
        part: Whose section.
        own: Ids of the package's own parts.

    Raises:
        BadInputError: A field of it is unknown or out of bounds; says which.
    """
    if part.part_id in own:
        return getattr(settings, part.part_id, None)
    given = settings.parts.get(part.part_id, {})
    where = f"parts.{part.part_id}"
    if not part.settings:
        if given:
            raise BadInputError("this part has no settings", where=where, hint="take its table out")
        return None
    kind = looked_up(part.settings)
    assert isinstance(kind, type)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BadInputError(str(error), where=where, hint="see the part's own documentation") from None


def path_in(settings: Settings, *parts: str) -> Path:
    """Return a path inside the store's folder."""
    return Path(settings.store.directory, *parts)
