"""Triage: the order of arrival, the batches and repeats change nothing; no finding pages twice; slow twin agrees."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.subject import Subject
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage
from mumetal.respond.triage.adjacency import keys_of
from mumetal.respond.triage.likelihood import combine

T0 = 1_800_000_000 * 10**9
S = 10**9
JOIN_S = 120
WARM = CauseVerdict(cause="watch.causes.warm_up", explained=True, log_likelihood_ratio=5.0, reason="warm")


@st.composite
def a_finding(draw: st.DrawFn) -> Finding:
    start = draw(st.integers(0, 3_000))  # all within an hour: below the longest incident
    return Finding(
        tenant=draw(st.sampled_from(["local", "other"])),
        subject=Subject.stream(draw(st.sampled_from(["a", "b", "c", "-"])), draw(st.sampled_from(["s", "t"]))),
        rule=draw(st.sampled_from(["r1", "r2"])),
        title="t",
        start_ns=T0 + start * S,
        stop_ns=T0 + (start + draw(st.integers(0, 200))) * S,
        severity=draw(st.sampled_from(list(Severity))),
        confidence=draw(st.floats(0, 1)),
        techniques=tuple(draw(st.lists(st.sampled_from(["impair.x", "covert.y"]), max_size=1))),
        causes=(WARM,) if draw(st.booleans()) else (),
    )


FINDINGS = st.lists(a_finding(), max_size=25, unique_by=lambda f: f.finding_id)


def fresh() -> Triage:
    return Triage(TriageSettings(join_s=JOIN_S, repeat_s=0, storm_devices=0), Inventory())


def live(triage: Triage) -> list[Incident]:
    return [i for i in triage.incidents() if i.state is not IncidentState.RESOLVED]


def essence(triage: Triage) -> set[tuple[object, ...]]:
    return {
        (frozenset(i.findings), i.state, i.severity, round(i.likelihood, 9), i.impact, i.start_ns, i.stop_ns, i.device)
        for i in live(triage)
    }


def naive_partition(findings: list[Finding]) -> set[frozenset[str]]:
    """Connected components, the slow and obvious way."""
    groups = [{f.finding_id} for f in findings]
    for i, f in enumerate(findings):
        for g in findings[:i]:
            apart = max(f.start_ns, g.start_ns) - min(f.stop_ns, g.stop_ns)
            if apart <= JOIN_S * S and set(keys_of(f)) & set(keys_of(g)):
                one = next(x for x in groups if f.finding_id in x)
                two = next(x for x in groups if g.finding_id in x)
                if one is not two:
                    groups.remove(two)
                    one |= two
    return {frozenset(g) for g in groups}


@given(findings=FINDINGS, seed=st.randoms(use_true_random=False), size=st.integers(1, 7))
@settings(max_examples=200)
def test_order_and_batches_change_nothing_and_the_slow_twin_agrees(
    findings: list[Finding], seed: object, size: int
) -> None:
    at_once = fresh()
    at_once.add(findings, T0)
    mixed = list(findings)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    in_parts = fresh()
    for start in range(0, len(mixed), size):
        in_parts.add(mixed[start : start + size], T0)
    assert essence(at_once) == essence(in_parts)
    assert {frozenset(i.findings) for i in live(at_once)} == naive_partition(findings)


@given(findings=FINDINGS)
@settings(max_examples=150)
def test_repeats_change_nothing(findings: list[Finding]) -> None:
    triage = fresh()
    triage.add(findings, T0)
    before = triage.incidents()
    triage.pages()
    assert triage.add(findings[::-1], T0 + S) == []
    assert triage.incidents() == before
    assert triage.pages() == []


@given(findings=FINDINGS, flips=st.lists(st.integers(0, 24), max_size=20))
@settings(max_examples=150)
def test_nothing_pages_twice_and_explained_never_does(findings: list[Finding], flips: list[int]) -> None:
    triage = fresh()
    paged: Counter[str] = Counter()
    for finding in findings:
        triage.add([finding], T0)
        paged.update(i.incident_id for i in triage.pages())
    for flip in flips:
        if findings:
            old = findings[flip % len(findings)]
            fields = {n: getattr(old, n) for n in Finding.__slots__ if n != "finding_id"}
            triage.add([Finding(**(fields | {"causes": () if old.causes else (WARM,)}))], T0)
            triage.add([old], T0)
            paged.update(i.incident_id for i in triage.pages())
    assert all(count == 1 for count in paged.values())
    if all(f.causes for f in findings) and not flips:
        assert not paged
    for incident in live(triage):
        assert incident.paged or incident.state is IncidentState.EXPLAINED or incident.severity <= Severity.LOW
        assert incident.incident_id not in paged or incident.paged


@given(findings=FINDINGS)
@settings(max_examples=100)
def test_a_restart_changes_nothing(findings: list[Finding]) -> None:
    triage, again = fresh(), fresh()
    triage.add(findings, T0)
    again.restore(triage.incidents(), findings)
    assert {i.incident_id: i for i in again.incidents()} == {i.incident_id: i for i in triage.incidents()}
    assert again.add(findings, T0) == []
    assert again.pages() == []


@given(ps=st.lists(st.floats(0, 1), max_size=20), more=st.floats(0, 1))
def test_combining_is_bounded_monotone_and_at_least_the_strongest(ps: list[float], more: float) -> None:
    one = combine(ps)
    assert 0 <= one <= 0.99
    assert one >= min(0.99, max(ps, default=0)) - 1e-12
    assert combine([*ps, more]) >= one - 1e-12
    assert combine(ps[::-1]) == one
