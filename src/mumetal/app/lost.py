"""What is gone from a store though something else knows of it: whoever removes a part must remove every trace of it."""

from collections.abc import Iterator
from pathlib import Path

from mumetal.app.settings import Settings, path_in
from mumetal.app.settings_told import START
from mumetal.connect.api import has_records
from mumetal.core.errors import MumetalError
from mumetal.trust.api import (
    FORMER_LEDGER,
    LEDGER_CHECKPOINT,
    LEDGER_FOLDER,
    MODELS_FOLDER,
    MODELS_ROOT_FILE,
    LedgerReader,
    saw_any_checkpoint,
    witness_places,
)

TELEMETRY = "telemetry"
LOOKED = 2_000  # of the ledger's first and newest entries each


def lost(settings: Settings) -> tuple[str, ...]:
    """Return what is gone, a sentence each; nothing where a store was never begun."""
    store = path_in(settings)
    there = {
        "the records of incidents": has_records(store),
        "the rows that were read": (store / TELEMETRY).exists(),
        "the registry of models": (store / MODELS_FOLDER / MODELS_ROOT_FILE).exists(),
    }
    if has_ledger(store):
        return tuple(
            f"{what} of {store} are gone: the ledger has decisions about them"
            for what in _decided(store)
            if not there[what]
        )
    knows = [what for what, is_there in there.items() if is_there]
    knows += [
        f"{name} beside it" for name in (f"{LEDGER_FOLDER}.key", f"{LEDGER_FOLDER}.key.uri") if (store / name).exists()
    ]
    knows += [f"the witness in {w.folder}" for w in witness_places(settings.witnesses) if saw_any_checkpoint(w.folder)]
    gone = "has no checkpoint any more" if (store / LEDGER_FOLDER).exists() else "is gone"
    return (f"the ledger of {store} {gone}: {', '.join(knows)} know of it",) if knows else ()


def has_ledger(store: Path) -> bool:
    """Say whether a store has a ledger: from its first moment on it has a checkpoint, so a folder without one is none."""
    folder = store / LEDGER_FOLDER
    return (folder / LEDGER_CHECKPOINT).exists() or (not folder.exists() and (store / FORMER_LEDGER).exists())


def _decided(store: Path) -> Iterator[str]:
    """Yield what the ledger's entries say that there was; a ledger that cannot be read is told by whoever opens it."""
    try:
        reader = LedgerReader(store / LEDGER_FOLDER)
        entries = [
            e for _, e in (*reader.entries(0, LOOKED), *reader.entries(max(LOOKED, reader.count - LOOKED), LOOKED))
        ]
    except MumetalError:
        return
    if any(e.action == START for e in entries):
        yield "the records of incidents"
        yield "the rows that were read"
    if any(e.action.startswith("model.") and e.outcome == "done" for e in entries):
        yield "the registry of models"
