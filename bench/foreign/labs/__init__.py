"""The layouts."""

from bench.foreign.lab import LabKind
from bench.foreign.labs import cold, counts, fast, particles, rooms

LABS: dict[str, LabKind] = {kind.name: kind for part in (cold, particles, rooms, counts, fast) for kind in part.KINDS}
