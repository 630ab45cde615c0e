"""What a state refuses, what a monitor takes back from the store, and that nothing is forgotten silently."""

from collections import Counter, OrderedDict, deque
from typing import Any

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, gaussian, stream
from tests.unit.watch.state.cases import SHORT, attacked, cases, cut, taken

from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch import listed, monitor
from mumetal.watch.covert.codes import Codes
from mumetal.watch.covert.spans import Spans
from mumetal.watch.detectors.power import blind
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.quality.silence import Silence
from mumetal.watch.settings import WatchSettings
from mumetal.watch.state import conditions
from mumetal.watch.state.classes import CLASSES, SAVED, UNSAVED
from mumetal.watch.state.saving import pack, parts_of, restore, save, state_of, unpack

CASES = cases()
SERIES = attacked(gaussian, 1_640)
CODES = Codes(names=("own",), sequences=((1.0, -1.0, 1.0, 1.0),))


def fed(watched: StreamMonitor, start: int, stop: int) -> str:
    return taken(watched, cut(SERIES, start, stop, 33))


def test_plain_values_of_every_kind_survive_as_they_were() -> None:
    value = {
        "numbers": [0, -1, 2**62, 1.0, -0.0, float("inf"), np.float64(0.1), np.int32(3), np.bool_(True), None],
        "long": (list(range(20)), [0.1 * k for k in range(20)], [(k, str(k)) for k in range(20)], [()] * 20),
        "sets": ({"b"}, frozenset(("c",))),
        "ordered": OrderedDict((k, -k) for k in range(30, 0, -1)),
        "counted": Counter("abracadabra"),
        "last": deque([1.5], 3),
        "arrays": [np.arange(4.0) + k for k in range(9)],
        ("a", 1): "a key of its own",
    }
    found: Any = unpack(*pack(value, {}, {}), {}, {})
    assert repr(found) == repr(value)  # tells 1 from 1.0 and True; a set of more has no order to compare
    assert unpack(*pack({"a", "b"}, {}, {}), {}, {}) == {"a", "b"}
    assert type(found["counted"]) is Counter
    assert found["last"].maxlen == 3


def test_how_arrays_lie_in_memory_and_what_is_shared_survives() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    spans = Spans((1, 2), 3)
    found: Any = unpack(*pack([array.transpose(2, 0, 1), array.T, spans, spans], {}, {}), {}, {})
    np.testing.assert_array_equal(found[0], array.transpose(2, 0, 1))
    assert found[0].strides == array.transpose(2, 0, 1).strides
    assert found[1].flags.f_contiguous
    assert found[2] is found[3]
    found[0][0, 0, 0] = 7.0  # it has memory of its own, and may be written to


@pytest.mark.parametrize(
    "value", [object(), np.array([object()]), 2**64, SharedBudget, len, b"bytes", {"a": {1: {2: object()}}}]
)
def test_what_no_state_may_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        pack(value, {}, {})


def test_an_attribute_that_nobody_declared_is_refused_by_name() -> None:
    spans = Spans((1, 2), 3)
    spans.__dict__["_new"] = 1
    with pytest.raises(TypeError, match="_new"):
        pack(spans, {}, {})


def test_a_monitor_declares_every_attribute() -> None:
    fresh = StreamMonitor(SHORT, SharedBudget(2.0))
    assert vars(fresh).keys() == {*fresh.saved, *fresh.unsaved}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_is_saved(name: str) -> None:
    assert SAVED[name]
    assert not {*SAVED[name]} & UNSAVED[name]


def bent(root: object) -> list[object]:
    """Trees that nobody told."""
    return [
        None, 7, [], ["of"], ["of", "Popen", {}], ["of", "Spans", {"push": 1}], ["of", "Spans", {"__class__": 1}], ["same", 0],
        ["same", -1], ["given", "x"], ["array", "0", [5]], ["array", "nine", []], ["tuple", ["ints", "x"]], ["float", "1e5"],
        ["dict", ["items", [["list", ["items", []]]]], ["items", [1]]], ["deque", -1, ["items", []]], {"of": 1}, [root, root],
        ["of", "Severity", {"value": 99}], ["of", "Episode", {"start_ns": 1}],
    ]  # fmt: skip


def test_trees_that_nobody_told_are_refused_and_change_nothing() -> None:
    case = CASES["NoisyReplay-66"]
    thing = case.make()
    taken(thing, case.before)
    facts, arrays = save(thing)
    untouched = repr(vars(case.make()))
    for root in bent(facts["root"]):
        other = case.make()
        assert not restore(other, {**facts, "root": root}, arrays)
        assert repr(vars(other)) == untouched
    for wrong in (
        {"layout": 2},
        {"classes": {"Popen": "0"}},
        {"classes": {"NoisyReplay": "0"}},
        {"more": 1},
        {"root": 1},
    ):
        assert not restore(case.make(), {**facts, **wrong}, arrays)
    assert not restore(Spans((1,), 1), facts, arrays)
    assert restore(case.make(), facts, arrays)


def test_a_state_of_many_parts_comes_apart_again_and_foreign_ones_are_refused() -> None:
    parts = {("a", "b"): save(Silence(20.0)), ("c",): pack([np.ones(3)], {}, {})}
    state = state_of(parts)
    found = parts_of(state)
    assert list(found) == list(parts)
    assert unpack(*found["c",], {}, {}) == [pytest.approx(np.ones(3))]
    for version, facts, names in (
        (2, state.facts, ()),
        (1, b"{", ()),
        (1, b'[["a"]]', ()),
        (1, state.facts, ("9/0", "x")),
    ):
        with pytest.raises(BadInputError):
            parts_of(type(state)(version=version, facts=facts, arrays=dict.fromkeys(names, np.ones(1))))


