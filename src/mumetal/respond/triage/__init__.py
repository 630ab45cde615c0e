"""Findings become a short, ranked list of incidents; pure, no I/O."""

from mumetal.respond.triage.board import Triage
from mumetal.respond.triage.inventory import Inventory, Workload, decode_inventory

__all__ = ["Inventory", "Triage", "Workload", "decode_inventory"]
