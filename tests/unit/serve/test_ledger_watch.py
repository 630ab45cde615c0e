"""What ails the ledger is said once, as a finding; what was set is on it at each start."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.trust_keys import T0, counting
from tests.unit.trust.ledger.books import WITNESS

from mumetal.app.settings import ServeSettings, Settings
from mumetal.app.settings_told import changes, last_told, told
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity
from mumetal.core.ports import LedgerEntry
from mumetal.serve.session import Session
from mumetal.trust.keys import public as publics
from mumetal.trust.ledger import log
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.local import open_local
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.ledger.upkeep import LedgerWatch
from mumetal.trust.ledger.witness import Witness
from mumetal.trust.ledger.witness_places import places
from mumetal.watch.settings import WatchSettings

S = 10**9
DAY = 86_400 * S


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def ledger(tmp_path: Path, clock: ManualClock) -> Iterator[MerkleLedger]:
    made = open_local(tmp_path / "ledger", clock=clock, entropy=counting())
    yield made
    made.close()


def dated(t_ns: int) -> LedgerEntry:
    return LedgerEntry(tenant="local", t_ns=t_ns, actor="a", action="b", subject="c", why="d")


def rules(watch: LedgerWatch) -> list[str]:
    return [f.rule for f in watch.look()]


def test_a_tick_publishes(ledger: MerkleLedger, clock: ManualClock) -> None:
    ledger.append(dated(T0))
    assert rules(LedgerWatch(ledger, clock, skew_s=2.0)) == []
    assert ledger.published == 1


def test_a_clock_set_back_is_one_finding_and_nothing_is_lost(ledger: MerkleLedger, clock: ManualClock) -> None:
    watch = LedgerWatch(ledger, clock, skew_s=2.0)
    for t in (100, 99, 101):  # within what two clocks may differ
        ledger.append(dated(T0 + t * S))
    assert rules(watch) == []
    clock.set_ns(T0 + 50 * S)
    ledger.append(dated(clock.now_ns()))
    (found,) = watch.look()
    assert found.rule == "serve.ledger_clock_set_back"
    assert "51.0 s" in found.detail
    ledger.append(dated(T0 + 60 * S))
    assert rules(watch) == []  # the same step is told once
    clock.set_ns(T0 + 200 * S)
    ledger.append(dated(clock.now_ns()))
    assert rules(watch) == []
    ledger.append(dated(T0 + 10 * S))
    assert rules(watch) == ["serve.ledger_clock_set_back"]  # another one is told again
    assert [(e.t_ns - T0) // S for _, e in ledger.entries()] == [100, 99, 101, 50, 60, 200, 10]
    ledger.verify()


def test_a_checkpoint_that_cannot_be_written_is_one_finding(
    ledger: MerkleLedger, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    watch = LedgerWatch(ledger, clock, skew_s=2.0)
    ledger.append(dated(T0))
    with monkeypatch.context() as broken:
        broken.setattr(log, "write_whole", full)
        (found,) = watch.look()
        assert found.rule == "serve.ledger_unpublished"
        assert "1 entries are durable" in found.detail
        assert rules(watch) == []
    assert rules(watch) == []
    assert ledger.published == 1


def test_a_witness_that_is_away_late_or_refutes_is_a_finding(
    ledger: MerkleLedger, clock: ManualClock, tmp_path: Path
) -> None:
    seen = places([f"{tmp_path / 'w'}?key={tmp_path / 'w.pub'}"])
    watch = LedgerWatch(ledger, clock, skew_s=2.0, witnesses=seen)
    assert rules(watch) == ["serve.ledger_unwitnessed"]
    assert rules(watch) == []
    (tmp_path / "w.pub").write_bytes(publics.encode(WITNESS.public, "w1"))
    ledger.append(dated(T0))
    ledger.publish()
    observer = Witness(
        name="w1", signer=WITNESS, folder=tmp_path / "w", origin=ledger.origin, log_key=ledger.public, clock=clock
    )
    observer.cosign(LedgerFolder(tmp_path / "ledger"))
    assert rules(watch) == []
    clock.set_ns(T0 + 2 * DAY)
    assert rules(watch) == []  # nothing came since: there is nothing to cosign
    ledger.append(dated(T0 + 2 * DAY))
    assert rules(watch) == ["serve.ledger_unwitnessed"]

    forged = open_local(tmp_path / "forged" / "ledger", clock=clock, entropy=counting())
    forged.append_many([dated(T0 + 5), dated(T0 + 6)])
    (found,) = LedgerWatch(forged, clock, skew_s=2.0, witnesses=seen).look()
    assert (found.rule, found.severity) == ("serve.ledger_refuted", Severity.CRITICAL)
    forged.close()


@pytest.mark.parametrize("spec", ["", "w", "w?key=a&x=b", "?key=a", "w?x=a"])
def test_a_witness_is_named_with_its_key(spec: str) -> None:
    with pytest.raises(BadInputError, match=r"FOLDER\?key=FILE"):
        places([spec])


def test_what_was_set_differently_is_named_and_no_value_is(ledger: MerkleLedger) -> None:
    first = Settings(sinks=("syslog:secret.example",))
    second = msgspec.structs.replace(first, watch=WatchSettings(learning_rows=99), sinks=())
    assert changes(told(first), told(first)) == []
    assert changes(told(first), told(second)) == ["sinks", "watch"]
    assert "secret" not in told(first)
    assert last_told(ledger, ledger.size) == ""


def test_each_start_says_what_was_set_and_says_where_the_key_is(tmp_path: Path) -> None:
    base = Settings(store=StoreSettings(directory=str(tmp_path / "s")), serve=ServeSettings(port=0))
    said: list[str] = []
    for settings in (base, base, msgspec.structs.replace(base, watch=WatchSettings(learning_rows=99))):
        with Session(settings, SystemClock(), None, said.append):
            pass
    entries = [e for _, e in LedgerReader(tmp_path / "s" / "ledger").entries()]
    starts = [(e.action, e.outcome) for e in entries if e.action in {"stack.start", "settings.change"}]
    once = [("stack.start", ""), ("stack.start", "done")]
    assert starts == [*once, *once, ("settings.change", ""), ("settings.change", "done"), *once]
    changed = next(e for e in entries if e.action == "settings.change")
    assert (changed.why, changed.policy) == ("changed since the last start: watch", "access.local.operator@2")
    assert len(said) == 1
    assert "ledger.key" in said[0]
    secret = (tmp_path / "s" / "ledger.key").read_text()
    assert not any(part in said[0] for part in secret.split('"') if len(part) > 20)


def test_a_key_that_is_named_is_noted_and_used_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_KEY", "ab" * 32 + "cd" * 32)
    first = ledgers.open_ledger(tmp_path, SystemClock(), key="env:LOG_KEY")
    public = first.public
    first.close()
    assert not (tmp_path / "ledger.key").exists()
    again = ledgers.open_ledger(tmp_path, SystemClock())
    assert again.public == public
    again.close()
