"""What is expected of a figure, with an interval that is meant to hold."""

import math
from dataclasses import dataclass

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError
from mumetal.core.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One figure of one subject at a later time.

    Args:
        tenant: Who owns the data.
        subject: Of what.
        figure: Which figure, such as ``"q3.T1"``.
        unit: SI unit of ``median``, ``low`` and ``high``.
        made_ns: When it was made, nanoseconds since 1970 UTC.
        at_ns: For when.
        median: As likely above as below.
        low: Lower end of the interval.
        high: Upper end of the interval.
        coverage: Share of such intervals that are to hold the truth, in (0, 1).
        model_version: Version of what made it.
    """

    tenant: str = LOCAL
    subject: Subject
    figure: str
    unit: str
    made_ns: int
    at_ns: int
    median: float
    low: float
    high: float
    coverage: float
    model_version: str = "1"

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.figure, "figure")
        check.time_ns(self.made_ns, "time of the forecast")
        check.time_ns(self.at_ns, "time forecast")
        if self.at_ns <= self.made_ns:
            raise BadInputError("a forecast is about a later time than its own")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.median <= self.high):
            raise BadInputError(f"the interval [{self.low}, {self.high}] does not hold the median {self.median}")
        if not 0 < self.coverage < 1:
            raise BadInputError(f"coverage {self.coverage} is not strictly between 0 and 1")