def test_it_learns_anew_under_other_settings_detectors_or_models(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = StreamMonitor(SHORT, SharedBudget(2.0), models=lambda: (CODES,))
    fed(watched, 0, 870)
    saved = watched.save()
    budget = SharedBudget(2.0)
    for settings, models in (
        (WatchSettings(learning_rows=301, learning_s=0.0), (CODES,)),
        (SHORT, ()),
        (SHORT, (Codes(names=("own",), sequences=((1.0, -1.0, 1.0, 1.5),)),)),
    ):
        other = StreamMonitor(settings, budget, models=lambda models=models: models)  # type: ignore[misc]
        assert not other.restore(*saved)
        assert (other.state, other.last_ns, budget.members) == ("learning", 0, 0)
    same = StreamMonitor(SHORT, budget, models=lambda: (CODES,))
    assert same.restore(*saved)
    assert budget.members > 0
    monkeypatch.setattr(conditions, "detectors_listed", lambda: [["another", ""]])
    assert not StreamMonitor(SHORT, SharedBudget(2.0), models=lambda: (CODES,)).restore(*saved)


def test_what_no_monitor_told_changes_nothing() -> None:
    watched = StreamMonitor(SHORT, SharedBudget(2.0))
    fed(watched, 0, 870)
    facts, arrays = watched.save()
    other = StreamMonitor(SHORT, SharedBudget(2.0))
    before = repr(vars(other))
    root: Any = facts["root"]
    _, names, values = root
    for place in range(len(names[1])):
        bent_values = [*values[1][:place], "nonsense", *values[1][place + 1 :]]
        if names[1][place] in {"_history", "_ensemble", "_episodes", "_alerts", "started"}:
            assert not other.restore({**facts, "root": ["dict", names, ["items", bent_values]]}, arrays)
    assert not other.restore({**facts, "root": ["dict", ["items", []], ["items", []]]}, arrays)
    assert repr(vars(other)) == before
    assert other.restore(facts, arrays)


def test_another_channel_map_after_a_restart_closes_and_learns_anew() -> None:
    watched = StreamMonitor(SHORT, SharedBudget(2.0))
    fed(watched, 0, 920)
    after = StreamMonitor(SHORT, SharedBudget(2.0))
    assert after.restore(*watched.save())
    out = after.out
    closed = after.observe(stream(gaussian(np.random.default_rng(1), 10, 3), start_ns=T0 + 10**13))
    assert out
    assert {f.finding_id for f in closed} == out
    assert after.state == "learning"


def test_history_comes_back_from_the_store_and_the_next_refit_is_the_one_it_would_have_been(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of alerts are left out again; until it is back a refit waits, and the rows are scored all the same."""
    monkeypatch.setattr(monitor, "ORDINARY", 16)
    watched = StreamMonitor(SHORT, SharedBudget(2.0))
    fed(watched, 0, 1_150)
    saved = watched.save()
    prompt, late = (StreamMonitor(SHORT, SharedBudget(2.0)) for _ in range(2))
    assert prompt.restore(*saved)
    assert late.restore(*saved)
    assert prompt.wanting == (int(SERIES.t_ns[0]), int(SERIES.t_ns[1_150 - 16]))
    stored = SERIES.rows(0, 1_150)
    prompt.recall(stored)
    assert not prompt._history._short
    np.testing.assert_array_equal(prompt._history.series().t_ns, watched._history.series().t_ns)
    np.testing.assert_array_equal(prompt._history.series().values, watched._history.series().values)
    assert len(prompt._history) < 1_150 - 100  # an alert stood for longer
    long = attacked(gaussian, 2_400)
    steps = cut(long, 1_150, 2_400, 40)
    before = watched._ensemble
    assert taken(prompt, steps) == taken(watched, steps)
    assert watched._ensemble is not before
    kept = late._ensemble
    taken(late, steps)
    assert late._ensemble is kept
    late.recall(stored)
    taken(
        late, cut(stream(gaussian(np.random.default_rng(3), 900, 4), start_ns=int(long.t_ns[-1]) + 10**9), 0, 900, 50)
    )
    assert late._ensemble is not kept


class Elsewhere:
    """A detector of another package."""

    info = PluginInfo(plugin_id="elsewhere.size", title="Size", reference="none", min_history=64)

    @classmethod
    def watches(cls, history: Series) -> bool:
        return True

    def fit(self, history: Series) -> None:
        self.most = float(np.abs(history.values).max())

    def score(self, chunk: Series) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(np.abs(chunk.values).max(axis=1) / self.most)

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        return ()

    def power(self, technique: str, conditions: Conditions) -> Power:
        return blind(self.info, technique, "1", "sees nothing")


def test_a_detector_of_another_package_is_left_out_by_name_until_it_has_learnt_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listed, "outside", lambda: (("elsewhere.size", Elsewhere),))
    watched = StreamMonitor(SHORT, SharedBudget(2.0))
    fed(watched, 0, 870)
    after = StreamMonitor(SHORT, SharedBudget(2.0))
    assert after.restore(*watched.save())
    assert "learn anew after a restart" in after.reason
    assert len(ids(after)) == len(ids(watched)) - 1
    fed(after, 870, 880)
    assert ids(after) == ids(watched)
    assert after.reason == ""


def ids(watched: StreamMonitor) -> list[str]:
    assert watched._ensemble is not None
    return [m.detector.info.plugin_id for m in watched._ensemble.members]
