"""Fakes of the ports that triage, sinks, trust, access and the range need: small, honest, in memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from tests.people import allowed

from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.check import LATEST_NS
from mumetal.core.delivery import Datum, Delivery, Quarantined, Receipt
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import Decision, LedgerEntry, PluginInfo, Request, Truth
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.redteam.range import StackAddress

T0 = 1_800_000_000 * 10**9


class FakeSink:
    """Keeps what it is given; can be away, and can refuse titles."""

    info = PluginInfo(plugin_id="tests.fake_sink", title="A list")

    def __init__(self) -> None:
        self.got: list[Finding | Incident] = []
        self.away = False
        self.refuses = ""
        self.closed = False

    def deliver(self, items: Sequence[Finding | Incident]) -> None:
        if self.away:
            raise UnavailableError("away")
        if self.refuses and any(self.refuses in i.title for i in items):
            raise BadInputError(f"refuses {self.refuses}")
        self.got.extend(items)

    def close(self) -> None:
        self.closed = True


class FakeAuthorizer:
    """Permits exactly the requests it was told."""

    def __init__(self, *allowed: Request) -> None:
        self._allowed = set(allowed)

    def authorize(self, request: Request) -> Decision:
        try:
            known = request in self._allowed
        except TypeError:
            known = False
        if not known:
            raise RejectedError("denied")
        return allowed(request)


class FakeVerifier:
    """Knows whole contents."""

    def __init__(self, *good: bytes) -> None:
        self._good = set(good)

    def verify(self, artefact: Artefact) -> None:
        if artefact.data not in self._good:
            raise RejectedError("step 1: unknown bytes", where=artefact.uri)


class FakeLedger:
    """A list."""

    def __init__(self) -> None:
        self._kept: list[tuple[LedgerEntry, str]] = []
        self._lock = Lock()

    def append(self, entry: LedgerEntry) -> int:
        with self._lock:
            self._kept.append((entry, hashlib.sha256(repr(entry).encode()).hexdigest()))
            return len(self._kept) - 1

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        return [(i, e) for i, (e, _) in enumerate(self._kept)][start : start + limit]

    def verify(self) -> None:
        for entry, digest in self._kept:
            if hashlib.sha256(repr(entry).encode()).hexdigest() != digest:
                raise RejectedError("altered")


class FakeModels:
    """Models in a dictionary."""

    def __init__(self, good: dict[str, bytes], bad: dict[str, bytes]) -> None:
        self._good, self._bad = good, bad

    def load(self, name: str) -> Artefact:
        if name in self._bad:
            raise RejectedError("altered", where=name)
        if name not in self._good:
            raise BadInputError("no such model", where=name)
        return Artefact(uri=name, kind="model", data=self._good[name])


class FakeTwin:
    """A twin in which nothing happens unless told."""

    def __init__(self) -> None:
        self._truth: list[Truth] = []
        self._now = T0
        self.speaks_with = self.opens_with = ""
        self.stopped = False

    def start(self, push_url: str, push_token: str) -> None:
        self.speaks_with, self.opens_with = push_url, push_token

    def stop(self) -> None:
        self.stopped = True

    def advance(self, seconds: float) -> Sequence[Datum]:
        self._now += round(seconds * 1e9)
        return [Event(event_id=str(self._now), t_ns=self._now, activity="tick")]

    def perturb(self, name: str, strength: float, duration_s: float) -> Truth:
        stop = self._now + round(duration_s * 1e9)
        truth = Truth(kind="attack", name=name, device="twin", start_ns=self._now, stop_ns=stop, strength=strength)
        self._truth.append(truth)
        return truth

    def truth(self) -> Sequence[Truth]:
        return tuple(self._truth)


class FakeStack:
    """A stack of a ground: keeps a store, answers nothing."""

    def __init__(self, folder: Path, settings: Settings | None = None, url: str = "http://127.0.0.1:1") -> None:
        here = Settings(
            store=StoreSettings(directory=str(folder)), serve=ServeSettings(port=0), plugins=PluginSettings(allow=())
        )
        self.settings = settings or here
        self.keys = (f"file:{folder / 'a.key'}",)
        self.folder, self.url = folder, url
        self.store: FakeStore | None = None

    @contextmanager
    def open(self) -> Iterator[StackAddress]:
        self.store = FakeStore(self.folder)
        yield StackAddress(url=self.url, operator="o" * 64, senders="s" * 64)
        self.store.close()


class FakeStore:
    """Keeps deliveries in a list and a marker file in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.closed = False
        self._kept: list[Delivery] = []
        (folder / "marker").write_text("here")

    def append(self, delivery: Delivery) -> Receipt:
        self._kept.append(delivery)
        return Receipt(sequence=len(self._kept), digest="0" * 64, fresh=delivery.data)

    def cursor(self, source: str) -> str:
        return next((d.cursor for d in reversed(self._kept) if d.source == source), "")

    def tenants(self) -> Sequence[str]:
        return sorted({d.tenant for d in self._kept})

    def streams(self, tenant: str) -> Sequence[tuple[str, str]]:
        return ()

    def series(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Iterator[Series]:
        return iter(())

    def events(self, tenant: str, start_ns: int, stop_ns: int, limit: int = 10_000) -> Sequence[Event]:
        found = [x for d in self._kept for x in d.data if isinstance(x, Event) and x.tenant == tenant]
        return [e for e in found if start_ns <= e.t_ns < stop_ns][:limit]

    def snapshots(
        self, tenant: str, device: str, limit: int = 100, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        return ()

    def calibrated(self) -> Sequence[tuple[str, str]]:
        return ()

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        return ()

    def evidence(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Evidence:
        return Evidence.of_series(device, stream, start_ns, stop_ns)

    def thinned(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int
    ) -> Sequence[Series]:
        return ()

    def maintain(self, now_ns: int) -> None:
        del now_ns

    def close(self) -> None:
        self.closed = True


def counting_entropy() -> Callable[[int], bytes]:
    """Return a source of bytes that never repeats, for tests that must be repeatable."""
    calls = iter(range(1, 1_000))
    return lambda n: bytes([next(calls) % 256]) * n
