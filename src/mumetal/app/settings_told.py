"""What was set at each start, as digests: so that a change of settings is a decision on the ledger like any other.

The values themselves stay out of it: a sink's address may name more than an auditor has to know.
"""

import hashlib

import msgspec

from mumetal.app.settings import Settings
from mumetal.core import LOCAL
from mumetal.core.ports import Ledger

START = "stack.start"
CHANGE = "settings.change"
MISS = "stack.miss"
MARK = "settings"
PAGE = 1_000
BACK = 20_000


def told(settings: Settings) -> str:
    """Return the settings in one line: each section with the first 12 hex digits of its SHA-256."""
    sections = msgspec.to_builtins(settings)
    digests = (
        f"{name}:{hashlib.sha256(msgspec.json.encode(value, order='deterministic')).hexdigest()[:12]}"
        for name, value in sections.items()
    )
    return " ".join((MARK, *digests))


def last_told(ledger: Ledger, size: int) -> str:
    """Return what was told at the last start among the newest 20,000 of ``size`` entries; empty when there was none."""
    stop = size
    while stop > max(0, size - BACK):
        start = max(0, stop - PAGE)
        for _, entry in reversed(ledger.entries(start, stop - start)):
            if entry.tenant == LOCAL and entry.action == START and entry.outcome == "done":
                return entry.why.partition(" by policy ")[0]
        stop = start
    return ""


def changes(before: str, now: str) -> list[str]:
    """Return which sections differ between two lines."""
    old, new = (dict(part.split(":", 1) for part in line.split()[1:] if ":" in part) for line in (before, now))
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
