"""How the package's own parts are opened: they join rooms, so they are opened here and not in their rooms."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from mumetal.app.models.health import ModelHealth, Pace
from mumetal.app.models.live import LiveModels
from mumetal.app.pipeline.filing import Filing
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding
from mumetal.core.part import Health, HealthState, House, Idle, Running
from mumetal.core.ports import Watcher
from mumetal.trust.api import LedgerWatch, SignedFolder, SignedSetWatcher
from mumetal.watch.api import TimingCodes, WatchSettings, watchers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerHouse(House):
    """What the package's own parts are given besides.

    Args:
        background: Where detectors are fitted anew; None for the thread that scores.
        models: The models of the registry.
        pace: How often their health is looked at; None for the usual.
        failed: Told when a thread dies of an error, so that the stack can stop aloud.
        upkeep: Looks after the ledger; None where somebody else does.
        signed: What explains a change of calibration; None where none is asked for.
        codes: Pulse timing codes of the lab's own; None where there are none.
        filing: Takes reports of scans in.
        signatures: Clock that signatures are checked at; None for the house's own.
    """

    background: Executor | None
    models: LiveModels
    pace: Pace | None
    failed: Callable[[BaseException], None]
    upkeep: LedgerWatch | None
    signed: SignedFolder | None
    codes: TimingCodes | None
    filing: Filing
    signatures: Clock | None = None


def _inner(house: House) -> InnerHouse:
    assert isinstance(house, InnerHouse)
    return house


class ScanRunning(Idle):
    """Takes reports of scans in.

    Args:
        filing: Does it.
    """

    def __init__(self, filing: Filing) -> None:
        self.filing = filing


class TrustRunning(Idle):
    """Looks after models and the ledger.

    Args:
        models: The models of the registry.
        checks: Looks after their health, in a thread of its own.
        upkeep: Looks after the ledger; None where somebody else does.
    """

    def __init__(self, models: LiveModels, checks: ModelHealth, upkeep: LedgerWatch | None) -> None:
        self.models = models
        self._checks, self._upkeep = checks, upkeep

    def start(self) -> None:
        """Begin to look after the models."""
        self._checks.start()

    def stop(self, within_s: float) -> None:
        """End it."""
        del within_s
        self._checks.stop()

    def health(self) -> Health:
        """Say which models are missing, and which were given rows that they do not score."""
        if not self.models.words:
            return Health(reason=self.models.outside_words)
        return Health(state=HealthState.FAILED, reason=self.models.words, mend="see `mumetal model verify`")

    def run(self, task_id: str) -> Sequence[Finding]:
        """Publish the ledger's checkpoint, and say what ails it."""
        del task_id
        return self._upkeep.look() if self._upkeep is not None else ()


def open_scan(house: House) -> Running:
    """Open the part that scans."""
    return ScanRunning(_inner(house).filing)


def open_trust(house: House) -> Running:
    """Open the part that proves."""
    inner = _inner(house)
    checks = ModelHealth(inner.models, inner.store, inner.report, inner.clock, inner.failed, inner.pace)
    return TrustRunning(inner.models, checks, inner.upkeep)


def stream_watchers(house: House) -> Sequence[Watcher]:
    """Return the watch room's watchers."""
    inner = _inner(house)
    assert isinstance(house.settings, WatchSettings)
    codes = () if inner.codes is None else (inner.codes,)
    return watchers_of(house.settings, house.budget, inner.background, inner.models.watching, codes)


def signed_set_watchers(house: House) -> Sequence[Watcher]:
    """Return what holds calibration sets against signatures, where the lab asks for it."""
    inner = _inner(house)
    checked_at = inner.clock if inner.signatures is None else inner.signatures
    return () if inner.signed is None else (SignedSetWatcher(inner.signed, inner.store.snapshots, checked_at),)
