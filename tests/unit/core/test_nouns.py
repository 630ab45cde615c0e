"""Nouns refuse bad data at construction, and derive what must not be given."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.incident import Action, Incident
from mumetal.core.series import Channel, Series, epoch_of, sorted_by_time
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power

T0 = 1_750_000_000 * 10**9
CHANNELS = (Channel(name="a", unit="K"), Channel(name="b", unit="1"))


def series(t: list[int], values: Any = None, seq: list[int] | None = None) -> Series:
    given_values = np.zeros((len(t), 2)) if values is None else np.array(values, float)
    extra: dict[str, Any] = {} if seq is None else {"seq": np.array(seq)}
    return Series(device="d", stream="s", channels=CHANNELS, t_ns=np.array(t) + T0, values=given_values, **extra)


def test_a_series_is_read_only_and_knows_its_epoch() -> None:
    s = series([0, 1])
    with pytest.raises(ValueError, match="read-only"):
        s.values[0, 0] = 1.0
    assert s.epoch == epoch_of(CHANNELS) != epoch_of(CHANNELS[::-1])


@pytest.mark.parametrize(
    ("t", "values", "seq"),
    [
        ([1, 0], None, None),
        ([0, 0], None, None),
        ([0, 0], None, [1, 1]),
        ([0], [[math.inf, 0]], None),
        ([0], [[0.0]], None),
        ([-T0], None, None),
    ],
)
def test_a_series_refuses(t: list[int], values: Any, seq: list[int] | None) -> None:
    with pytest.raises(BadInputError):
        series(t, values, seq)


def test_equal_times_are_told_apart_by_seq() -> None:
    assert len(series([0, 0, 1], seq=[0, 1, 0])) == 3


def test_between_is_half_open() -> None:
    assert series([0, 1, 2]).between(T0, T0 + 2).t_ns.tolist() == [T0, T0 + 1]


def test_an_unknown_channel_names_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="channels: a, b"):
        series([0]).column("c")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=30))
def test_sorting_keeps_the_first_of_each_identity(rows: list[tuple[int, int]]) -> None:
    t = np.array([r[0] for r in rows], np.int64)
    s = np.array([r[1] for r in rows], np.int64)
    v = np.arange(len(rows), dtype=float)[:, None]
    ts, vs, ss, dropped = sorted_by_time(t, v, s)
    first: dict[tuple[int, int], float] = {}
    for i, row in enumerate(rows):
        first.setdefault(row, float(i))
    assert list(zip(ts.tolist(), ss.tolist(), strict=True)) == sorted(first)
    assert vs[:, 0].tolist() == [first[k] for k in sorted(first)]
    assert dropped == len(rows) - len(first)


@given(st.lists(st.integers(0, 4), max_size=20))
def test_without_seq_arrival_counts_equal_times_up(times: list[int]) -> None:
    t, _, s, dropped = sorted_by_time(np.array(times, np.int64), np.zeros((len(times), 1)))
    assert dropped == 0
    assert len({*zip(t.tolist(), s.tolist(), strict=True)}) == len(times)


@pytest.mark.parametrize("name", ["", " a", "a..b", "a\nb", "x" * 201, "é", "../a"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(BadInputError):
        Channel(name=name, unit="1")


def test_a_snapshot_is_one_row_in_order_of_channel() -> None:
    parameters = (
        Parameter(component="q1", name="T1", value=1e-4, unit="s"),
        Parameter(component="q0", name="T1", value=math.nan, unit="s", flag="sentinel"),
    )
    row = DeviceSnapshot(device="d", t_ns=T0, qubits=2, parameters=parameters).series()
    assert row.names == ("q0.T1", "q1.T1")
    assert math.isnan(row.values[0, 0])
    with pytest.raises(BadInputError, match="twice"):
        DeviceSnapshot(device="d", t_ns=T0, qubits=2, parameters=parameters[:1] * 2)


def test_evidence_opens_again() -> None:
    e = Evidence.of_series("fridge/1", "ch6 t", 5, 9)
    assert e.scheme == "series"
    assert e.series_place() == ("fridge/1", "ch6 t")
    assert e.query == {"start": "5", "stop": "9"}
    with pytest.raises(BadInputError):
        Evidence(uri="event:1").series_place()
    with pytest.raises(BadInputError):
        Evidence(uri="event:1", digest="zz")


def finding(**changed: Any) -> Finding:
    base: dict[str, Any] = {
        "subject": Subject.stream("d", "s"),
        "rule": "r",
        "title": "t",
        "start_ns": T0,
        "stop_ns": T0,
        "confidence": 0.5,
    }
    return Finding(**(base | changed))


def test_a_finding_is_known_by_where_and_when_it_began() -> None:
    assert finding(stop_ns=T0 + 5, confidence=0.9).finding_id == finding().finding_id
    assert finding(start_ns=T0 - 1).finding_id != finding().finding_id
    assert finding(tenant="other").finding_id != finding().finding_id
    for bad in (
        {"confidence": 1.5},
        {"confidence": math.nan},
        {"false_per_week": 0.0},
        {"false_per_week": math.inf},
        {"stop_ns": T0 - 1},
    ):
        with pytest.raises(BadInputError):
            finding(**bad)


def test_a_finding_of_a_file_keeps_its_true_time_and_is_told_from_others_by_its_place() -> None:
    file = Subject.path("a.py")
    first, second = (finding(subject=file, identity=f"byte {at}") for at in (3, 90))
    assert first.start_ns == second.start_ns
    assert first.finding_id != second.finding_id
    assert finding(subject=file, identity="byte 3", start_ns=T0 + 5, stop_ns=T0 + 5).finding_id == first.finding_id
    assert (first.device, first.stream) == ("-", "a.py")
    with pytest.raises(BadInputError, match="needs a name"):
        Subject.stream("d", "")


def test_one_accepted_cause_explains() -> None:
    no = CauseVerdict(cause="a", explained=False, log_likelihood_ratio=-1, reason="")
    yes = CauseVerdict(cause="b", explained=True, log_likelihood_ratio=3, reason="")
    assert not finding(causes=(no,)).explained
    assert finding(causes=(no, yes)).explained
    with pytest.raises(BadInputError):
        Attribution(channel="a", share=1.1, method="own-score")


def test_priority_is_likelihood_times_impact() -> None:
    i = Incident(
        incident_id="i", device="d", title="t", severity=Severity.HIGH, likelihood=0.5, impact=0.5, start_ns=T0,
        stop_ns=T0, findings=("f",),
    )  # fmt: skip
    assert i.priority == 0.25


def test_an_action_needs_a_bound_an_undo_a_permit_and_the_ledger() -> None:
    good: dict[str, Any] = {"action_id": "a", "verb": "v", "target": "t", "bound": "60 s", "undo": "u", "reason": "i"}
    assert Action(**good).dry_run
    for bad in ({"bound": ""}, {"undo": ""}, {"dry_run": False}, {"dry_run": False, "permit": "p"}):
        with pytest.raises(BadInputError):
            Action(**(good | bad))
    assert not Action(**good, dry_run=False, permit="p", ledger_index=0).dry_run


def test_an_event_is_bounded() -> None:
    with pytest.raises(BadInputError):
        Event(event_id="1", t_ns=T0, activity="a", shots=-1)
    with pytest.raises(BadInputError):
        Event(event_id="1", t_ns=T0, activity="a", attributes=tuple((str(i), "") for i in range(65)))
    assert Event(event_id="1", t_ns=T0, activity="a", attributes=(("k", "v"),)).attribute("k") == "v"


def test_quarantine_keeps_hex_and_no_more_than_200_bytes() -> None:
    assert Quarantined.of("f:1", "bad", b"\x1b[31m" * 100).excerpt == (b"\x1b[31m" * 40).hex()


def test_an_artefact_knows_its_digest() -> None:
    assert Artefact(uri="a", data=b"").digest.startswith("e3b0c442")


def test_blind_means_no_strength_would_do() -> None:
    assert Power(technique="t", smallest=math.inf, bound=0.1, unit="1", reason="blind").blind
    with pytest.raises(BadInputError):
        Conditions(samples=1, noise=1, false_alarm=0)


def test_carriers_are_those_of_the_method_that_comes_first() -> None:
    a, b = (Attribution(channel=c, share=0.5, method="inclusion") for c in "ab")
    other = Attribution(channel="c", share=0.9, method="shapley")
    assert finding(attribution=(a, b, other)).carriers == (a, b)
    assert finding(attribution=(other, a, b)).carriers == (other,)
    assert finding().carriers == ()
