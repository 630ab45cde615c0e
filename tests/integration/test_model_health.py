"""A real stack whose model sickens: a finding, the last good version back within the bound, the page says it, undone."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from tests.model_files import AllowAll, background, pca_model, promises
from tests.people import who
from tests.web_client import WebClient

from mumetal.app import wiring
from mumetal.app.models.health import ModelHealth, Pace
from mumetal.app.models.live import LiveModels
from mumetal.app.settings import ServeSettings, Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.series import Channel, Series
from mumetal.respond.triage import Inventory
from mumetal.serve.web import create_app
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.models import lineage
from mumetal.trust.models import opening as models
from mumetal.trust.models.gates import REQUIRED
from mumetal.trust.models.lifecycle import HEALTH_AGENT
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateOutcome, GateReport
from mumetal.watch.learned import RowModel
from mumetal.watch.settings import WatchSettings

S = 10**9
T0 = 1_790_000_000 * S
DAY = 86_400
PACE = Pace(tick_s=3_600, look_s=480, reference_s=1_600, rows=480, settle_s=0)


class Ground:
    """A stack on a clock of its own, with two versions of a model and a stream they watch."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(T0)
        self.settings = Settings(
            store=StoreSettings(directory=str(folder)), watch=WatchSettings(learning_rows=600, learning_s=0)
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = ledgers.open_ledger(folder, self.clock)
        self.desk = models.attach(
            folder, ledger=self.ledger, authorizer=AllowAll(), clock=self.clock, principal=who(), owner="operator"
        )
        self.models = LiveModels(self.desk)
        self.closing = ExitStack()
        stores = self.closing.enter_context(wiring.opened_stores(self.settings, self.clock))
        self.stack = Stack(
            self.settings,
            self.clock,
            store=stores.store,
            records=stores.records,
            inventory=Inventory(),
            ledger=self.ledger,
            authorizer=wiring.authorizer(),
            models=self.models,
            pace=PACE,
        )
        self.folder = folder
        self.found: list[str] = []
        self.health = ModelHealth(
            self.models, self.stack.store, lambda f: self.found.append(f.rule), self.clock, self.fail, PACE
        )

    def fail(self, error: BaseException) -> None:
        raise error

    def active(self, data: bytes) -> str:
        act = self.desk.lifecycle
        version = act.register(who("ada"), "cryo", data, promises())
        before = self.desk.registry.record("cryo").in_state(State.ACTIVE)
        said = tuple(GateOutcome(gate=g, passed=True, reason="measured") for g in sorted(REQUIRED))
        report = GateReport(
            name="cryo",
            version=version,
            against=before.version if before else "",
            data="0" * 64,
            t_ns="1",
            outcomes=said,
        )
        act.promote(who("ada"), "cryo", version, report)
        for _ in range(2):
            act.approve(who("bob"), "cryo", version)
            act.promote(who("ada"), "cryo", version)
        self.models.refresh()
        return version

    def rows(self, seconds: int, seed: int, shift: float = 0.0) -> None:
        """Let time pass with a row a second, the fourth channel moved by ``shift``."""
        values = background(seconds, seed)
        values[:, 3] += shift
        t_ns = self.clock.now_ns() + np.arange(seconds) * S
        channels = tuple(Channel(name=f"c{i}", unit="K") for i in range(4))
        self.stack.push(
            Delivery(
                source="test",
                data=(Series(device="d", stream="s", channels=channels, t_ns=t_ns, values=values),),
                cursor="",
            )
        )
        self.clock.sleep(seconds)

    def page(self) -> str:
        app = create_app(self.stack, ServeSettings(), ledger=self.ledger, models=self.models)
        return WebClient(app).get("/models/cryo").text

    @property
    def version(self) -> str:
        return dict(self.desk.registry.load("cryo").facts)["version"]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path / "store")
    with made.closing, made.stack:
        yield made
    made.ledger.close()


