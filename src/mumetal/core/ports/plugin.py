"""What every plug-in says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What a plug-in says of itself, declared once beside the code.

    Args:
        plugin_id: Dotted id that follows the path: ``"watch.detectors.cusum"``.
        title: What it does, in a few words.
        reference: Author, year and DOI or arXiv id of the method, or the specification read.
        techniques: Technique ids it answers.
        min_history: Rows a detector needs before it can score; 0 for other plug-ins.
    """

    plugin_id: str
    title: str
    reference: str = ""
    techniques: tuple[str, ...] = ()
    min_history: int = 0
