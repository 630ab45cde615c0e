"""Blob sources: where artefacts come from. Links are never followed, archives are bounded, nothing is run."""

from mumetal.scan.sources.changes import Changes, Delta
from mumetal.scan.sources.history import History
from mumetal.scan.sources.limits import Limits, Report
from mumetal.scan.sources.stream import Follow, Stream
from mumetal.scan.sources.tree import WorkTree

__all__ = ["Changes", "Delta", "Follow", "History", "Limits", "Report", "Stream", "WorkTree"]
