"""What the live watch says of a trace, held beside the truth, and the figures made of it."""

import json
from dataclasses import replace

import pytest

from bench import command
from bench.foreign import watched
from bench.foreign.draws import ordinal, split_of
from bench.foreign.judging import COVERT, LASTING, JudgedTrace, judged, judgement
from bench.foreign.make import ATTACKS, INNOCENTS, kind_of, trace
from bench.foreign.trace import Trace
from mumetal.app.replay import Replayed
from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState, TimelineEntry
from mumetal.core.subject import Subject, SubjectKind

ATTACK, INNOCENT = 26, 34  # a gate of a spin fridge that is biased; a chip that is calibrated anew
HOUR = 3_600 * 10**9


def said(
    made: Trace, start_ns: int, stop_ns: int, paged_ns: int | None, *, held: str = "", cause: str = ""
) -> Replayed:
    causes = (CauseVerdict(cause=cause, explained=True, log_likelihood_ratio=1.0, reason="so"),) if cause else ()
    finding = Finding(
        subject=Subject(kind=SubjectKind.STREAM, device=made.name, name=made.lab), rule="watch.detectors.some", title="off",
        start_ns=start_ns, stop_ns=stop_ns, severity=Severity.HIGH, confidence=0.9, held=held, causes=causes,
    )  # fmt: skip
    incident = Incident(
        incident_id="inc-1", device=made.name, title="off", severity=Severity.HIGH, likelihood=0.9, impact=0.5,
        state=IncidentState.EXPLAINED if cause else IncidentState.OPEN,
        start_ns=start_ns, stop_ns=stop_ns, findings=(finding.finding_id,), paged=paged_ns is not None,
        timeline=(TimelineEntry(t_ns=paged_ns, actor="triage", what="paged"),) if paged_ns else (),
    )  # fmt: skip
    return Replayed(incidents=[incident], findings=[finding], streams=[], quarantined=[], rows=1)


@pytest.fixture(scope="module")
def attack() -> Trace:
    return trace(ATTACK)


@pytest.fixture(scope="module")
def innocent() -> Trace:
    return trace(INNOCENT)


def test_a_page_in_time_that_touches_the_attack_finds_it(attack: Trace) -> None:
    start, due = attack.start_ns, attack.deadline_ns
    middle = (start + due) // 2
    one = judgement(attack, said(attack, start, due, middle))
    assert one.found == pytest.approx(0.5)
    assert not one.why
    late = judgement(attack, said(attack, start, due + HOUR, due + HOUR))
    assert (late.found, late.why) == (None, "paged late by watch.detectors.some")
    before = judgement(attack, said(attack, start - HOUR, due, start - HOUR))
    assert (before.found, before.why) == (None, "paged before by watch.detectors.some")
    assert before.before == ("watch.detectors.some",)
    assert before.chance == pytest.approx((due - start) / (start - int(attack.t_ns.min())), rel=0.1)
    assert late.chance == 0
    elsewhere = judgement(attack, said(attack, start - 2 * HOUR, start - HOUR, middle))
    assert (elsewhere.found, elsewhere.why) == (None, "not seen")


def test_an_attack_that_was_seen_and_not_paged_says_why(attack: Trace) -> None:
    start, due = attack.start_ns, attack.deadline_ns
    assert judgement(attack, said(attack, start, due, None, held="budget")).why == "watch.detectors.some held"
    explained = judgement(attack, said(attack, start, due, None, cause="watch.causes.drift"))
    assert explained.why == "watch.detectors.some explained by watch.causes.drift"


def test_what_lasts_is_paged_for_after_its_end_and_what_does_not_is_not(innocent: Trace) -> None:
    assert innocent.label in LASTING
    end = innocent.end_ns
    after = said(innocent, end + HOUR, end + 2 * HOUR, end + 2 * HOUR)
    assert judgement(innocent, after).wrong == ("watch.detectors.some",)
    assert judgement(innocent, after).pace == "calibrations"
    passing = replace(innocent, label="innocent.tls_jump")
    assert judgement(passing, after).wrong == ()
    assert judgement(passing, after).later == 1
    within = said(innocent, innocent.start_ns, end, end + HOUR)
    assert judgement(passing, within).wrong == ("watch.detectors.some",), "told when it is over, and yet of it"
    quiet = said(innocent, innocent.start_ns - 2 * HOUR, innocent.start_ns - HOUR, innocent.start_ns - HOUR)
    assert judgement(passing, quiet).wrong == ()
    assert judgement(passing, quiet).before == ("watch.detectors.some",)


