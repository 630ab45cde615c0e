"""What can be set of where data are kept."""

from typing import Annotated

from msgspec import Meta, Struct


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where data are kept, and for how long."""

    directory: Annotated[str, Meta(description="Folder for the log, the hot tier and the incidents.")] = ".mumetal"
    queue_mib: Annotated[int, Meta(ge=1, le=4096, description="Most that may wait to be committed, MiB.")] = 64
    max_streams: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Streams of a tenant; new ones beyond are refused.")
    ] = 2_000
    reserve_mib: Annotated[
        int, Meta(ge=0, le=1_048_576, description="New data are refused while less is free on the disk, MiB.")
    ] = 256
    hot_hours: Annotated[float, Meta(gt=0, le=8760, description="Age at which samples move to Parquet, h.")] = 24.0
    keep_days: Annotated[float, Meta(gt=0, le=36500, description="Age at which Parquet is deleted, days.")] = 365.0
    lateness_s: Annotated[float, Meta(ge=0, le=86400, description="Later rows are stored, not re-scored, s.")] = 120.0
