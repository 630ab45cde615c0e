"""The part's section of the settings: ``[parts.tally]``."""

from typing import Annotated

from msgspec import Meta, Struct


class TallySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not be done."""

    forbidden: Annotated[tuple[str, ...], Meta(max_length=100, description="Activities that nobody may do.")] = ()
    flood: Annotated[int, Meta(ge=1, description="Events of one device that are too many.")] = 1_000_000
