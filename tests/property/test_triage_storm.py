"""Hours of findings, people acting in between, a small memory: the board stays consistent."""

import random
from contextlib import suppress
from itertools import pairwise

import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import IncidentState
from mumetal.core.subject import Subject
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage
from mumetal.respond.triage import board as board_module

T0 = 1_800_000_000 * 10**9
S = 10**9
WARM = CauseVerdict(cause="watch.causes.warm_up", explained=True, log_likelihood_ratio=5.0, reason="warm")


def a_finding(rng: random.Random) -> Finding:
    start = rng.randrange(40_000)
    return Finding(
        subject=Subject.stream(rng.choice("abcd-"), rng.choice("stu")),
        rule=rng.choice(["r1", "r2"]),
        title="t",
        start_ns=T0 + start * S,
        stop_ns=T0 + (start + rng.choice([1, 100, 1_000, 5_000])) * S,
        severity=rng.choice(list(Severity)),
        confidence=rng.random(),
        techniques=tuple(rng.sample(["impair.x", "covert.y", "disrupt.z"], rng.choice([0, 0, 1]))),
        causes=(WARM,) if rng.random() < 0.3 else (),
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_storm(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(board_module, "MAX_INCIDENTS", rng.choice([30, 2_000]))
    triage = Triage(TriageSettings(join_s=120), Inventory())
    paged: set[str] = set()
    known: list[Finding] = []
    for step in range(400):
        batch = [rng.choice(known) if known and rng.random() < 0.2 else a_finding(rng) for _ in range(rng.randrange(4))]
        known += batch
        triage.add(batch, T0 + step * S)
        for page in triage.pages():
            assert page.incident_id not in paged, "nothing pages twice"
            paged.add(page.incident_id)
        board = triage.incidents()
        if board and rng.random() < 0.5:
            with suppress(BadInputError):  # not every move is legal
                triage.change(rng.choice(board).incident_id, "alice", T0, state=rng.choice(list(IncidentState)))
        assert len(board) <= board_module.MAX_INCIDENTS
        live = [f for i in board if i.state is not IncidentState.RESOLVED for f in i.findings]
        assert len(live) == len(set(live)), "a finding is in one open incident"
        for lane in triage._near._lanes.values():
            assert all(a[1] + 120 * S < b[0] for a, b in pairwise(lane)), "intervals stay disjoint"
            assert all(triage._groups[group].open_end for _, _, group in lane)
