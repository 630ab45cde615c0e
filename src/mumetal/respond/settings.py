"""What can be set of how findings become incidents."""

from typing import Annotated

from msgspec import Meta, Struct


class TriageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How findings become incidents."""

    join_s: Annotated[float, Meta(gt=0, le=86400, description="Findings on one device so near may join, s.")] = 120.0
    repeat_s: Annotated[
        float, Meta(ge=0, le=604_800, description="The same thing in the same place pages again after so long, s.")
    ] = 30_240.0  # a tenth of the mean time between the pages of the default budget; chosen on public series
    storm_devices: Annotated[
        int,
        Meta(ge=0, le=1000, description="So many devices that show the same at once are one incident; 0 for never."),
    ] = 3
    inventory: Annotated[str, Meta(description="TOML file that names workloads and how critical they are.")] = ""
