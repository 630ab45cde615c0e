"""What the faces need of the part that scans."""

from dataclasses import dataclass

from mumetal.app.pipeline.filing import Filing
from mumetal.core.records import SightingRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class Scans:
    """Where reports are filed, and what was found."""

    filing: Filing
    rows: SightingRecords
