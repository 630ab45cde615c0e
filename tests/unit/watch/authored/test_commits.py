"""What authors do is learnt, and what nobody did before stands out; each test says what would break it."""

import math

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0
from tests.watching import watching_of

from mumetal.app.pipeline.watching import Watching
from mumetal.core.clock import ManualClock
from mumetal.core.event import Event
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import Scene
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.core.technique import Conditions
from mumetal.watch.authored.commits import CommitMonitor
from mumetal.watch.authored.figures import bettered, is_played, kind_of, place_of
from mumetal.watch.authored.habits import LEARNT, Habits, _cells
from mumetal.watch.power.counts import told
from mumetal.watch.power.facts import calibration_facts
from mumetal.watch.settings import WatchSettings

HOUR = 3_600 * 10**9
FIGURES = {
    "RX.amplitude": 0.1,
    "RX.frequency": 5e9,
    "readout.threshold": 0.01,
    "readout.fidelity": 0.9,
    "T1": 2e-5,
    "T2": 1e-5,
}


class Author:
    """Writes snapshots of six qubits as people do: some qubits tuned, with what was measured there beside."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.state = {f"q{q}.{name}": value * (1 + 0.01 * q) for q in range(6) for name, value in FIGURES.items()}
        self.number = 0

    def snapshot(self, *authors: str) -> DeviceSnapshot:
        self.number += 1
        parameters = tuple(
            Parameter(component=c.split(".")[0], name=c.split(".", 1)[1], value=v, unit="1")
            for c, v in self.state.items()
        )
        return DeviceSnapshot(
            device="chip", t_ns=T0 + self.number * HOUR, qubits=6, parameters=parameters,
            authors=authors or ("ana@lab",), revision=f"{self.number:040x}", provenance=f"git:{self.number:012x}:chip",
        )  # fmt: skip

    def ordinary(self, *authors: str) -> DeviceSnapshot:
        for q in self.rng.choice(6, int(self.rng.integers(1, 4)), replace=False):
            for name in FIGURES:
                spread = {"RX.amplitude": 0.02, "RX.frequency": 1e-6}.get(name, 0.2)
                if name == "readout.fidelity":
                    self.state[f"q{q}.{name}"] = float(1 - 0.1 * np.exp(spread * self.rng.normal()))
                else:
                    self.state[f"q{q}.{name}"] *= float(np.exp(spread * self.rng.normal()))
        return self.snapshot(*authors)

    def edit(self, *channels: str, factor: float = 1.05, authors: tuple[str, ...] = ()) -> DeviceSnapshot:
        for channel in channels:
            self.state[channel] *= factor
        return self.snapshot(*authors)


def learnt(author: Author, commits: int = 60) -> CommitMonitor:
    monitor = CommitMonitor()
    monitor.remember([author.ordinary() for _ in range(commits)])
    return monitor


def test_a_history_of_ordinary_commits_raises_next_to_nothing() -> None:
    raised = 0
    for seed in range(5):
        author, monitor = Author(seed), CommitMonitor()
        raised += sum(len(monitor.observe(author.ordinary("ana@lab", "bo@lab"[: 6 * (i % 2)]))) for i in range(200))
    assert raised <= 2


def test_one_amplitude_alone_is_found_however_small_and_names_its_commit() -> None:
    author = Author()
    monitor = learnt(author)
    (finding,) = monitor.observe(snapshot := author.edit("q2.RX.amplitude", factor=1.0001))
    assert finding.techniques == ("impair.config_edit",)
    assert [a.channel for a in finding.attribution] == ["q2.RX.amplitude"]
    assert snapshot.revision[:12] in finding.detail
    assert snapshot.revision in finding.evidence[1].note
    assert finding.severity is Severity.MEDIUM
    assert 0.5 <= finding.confidence < 1


def test_the_same_edit_with_the_measurement_beside_it_is_a_recalibration() -> None:
    author = Author()
    monitor = learnt(author)
    assert not monitor.observe(author.edit(*(f"q2.{name}" for name in FIGURES), factor=1.001))


def test_one_measured_figure_written_beside_an_edit_is_not_what_is_usually_measured() -> None:
    habits = Habits()
    for _ in range(100):
        habits.learn(("ana",), {f"q{q}.{n}": (v, v * 1.01) for q in range(2) for n, v in FIGURES.items()})
    edits = [("RX.amplitude",), ("RX.amplitude", "readout.threshold"), tuple(FIGURES)]
    told = [habits.judge(("ana",), {f"q1.{n}": (1.0, 1.01) for n in edit}) for edit in edits]
    assert [s.bare for s in told] == [2.0, pytest.approx(1.25), 0.0]
    assert told[0].edited > told[1].edited > told[2].edited


def test_who_wrote_it_weighs_and_a_stranger_makes_it_grave() -> None:
    confidences = []
    for who in ("ana@lab", "mallory@elsewhere"):
        author = Author()
        (finding,) = learnt(author).observe(author.edit("q2.RX.amplitude", authors=(who,)))
        confidences.append(finding.confidence)
        assert f"{who}: {59 if who == 'ana@lab' else 0} of 59" in finding.detail
    assert confidences[1] > confidences[0]
    assert finding.severity is Severity.HIGH


def praise(author: Author, way: float) -> DeviceSnapshot:
    for channel, value in author.state.items():
        if channel.endswith((".T1", ".T2")):
            author.state[channel] = value * way
        elif channel.endswith("fidelity"):
            author.state[channel] = 1 - (1 - value) / way
    return author.snapshot()


@pytest.mark.parametrize(("way", "word"), [(1.2, "better"), (1 / 1.2, "worse")])
def test_lifetimes_and_fidelities_that_move_one_way_are_a_misreport(way: float, word: str) -> None:
    author = Author()
    (finding,) = learnt(author).observe(praise(author, way))
    assert finding.techniques == ("impair.calibration_misreport",)
    assert f"got {word} together" in finding.title
    assert all(a.channel.endswith(("T1", "T2", "fidelity")) for a in finding.attribution)


def test_nothing_is_judged_before_twenty_commits_and_a_repeated_snapshot_is_no_commit() -> None:
    author, monitor = Author(), CommitMonitor()
    first = author.snapshot()
    assert not monitor.observe(first)
    assert not monitor.observe(first)
    assert (monitor.state, monitor.reason) == ("learning", f"learning: 0 of {LEARNT} commits")
    for _ in range(LEARNT):
        assert not monitor.observe(author.edit("q2.RX.amplitude"))
    assert (monitor.state, monitor.reason) == ("watching", "")


def test_a_figure_taken_out_and_put_back_otherwise_is_a_change() -> None:
    author = Author()
    monitor = learnt(author)
    value = author.state.pop("q2.RX.amplitude")
    assert not monitor.observe(author.snapshot())
    author.state["q2.RX.amplitude"] = value * 1.05
    (finding,) = monitor.observe(author.snapshot())
    assert [a.channel for a in finding.attribution] == ["q2.RX.amplitude"]


def test_what_a_platform_does_all_the_time_becomes_its_habit() -> None:
    author = Author()
    monitor = learnt(author)
    raised = [bool(monitor.observe(author.edit("q2.RX.amplitude"))) for _ in range(12)]
    assert raised[0]
    assert not any(raised[-4:])


def test_a_commit_made_to_be_endless_is_bounded_and_stands_out_for_it() -> None:
    habits = Habits()
    for _ in range(30):
        habits.learn(("ana",), {f"q{q}.{n}": (v, v * 1.01) for q in range(3) for n, v in FIGURES.items()})
    monster = {
        f"q{i}.{name}": (1.0, 1.1)
        for i in range(2_000)
        for name in ("RX.amplitude", f"made_up_{i:b}x".replace("1", "a"))
    }
    assert habits.judge(("ana",), monster).score >= 1
    hidden = {c: m for c, m in monster.items() if "RX" not in c} | {"q1.RX.amplitude": (0.1, 0.2)}
    assert habits.judge(("ana",), hidden).score >= 1, "what stands behind the bound is not let through"
    habits.learn(("ana",), monster)
    assert habits.judge(("ana",), {"q1.RX.amplitude": (0.1, 0.11)}).of >= 90, "what was learnt before is still known"


def test_judging_keeps_nothing_and_the_order_of_figures_does_not_matter() -> None:
    habits = Habits()
    moves = {f"q{q}.{n}": (v, v * 1.01) for q in range(3) for n, v in FIGURES.items()}
    for _ in range(30):
        habits.learn(("ana",), moves)
    edit = {"q1.RX.amplitude": (0.1, 0.2), "q0.T1": (1e-5, 2e-5)}
    once, twice = habits.judge(("bo",), edit), habits.judge(("bo",), dict(reversed(edit.items())))
    assert once == twice
    assert habits.commits == 30


def test_precedents_are_counted_as_the_slow_way_counts_them() -> None:
    author, habits = Author(), Habits()
    past = []
    before = dict(author.state)
    for _ in range(25):
        author.ordinary()
        moves = {c: (before[c], v) for c, v in author.state.items() if before[c] != v}
        before = dict(author.state)
        habits.learn(("ana",), moves)
        past += [
            (cell.kinds, cell.bare) for cell, channels in _cells(moves).items() for _ in {place_of(c) for c in channels}
        ]
    new = frozenset({"q.RX.amplitude"})
    like = sum(math.exp(-6 * (1 - len(new & k) / len(new | k))) for k, bare in past if bare == 2)
    of = sum("q.RX.amplitude" in k for k, _ in past)
    signs = habits.judge(("ana",), {"q0.RX.amplitude": (0.1, 0.101)})
    assert signs.like == pytest.approx(like)
    assert signs.of == pytest.approx(of)


def test_figures_know_where_they_belong_and_what_they_are_for() -> None:
    assert [place_of(c) for c in ("q3.RX.amplitude", "pair.0_1.CZ[0].amplitude", "config.qcm0/o1/lo.power")] == [
        "q3", "pair.0_1", "config.qcm0/o1/lo",
    ]  # fmt: skip
    assert kind_of("qB2.RX[0][1].amplitude") == "q.RX##.amplitude"
    assert kind_of("q3.crosstalk_matrix.D5") == kind_of("q4.crosstalk_matrix.1") == "q.crosstalk_matrix.#"
    assert kind_of("q3.T1") == "q.T1"
    assert kind_of("config.qcm_rf0/o1/lo.power") == kind_of("config.qcm_rf2/o2/lo.power")
    assert [is_played(kind_of(c)) for c in ("q0.RX.amplitude", "q0.drive.frequency", "q0.flux.offset", "q0.T1", "q0.readout.threshold")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert bettered("q0.T1", (1.0, math.e)) == pytest.approx(1.0)
    assert bettered("q0.readout.fidelity", (0.8, 0.9)) == pytest.approx(math.log(2))
    assert bettered("q0.RX.amplitude", (1.0, 2.0)) is None


def test_power_says_what_would_be_seen_and_where_it_is_blind() -> None:
    monitor = CommitMonitor()
    few, many = (Conditions(samples=n, noise=1.0, rate_hz=0.0, channels=20) for n in (3, 60))
    assert monitor.power("impair.config_edit", few).blind
    assert monitor.power("impair.config_edit", many).smallest == 1
    assert 5 <= monitor.power("impair.calibration_misreport", many).smallest <= 20
    assert monitor.power("impair.cryostat_sabotage", many).blind


def test_the_ledger_of_power_says_what_commits_would_show() -> None:
    author = Author()
    facts = calibration_facts("chip", [author.ordinary() for _ in range(30)])
    assert (facts.commits, facts.pulses, facts.reported) == (30, 29, 18)
    for technique, least in (("impair.config_edit", 1.0), ("impair.calibration_misreport", 11.0)):
        (line,) = told(technique, (), (facts,), (), lasting_s=3_600, alarm=0.01)
        assert (line.detector, line.power.smallest) == ("watch.authored.commits", least)


def room(author: Author, commits: int = 40) -> Watching:
    made = watching_of(WatchSettings(), ManualClock(T0 + 10_000 * HOUR), lambda _: Scene())
    made.prime([author.ordinary() for _ in range(commits)])
    return made


def act(activity: str, device: str, **facts: str) -> Event:
    return Event(
        event_id=activity, device=device, t_ns=T0 + 9_000 * HOUR, activity=activity, actor="mallory@lab",
        resource="chip", attributes=tuple(facts.items()),
    )  # fmt: skip


def test_the_room_judges_commits_by_their_own_monitor_and_shows_how_far_it_is() -> None:
    author = Author()
    watch = room(author)
    (status,) = watch.status()
    assert (status.device, status.stream, status.state) == ("chip", "calibration", "watching")
    found = watch.observe(author.edit("q2.RX.amplitude"))
    assert [f.rule for f in found] == ["watch.authored.commits"]
    assert found[0].causes


def test_a_rewritten_history_and_an_unreadable_platform_are_findings() -> None:
    watch = room(Author())

    def one(event: Event) -> Finding:
        (finding,) = watch.observe(event)
        return finding

    rewritten = one(act("history.rewritten", "-", before="a" * 40, commit="b" * 40))
    assert rewritten.severity is Severity.HIGH
    assert "a" * 12 in rewritten.detail
    assert "b" * 12 in rewritten.detail
    assert "unreadable" in one(act("calibration.unreadable", "chip", commit="c" * 40)).title
    assert not watch.observe(act("calibration.unreadable", "never-read", commit="c" * 40))
    assert not watch.observe(act("calibration.write", "chip", commit="c" * 40))
