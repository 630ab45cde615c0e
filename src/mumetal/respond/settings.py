"""What can be set of how findings become incidents."""

from typing import Annotated

from msgspec import Meta, Struct


class TriageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How findings become incidents."""

    join_s: Annotated[float, Meta(gt=0, le=86400, description="Findings on one device so near may join, s.")] = 120.0
    inventory: Annotated[str, Meta(description="TOML file that names workloads and how critical they are.")] = ""
