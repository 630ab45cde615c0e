"""Settings: one TOML file, every field with unit, bounds and description.

``docs/reference/settings.md`` is generated from this module; a field without a description fails the build.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError

MAX_SETTINGS_BYTES = 1_000_000


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where data are kept, and for how long."""

    directory: Annotated[str, Meta(description="Folder for the log, the hot tier and the incidents.")] = ".mumetal"
    queue_mib: Annotated[int, Meta(ge=1, le=4096, description="Most that may wait to be committed, MiB.")] = 64
    hot_hours: Annotated[float, Meta(gt=0, le=8760, description="Age at which samples move to Parquet, h.")] = 24.0
    keep_days: Annotated[float, Meta(gt=0, le=36500, description="Age at which Parquet is deleted, days.")] = 365.0
    lateness_s: Annotated[float, Meta(ge=0, le=86400, description="Later rows are stored, not re-scored, s.")] = 120.0


class WatchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How streams are watched."""

    alerts_per_week: Annotated[
        float, Meta(gt=0, le=1000, description="False pages a week that you accept over all devices, 1/week.")
    ] = 2.0
    learning_rows: Annotated[
        int, Meta(ge=64, le=1_000_000, description="Rows a stream is learnt from before it is scored.")
    ] = 600
    learning_s: Annotated[
        float, Meta(ge=0, le=86_400, description="Least time a stream is learnt from, up to 20,000 rows, s.")
    ] = 300.0
    silence_factor: Annotated[
        float, Meta(ge=2, le=1000, description="A source silent for this many of its own intervals is a finding.")
    ] = 20.0
    stale_hours: Annotated[float, Meta(gt=0, le=8760, description="Age at which a calibrated figure is stale, h.")] = (
        347.0
    )
    clock_skew_s: Annotated[
        float, Meta(gt=0, le=3600, description="Difference between two clocks that is a finding, s.")
    ] = 2.0
    timing_codes: Annotated[str, Meta(description="TOML or JSON file of pulse timing codes of your own.")] = ""


class TriageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How findings become incidents."""

    join_s: Annotated[float, Meta(gt=0, le=86400, description="Findings on one device so near may join, s.")] = 120.0
    inventory: Annotated[str, Meta(description="TOML file that names workloads and how critical they are.")] = ""


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


class ScanSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How code and files are scanned; ``[tool.mumetal.scan]`` in ``pyproject.toml`` takes the same fields."""

    fail_on: Annotated[
        Literal["none", "info", "low", "medium", "high", "critical"],
        Meta(description="Least severity of a finding that makes `mumetal scan` end with 1."),
    ] = "low"
    only: Annotated[
        tuple[str, ...], Meta(max_length=16, description="Kinds to look for: secrets, code, …; empty looks for all.")
    ] = ()
    exclude: Annotated[
        tuple[str, ...], Meta(max_length=1_000, description="Paths left out, as patterns such as `tests/data/*`.")
    ] = ()
    baseline: Annotated[str, Meta(description="File with known findings, which are counted and not told.")] = ""
    max_file_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="Larger files are named and not read, MiB.")] = (
        4_096
    )


LogLevel = Literal["debug", "info", "warning", "error"]
LogRoom = Literal[
    "app", "serve", "connect", "watch", "scan", "trust", "access", "decoy", "respond", "redteam", "assess", "twin", "uvicorn"
]  # fmt: skip


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a running stack writes down about itself; `mumetal status` says where."""

    format: Annotated[Literal["json", "text"], Meta(description="One JSON object a line, or `text` for people.")] = (
        "json"
    )
    level: Annotated[LogLevel, Meta(description="Least level: `debug`, `info`, `warning` or `error`.")] = "info"
    levels: Annotated[
        dict[LogRoom, LogLevel],
        Meta(description='Levels of single rooms, such as `{ watch = "debug", uvicorn = "info" }`.'),
    ] = {}
    file: Annotated[str, Meta(description="File, mode 0600; empty takes `log.jsonl` (`log.txt`) in the store.")] = ""
    max_mib: Annotated[
        int, Meta(ge=1, le=4096, description="Size at which a file is full and the next begins, MiB.")
    ] = 16
    keep: Annotated[int, Meta(ge=0, le=100, description="Full files that are kept beside the one being written.")] = 4
    stderr: Annotated[bool, Meta(description="Whether the lines go to the standard error stream too.")] = False


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
    if len(text) > MAX_SETTINGS_BYTES:
        raise BadInputError(f"settings are larger than {MAX_SETTINGS_BYTES} bytes", where=where)
    try:
        return msgspec.toml.decode(text, type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error), where=where, hint="see docs/reference/settings.md") from None


def path_in(settings: Settings, *parts: str) -> Path:
    """Return a path inside the store's folder."""
    return Path(settings.store.directory, *parts)
