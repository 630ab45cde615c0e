"""What can be set of how streams are watched."""

from typing import Annotated

from msgspec import Meta, Struct

SLOW_S = 6 * 3_600.0  # a slow stream is learnt from no longer than this, …
FEWEST_ROWS = 64  # … if it has so many rows by then


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

    def rows(self, rate_hz: float, most: int) -> int:
        """Return how many rows a stream is learnt from before it is scored.

        Args:
            rate_hz: Its rows a second; 0 while that is not known.
            most: Rows that are enough for a fast one.
        """
        slow = max(FEWEST_ROWS, int(SLOW_S * rate_hz)) if rate_hz > 0 else self.learning_rows
        return max(min(self.learning_rows, slow), min(most, int(self.learning_s * rate_hz)))