def only_first_three(seed: int) -> bytes:
    """A model that does not look at the fourth channel: it fares well when that one moves."""
    rows = background(600, seed)
    rows[:, 3] = np.random.default_rng(seed).normal(size=600) * 1e6
    return pca_model(rows, components=3)


def test_a_sick_model_is_found_falls_back_and_the_page_says_it(ground: Ground) -> None:
    good = ground.active(only_first_three(1))
    bad = ground.active(pca_model(background(600, seed=2)))
    ground.rows(1_600, 3)
    ground.rows(480, 4)
    ground.health.tick(ground.clock.now_ns())
    assert ground.found == []
    look = ground.models.looks("cryo")[0]
    assert look.checkup is not None
    assert (look.version, look.device, look.stream) == (bad, "d", "s")
    ground.rows(480, 5, shift=1.5)
    ground.health.tick(ground.clock.now_ns())
    assert set(ground.found) >= {"trust.models.health.input_drift", "trust.models.health.calibration"}
    assert ground.version == good
    running: tuple[RowModel, ...] = ground.models.running()
    assert [m.version for m in running] == [good]
    acts = [e for _, e in ground.ledger.entries(0, 1_000) if e.actor == HEALTH_AGENT]
    assert [(e.action, e.outcome) for e in acts] == [("model.rollback", ""), ("model.rollback", "done")]
    assert "thresholds" in acts[0].why
    page = ground.page()
    assert "was put back" in page
    assert bad[:12] in page
    ground.desk.lifecycle.undo(who("operator"), "cryo", "the shift is real")
    ground.models.refresh()
    assert ground.version == bad
    ground.rows(480, 6, shift=1.5)
    ground.health.tick(ground.clock.now_ns())
    assert ground.version == bad, "once a day is the bound"
    assert "once a day is the bound" in ground.models.looks("cryo")[0].note


def test_an_altered_active_version_is_told_once_and_the_last_good_one_watches(ground: Ground) -> None:
    good = ground.active(only_first_three(1))
    bad = ground.active(pca_model(background(600, seed=2)))
    sha = ground.desk.registry.manifest("cryo", bad).sha256
    place = ground.folder / "models" / "objects" / sha[:2] / sha
    place.write_bytes(place.read_bytes() + b"\0")
    for _ in range(3):
        ground.health.tick(ground.clock.now_ns())
    assert ground.found == ["trust.models.health.refused"]
    assert [m.version for m in ground.models.running()] == [good]
    assert not ground.models.problems


def test_a_canary_that_answers_otherwise_falls_back(ground: Ground) -> None:
    good = ground.active(only_first_three(1))
    bad = ground.active(pca_model(background(600, seed=2)))
    registry = ground.desk.registry
    kept = lineage.probe(registry, "cryo", background(20, 9))
    registry.put_canary(bad, lineage.encode(kept))
    ground.health.tick(ground.clock.now_ns())
    assert ground.found == []
    other = lineage.probe_of(registry.load_version("cryo", good), "cryo", background(20, 9))
    fields = {f: getattr(other if f.startswith("scores") else kept, f) for f in kept.__struct_fields__}
    registry.put_canary(bad, lineage.encode(type(kept)(**fields)))
    ground.health.tick(ground.clock.now_ns())
    assert ground.found == ["trust.models.health.refused"]
    assert ground.version == good


def test_a_restart_repeats_the_last_look_and_changes_nothing(ground: Ground) -> None:
    ground.active(pca_model(background(600, seed=2)))
    ground.rows(1_600, 3)
    ground.rows(480, 5, shift=1.0)
    ground.health.tick(ground.clock.now_ns())
    first = ground.models.looks("cryo")[0]
    again = ModelHealth(ground.models, ground.stack.store, lambda f: None, ground.clock, ground.fail, PACE)
    again.tick(ground.clock.now_ns())
    assert ground.models.looks("cryo")[0] == first
    assert first.note == "there is no earlier version to fall back to"
