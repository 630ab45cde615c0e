"""What every plug-in says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mumetal.core.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How what a plug-in finds is told to a person.

    Args:
        title: One line; ``{channel}``, ``{device}`` and ``{stream}`` are filled in.
        severity: How bad it is if true.
        remedy: What to do about it.
    """

    title: str
    severity: Severity
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What a plug-in says of itself, declared once beside the code.

    Args:
        plugin_id: Dotted id that follows the path: ``"watch.detectors.cusum"``.
        title: What it does, in a few words.
        reference: Author, year and DOI or arXiv id of the method, or the specification read.
        techniques: Technique ids it answers.
        min_history: Rows a detector needs before it can score; 0 for other plug-ins.
        family: Of a detector on live streams: exceedances of one family are one finding; empty where it watches none.
        needs: Of such a detector: what a live stream must have, in words.
        words: How its findings are told; without them by what kind of stream they are on.
    """

    plugin_id: str
    title: str
    reference: str = ""
    techniques: tuple[str, ...] = ()
    min_history: int = 0
    family: str = ""
    needs: str = "any channel"
    words: Words | None = None
