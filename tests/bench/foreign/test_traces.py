"""Traces: the same seed gives the same, splits have nothing in common, labels are true and do not show."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from bench.foreign import make
from bench.foreign.clocks import REORDERED
from bench.foreign.draws import STRIPES, Draws, Split, seeds, split_of
from bench.foreign.lab import LabKind
from bench.foreign.labs import LABS
from bench.foreign.techniques import TECHNIQUE
from bench.foreign.trace import DETECTABLE, Trace
from mumetal.catalog.techniques import technique
from mumetal.core import check
from mumetal.core.series import sorted_by_time
from mumetal.formats.units import to_si

SPLITS: tuple[Split, ...] = ("tuned", "held")
SEVERAL = 9  # a whole turn of kinds


@pytest.fixture(scope="module")
def several() -> list[Trace]:
    return [trace for split in SPLITS for trace in make.traces(split, SEVERAL)]


def test_a_seed_makes_the_same_trace_again(several: list[Trace]) -> None:
    for old in several[:3]:
        new = make.trace(old.seed)
        assert np.array_equal(new.values, old.values, equal_nan=True)
        assert np.array_equal(new.t_ns, old.t_ns)
        assert (new.truth, new.announced, new.deadline_ns) == (old.truth, old.announced, old.deadline_ns)


def test_splits_share_no_seed_no_parameter_and_not_every_lab() -> None:
    tuned, held = (set(islice(seeds(split), 500)) for split in SPLITS)
    assert not tuned & held
    assert all(split_of(seed) == "tuned" for seed in tuned)
    drawn = {
        split: {int(Draws(s, "x").within(0, 1) * STRIPES) % 2 for s in islice(seeds(split), 200)} for split in SPLITS
    }
    assert drawn == {"tuned": {0}, "held": {1}}
    labs = {split: {make.case_of(s)[1].name for s in islice(seeds(split), 900)} for split in SPLITS}
    assert labs["held"] == set(LABS)
    assert set(LABS) - labs["tuned"] == {"tweezers", "helium_plant", "phase_lock"}


@pytest.mark.parametrize("split", SPLITS)
def test_kinds_are_balanced_and_every_case_has_its_turn(split: Split) -> None:
    known = list(islice(seeds(split), 620))
    kinds = Counter(make.kind_of(seed) for seed in known)
    assert min(kinds["attack"], kinds["innocent"]) >= 250
    labels = {case.label for seed in known if (case := make.case_of(seed)[0])}
    possible = {c.label for c in (*make.ATTACKS, *make.INNOCENTS) if any(split in LABS[lab].splits for lab in c.labs)}
    assert labels == possible


def test_labels_lie_inside_the_trace_after_a_quiet_history(several: list[Trace]) -> None:
    for trace in several:
        assert trace.t_ns.min() <= trace.start_ns <= trace.deadline_ns <= trace.end_ns, trace.name
        assert trace.end_ns <= trace.t_ns.max() + 2e9 / trace.rate_hz * 30, trace.name  # the last rows may be lost
        before = trace.t_ns < trace.start_ns
        slow = LABS[trace.lab].days[1] > 0
        span_ns = np.ptp(trace.t_ns[before])
        assert (span_ns > 2.99 * 86_400e9) if slow else before.sum() >= 2_000, trace.name
        assert (trace.kind == "quiet") == (trace.label == "")
        assert all(told.start_ns <= told.end_ns for told in trace.announced)


def test_sizes_are_bounded_and_values_are_usable(several: list[Trace]) -> None:
    for trace in several:
        assert trace.values.nbytes < 6e6
        assert trace.values.shape == (trace.t_ns.size, len(trace.channels))
        assert not np.isinf(trace.values).any()
        assert np.isfinite(trace.values).any(axis=0).all(), trace.name
        check.time_ns(int(trace.t_ns.min()), "first")


def test_rows_are_late_by_few_and_repeated_ones_are_equal(several: list[Trace]) -> None:
    for trace in several:
        place = np.argsort(trace.t_ns, kind="stable")
        assert np.abs(place - np.arange(place.size)).max() <= REORDERED + 2, trace.name
        t, values, _, _ = sorted_by_time(trace.t_ns, trace.values)
        twice = np.flatnonzero(np.diff(t) == 0)
        assert np.array_equal(values[twice], values[twice + 1], equal_nan=True)


def test_nothing_but_the_label_tells_what_happens(several: list[Trace]) -> None:
    words = ("attack", "innocent", "impair", "evade", "exfil", "spoof", "fake", "quiet")
    for trace in several:
        shown = " ".join([trace.name, *(c.heading + c.name for c in trace.channels)]).lower()
        assert not any(word in shown for word in words)
        draws = Draws(trace.seed, "lab")
        kind = LABS[trace.lab]
        lab = make._worn(draws, kind.build(draws, make._frame(draws, kind)))
        assert [s.heading for s in lab.sensors] == [c.heading for c in trace.channels]


def test_before_the_event_nothing_differs_from_a_lab_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(s for s in seeds("tuned") if make.case_of(s)[1].name == "wet_fridge" and make.kind_of(s) == "attack")
    trace = make.trace(seed)
    case, kind = make.case_of(seed)
    assert case is not None
    monkeypatch.setattr(make, "case_of", lambda _: (None, kind))
    calm = make.trace(seed)
    before = min(int((trace.t_ns < trace.start_ns).sum()), calm.t_ns.size)
    assert before > 2_000
    assert np.array_equal(trace.values[:before], calm.values[:before], equal_nan=True)
    assert not np.array_equal(trace.values[before:], calm.values[before:], equal_nan=True)


@pytest.mark.parametrize("kind", LABS.values(), ids=LABS)
def test_names_are_plain_units_are_known_and_headings_differ(kind: LabKind) -> None:
    for seed in islice(seeds(kind.splits[0]), 3):
        draws = Draws(seed, "lab")
        sensors = kind.build(draws, make._frame(draws, kind)).sensors
        assert len({s.name for s in sensors}) == len({s.heading for s in sensors}) == len(sensors)
        for sensor in sensors:
            check.name(sensor.name, "channel")
            to_si(sensor.unit)


def test_most_attacks_can_be_told_and_those_that_cannot_do_not_count(several: list[Trace]) -> None:
    attacks = [t for t in several if t.kind == "attack"]
    assert all(0.0 <= t.detectable <= 1.0 for t in attacks)
    assert all(t.counts == (t.detectable >= DETECTABLE) for t in attacks)
    assert sum(t.counts for t in attacks) >= 0.7 * len(attacks)
    assert all(np.isnan(t.detectable) and t.counts for t in several if t.kind != "attack")


def test_techniques_are_the_catalogues_and_cases_are_named_once() -> None:
    labels = [case.label for case in (*make.ATTACKS, *make.INNOCENTS)]
    assert len(set(labels)) == len(labels)
    assert TECHNIQUE.keys() <= {case.label for case in make.ATTACKS}
    for technique_id in TECHNIQUE.values():
        technique(technique_id)
    assert {case.label for case in make.ATTACKS} - TECHNIQUE.keys() == {
        "evade.clock", "evade.reference_clock", "evade.sensor_bias", "evade.sensor_frozen", "evade.sensor_scaling",
        "evade.sensor_slow_push", "exfiltrate.power_covert", "exfiltrate.power_covert_slow",
    }  # fmt: skip
