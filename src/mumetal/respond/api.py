"""The front door of respond: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.respond.reports.markdown import escaped as escaped_markdown
    from mumetal.respond.reports.markdown import report as incident_report
    from mumetal.respond.settings import TriageSettings
    from mumetal.respond.triage import Inventory, Triage, decode_inventory

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