def test_pages_of_a_quiet_trace_are_all_before_anything_happened(innocent: Trace) -> None:
    calm = replace(innocent, kind="quiet", label="", start_ns=innocent.end_ns)
    last = int(calm.t_ns.max())
    one = judgement(calm, said(calm, last - HOUR, last, last))
    assert (one.before, one.wrong, one.later) == (("watch.detectors.some",), (), 0)
    assert one.quiet_weeks == pytest.approx((last - int(calm.t_ns.min())) / (168 * HOUR))


def test_a_trace_goes_through_the_doors_and_the_whole_watch() -> None:
    one = judged(ATTACK)
    assert (one.kind, one.label, one.pace) == ("attack", "impair.flux_bias", "slow")
    assert (one.found is None) == bool(one.why)
    assert one.quiet_weeks > 0.4


def test_the_labels_are_the_simulators() -> None:
    assert {case.label for case in INNOCENTS} >= LASTING
    assert {case.label for case in ATTACKS} >= set(COVERT)


@pytest.mark.parametrize("n", [60, 620, 700])
def test_seeds_are_spread_over_all_kinds(n: int) -> None:
    chosen = watched.spread("tuned", n)
    assert len(set(chosen)) == n
    assert {split_of(seed) for seed in chosen} == {"tuned"}
    assert max(map(ordinal, chosen)) >= 600
    share = {kind: sum(kind_of(seed) == kind for seed in chosen) / n for kind in ("attack", "innocent", "quiet")}
    assert share == pytest.approx({"attack": 4 / 9, "innocent": 4 / 9, "quiet": 1 / 9}, abs=0.06)


def judged_as(**changes: object) -> JudgedTrace:
    plain = JudgedTrace(
        name="a-1", kind="attack", label="impair.valve", truth="Closed.", pace="slow", covert=False, announced=False,
        counts=True, chance=0.1, found=0.25, wrong=(), later=0, before=("watch.x",), quiet_weeks=0.5, why="",
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_figures_count_what_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = [
        judged_as(),
        judged_as(found=None, why="not seen"),
        judged_as(counts=False, found=None, why="not seen"),
        judged_as(label=COVERT[0], covert=True, pace="fast", found=None, why="not seen"),
        judged_as(
            kind="innocent", label="innocent.lift", pace="fast", found=None, wrong=("watch.y", "watch.y"), later=1
        ),
        judged_as(kind="innocent", label="innocent.lift", announced=True, found=None),
        judged_as(kind="quiet", label="", found=None, before=()),
    ]
    monkeypatch.setattr(watched, "judged", made.__getitem__)
    monkeypatch.setattr(watched, "spread", lambda split, n: list(range(n)))
    assert command.main(["foreign", "--split", "tuned", "--n", "7", "--json"]) == 0
    told = capsys.readouterr()
    figures = {one["measure"]: (one["figure"], one["n"], one["met"]) for one in json.loads(told.out)}
    assert figures["attacks found in time"] == (0.5, 2, None), "two decide nothing"
    assert figures["attacks found in time, covert channels"] == (0.0, 1, None)
    assert figures["share of attacks that as many pages at random would find"] == (pytest.approx(0.1), 2, None)
    assert figures["innocent causes not paged"] == (0.5, 2, None)
    assert figures["innocent causes not paged, announced"] == (1.0, 1, None)
    assert figures["pages a week before anything happened, slow"] == (pytest.approx(4 / 2.5), 4, None)
    assert "| attack | impair.valve | 1/2 | 0.25 | not seen 1 |" in told.err
    assert "| innocent | innocent.lift | 1/2 | – | watch.y 1 |" in told.err
    assert command.main(["foreign", "--n", "7", "--verbose", "--json"]) == 0
    assert "impair.valve" not in capsys.readouterr().err, "of what is held only sums are told"
    many = [*[judged_as()] * 250, *[judged_as(kind="innocent", found=None, wrong=("watch.y",))] * 250]
    monkeypatch.setattr(watched, "judged", many.__getitem__)
    assert command.main(["foreign", "--n", "500", "--json"]) == 0
    met = {one["measure"]: one["met"] for one in json.loads(capsys.readouterr().out)}
    assert (met["attacks found in time"], met["innocent causes not paged"]) == (True, False)
