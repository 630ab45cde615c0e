"""Settings: one TOML file, every field with unit, bounds and description; each part reads a section of its own.

``docs/reference/settings.md`` is generated from the sections; a field without a description fails the build.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from mumetal.app.logs.settings import LogSettings
from mumetal.connect.api import StoreSettings
from mumetal.core.settings import read_toml
from mumetal.respond.api import TriageSettings
from mumetal.scan.api import ScanSettings
from mumetal.watch.api import WatchSettings


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


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    store: StoreSettings = StoreSettings()
    watch: WatchSettings = WatchSettings()
    triage: TriageSettings = TriageSettings()
    serve: ServeSettings = ServeSettings()
    scan: ScanSettings = ScanSettings()
    logs: LogSettings = LogSettings()
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


def path_in(settings: Settings, *parts: str) -> Path:
    """Return a path inside the store's folder."""
    return Path(settings.store.directory, *parts)
