"""A stack that is stopped, or dies, goes on where it stood, and never takes an attack for ordinary because of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tests.unit.watch.backgrounds import T0, Array, gaussian, stream

from mumetal.app import wiring
from mumetal.app.desk import Change
from mumetal.app.settings import Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.finding import Finding
from mumetal.core.incident import IncidentState, Label
from mumetal.core.series import Series
from mumetal.trust.ledger import opening as ledgers
from mumetal.watch.settings import WatchSettings

NAMES, UNITS = ("bias.a", "bias.b", "bias.c"), ("A", "A", "A")  # nothing innocent is known to move these
LEARNT = "learnt.state"


def lab(values: Array, start_ns: int = T0) -> Series:
    return stream(values, names=NAMES, units=UNITS, start_ns=start_ns)


def quiet(rows: int) -> Array:
    return gaussian(np.random.default_rng(3), rows, 3)


@contextmanager
def running(folder: Path, after: Series) -> Iterator[Stack]:
    """A stack over a folder, at a time just after the rows."""
    clock = ManualClock(int(after.t_ns[-1]) + 10**9)
    settings = Settings(
        store=StoreSettings(directory=str(folder)), watch=WatchSettings(learning_rows=300, learning_s=0)
    )
    with (
        ledgers.opened(folder, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        yield stack


def ran(folder: Path, series: Series, *cuts: int) -> list[Finding]:
    """Run a stack for each stretch of the rows, stopped between them; returns every finding kept."""
    for start, stop in zip((0, *cuts), (*cuts, len(series)), strict=True):
        with running(folder, series.rows(start, stop)) as stack:
            for row in range(start, stop, 50):
                push(stack, series.rows(row, min(row + 50, stop)))
    return kept(folder, series)


def push(stack: Stack, *data: Series) -> None:
    stack.push(Delivery(source="test", data=data, cursor=""))


def kept(folder: Path, series: Series) -> list[Finding]:
    with running(folder, series) as stack:
        return all_of(stack)


def all_of(stack: Stack) -> list[Finding]:
    incidents = stack.incidents(LOCAL, limit=1_000)
    return sorted(stack.findings(LOCAL, [f for i in incidents for f in i.findings]), key=lambda f: f.finding_id)


def said(findings: Sequence[Finding]) -> list[tuple[str, int, int]]:
    return [(f.rule, f.start_ns, f.stop_ns) for f in findings]


def test_stopped_and_started_it_finds_to_the_nanosecond_what_it_would_have_found(tmp_path: Path) -> None:
    values = quiet(1_500)
    values[900:, 1] += 9 * np.exp(-np.arange(600) / 80)
    series = lab(values)
    whole = ran(tmp_path / "whole", series)
    assert whole
    assert said(ran(tmp_path / "cut", series, 700, 950)) == said(whole)


def test_a_restart_is_watching_before_the_first_row_and_reads_no_past_to_be_so(tmp_path: Path) -> None:
    series = lab(quiet(700))
    ran(tmp_path, series)
    assert (tmp_path / LEARNT).exists()
    with running(tmp_path, series) as stack:
        states = {s.stream: s.state for s in stack.overview(LOCAL).streams}
    assert states == {"qubits": "watching"}


def lasting() -> Series:
    """A step that stays from row 700 on."""
    values = quiet(1_600)
    values[700:, 1] += 9
    return lab(values)


def test_a_restart_without_what_was_learnt_does_not_learn_the_attack_under_the_open_incident(tmp_path: Path) -> None:
    series = lasting()
    before = ran(tmp_path, series.rows(0, 1_300))
    assert before
    (tmp_path / LEARNT).unlink()
    with running(tmp_path, series) as stack:
        for row in range(1_300, 1_600, 50):
            push(stack, series.rows(row, row + 50))
    after = kept(tmp_path, series)
    assert [f for f in after if f.start_ns >= series.t_ns[1_300] and f.rule.startswith("watch.detectors")]


def test_once_a_person_calls_it_ordinary_it_is_learnt(tmp_path: Path) -> None:
    series = lasting()
    ran(tmp_path, series.rows(0, 1_300))
    with running(tmp_path, series) as stack:
        for incident in stack.incidents(LOCAL, limit=1_000):
            change = Change(state=IncidentState.RESOLVED, label=Label.BENIGN)
            stack.change(wiring.operator_scope(), incident.incident_id, change)
    (tmp_path / LEARNT).unlink()
    with running(tmp_path, series) as stack:
        for row in range(1_300, 1_600, 50):
            push(stack, series.rows(row, row + 50))
    assert not [f for f in kept(tmp_path, series) if f.start_ns > series.t_ns[1_300]]


def test_what_a_death_lets_score_again_is_neither_told_twice_nor_raised_after_it_was_resolved(tmp_path: Path) -> None:
    values = quiet(1_100)
    values[800:840, 1] += 9
    series = lab(values)
    ran(tmp_path, series.rows(0, 700))
    before_death = (tmp_path / LEARNT).read_bytes()
    once = ran_on(tmp_path, series, 700)
    assert once
    (tmp_path / LEARNT).write_bytes(before_death)  # as if it had died before it saved again
    assert said(kept(tmp_path, series)) == said(once)
    with running(tmp_path, series) as stack:
        for incident in stack.incidents(LOCAL, limit=1_000):
            stack.change(wiring.operator_scope(), incident.incident_id, Change(state=IncidentState.RESOLVED))
    (tmp_path / LEARNT).write_bytes(before_death)
    with running(tmp_path, series) as stack:
        assert {i.state for i in stack.incidents(LOCAL, limit=1_000)} == {IncidentState.RESOLVED}


def ran_on(folder: Path, series: Series, start: int) -> list[Finding]:
    with running(folder, series) as stack:
        for row in range(start, len(series), 50):
            push(stack, series.rows(row, min(row + 50, len(series))))
    return kept(folder, series)


def test_a_damaged_state_is_said_and_learnt_anew(tmp_path: Path) -> None:
    series = lab(quiet(700))
    ran(tmp_path, series)
    data = bytearray((tmp_path / LEARNT).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / LEARNT).write_bytes(data)
    with running(tmp_path, series) as stack:
        assert {s.state for s in stack.overview(LOCAL).streams} == {"watching"}


def test_it_is_saved_by_the_clock_too(tmp_path: Path) -> None:
    series = lab(quiet(700))
    with running(tmp_path, series) as stack:
        push(stack, series)
        assert not (tmp_path / LEARNT).exists()
        clock = stack._clock
        assert isinstance(clock, ManualClock)
        clock.sleep(400.0)
        push(stack, lab(quiet(10), start_ns=T0 + 701 * 10**9))
        for _ in range(200):
            if (tmp_path / LEARNT).exists():
                break
            np.random.default_rng(0).normal(size=100_000)
        assert (tmp_path / LEARNT).exists()


def test_what_a_person_called_an_attack_stays_so_over_a_restart_while_it_goes_on(tmp_path: Path) -> None:
    values = quiet(1_500)
    values[800:1_000, 1] += 9
    series = lab(values)
    ran(tmp_path, series.rows(0, 900))
    with running(tmp_path, series.rows(0, 900)) as stack:
        for incident in stack.incidents(LOCAL):
            change = Change(state=IncidentState.RESOLVED, label=Label.ATTACK, owner="ann")
            stack.change(wiring.operator_scope(), incident.incident_id, change)
    with running(tmp_path, series) as stack:
        for row in range(900, 1_500, 50):
            push(stack, series.rows(row, row + 50))
    with running(tmp_path, series) as stack:
        known = [(i.state, i.label, i.owner) for i in stack.incidents(LOCAL, limit=1_000)]
    assert (IncidentState.RESOLVED, Label.ATTACK, "ann") in known


def test_an_attack_that_was_labelled_while_it_went_on_is_not_learnt_by_a_restart_that_has_lost_its_state(
    tmp_path: Path,
) -> None:
    series = lasting()
    ran(tmp_path, series.rows(0, 1_300))
    with running(tmp_path, series.rows(0, 1_300)) as stack:
        for incident in stack.incidents(LOCAL):
            change = Change(state=IncidentState.RESOLVED, label=Label.ATTACK)
            stack.change(wiring.operator_scope(), incident.incident_id, change)
    (tmp_path / LEARNT).unlink()
    with running(tmp_path, series) as stack:
        for row in range(1_300, 1_600, 50):
            push(stack, series.rows(row, row + 50))
    assert [f for f in kept(tmp_path, series) if f.start_ns >= series.t_ns[1_300]]


def test_a_finding_that_nobody_watches_on_stops_standing_at_the_start(tmp_path: Path) -> None:
    series = lasting()
    assert any(f.standing for f in ran(tmp_path, series.rows(0, 1_300)))
    (tmp_path / LEARNT).unlink()
    assert not any(f.standing for f in kept(tmp_path, series))


def test_a_stream_that_was_committed_and_never_scored_is_scored_at_the_start(tmp_path: Path) -> None:
    series = lab(quiet(700))
    ran(tmp_path, series)
    with running(tmp_path, series) as stack:
        other = stream(quiet(700), names=NAMES, units=UNITS, name="other")
        stack.store.append(Delivery(source="test", data=(other,), cursor=""))  # and death before it is scored
    with running(tmp_path, series) as stack:
        assert {s.stream: s.state for s in stack.overview(LOCAL).streams} == {"qubits": "watching", "other": "watching"}


def test_marks_that_cannot_be_read_keep_no_stack_from_starting(tmp_path: Path) -> None:
    series = lab(quiet(700))
    ran(tmp_path, series)
    (tmp_path / "scored.json").write_bytes(b"")
    with running(tmp_path, series) as stack:
        assert {s.state for s in stack.overview(LOCAL).streams} == {"watching"}
