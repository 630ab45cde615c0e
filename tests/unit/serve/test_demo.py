"""How the demonstration is held against its truth, and that it empties only what is its own."""

from pathlib import Path

import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.ports import Truth
from mumetal.core.subject import Subject
from mumetal.twin.demonstration import fresh_folder, score

S = 10**9
T0 = 1_790_000_000 * S
WARM = CauseVerdict(cause="watch.causes.warm_up", explained=True, log_likelihood_ratio=5.0, reason="announced")


def truth(kind: str, device: str, at: int) -> Truth:
    return Truth(kind=kind, name="x", device=device, start_ns=T0 + at * S, stop_ns=T0 + (at + 20) * S)


def finding(device: str, at: int, *, explained: bool = False) -> Finding:
    return Finding(
        rule="r", title="t", subject=Subject.stream(device, "s"), start_ns=T0 + at * S, stop_ns=T0 + (at + 1) * S, confidence=0.9,
        causes=(WARM,) if explained else (),
    )  # fmt: skip


def incident(*found: Finding, state: IncidentState = IncidentState.OPEN) -> Incident:
    return Incident(
        incident_id="i" + found[0].finding_id, device=found[0].device, title="t", state=state, severity=Severity.HIGH,
        likelihood=0.9, impact=0.5, start_ns=T0, stop_ns=T0, findings=tuple(f.finding_id for f in found),
    )  # fmt: skip


def test_an_attack_counts_as_found_on_its_own_device_only() -> None:
    f = finding("b", 5)
    said = score([truth("attack", "a", 0), truth("attack", "b", 0)], [incident(f)], [f])
    assert (said.attacks, said.found) == (2, 1)


def test_an_innocent_cause_pages_also_while_another_device_is_attacked() -> None:
    f = finding("b", 5)
    said = score([truth("attack", "a", 0), truth("innocent", "b", 0)], [incident(f)], [f])
    assert (said.innocent, said.paged) == (1, 1)


def test_what_is_explained_did_not_page() -> None:
    f = finding("b", 5, explained=True)
    said = score([truth("innocent", "b", 0)], [incident(f, state=IncidentState.EXPLAINED)], [f])
    assert (said.innocent, said.paged) == (1, 0)


def test_only_its_own_folder_is_emptied(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path)
    (folder / "old").write_text("x")
    assert not (fresh_folder(tmp_path) / "old").exists()
    mine = tmp_path / "other" / "demo"
    mine.mkdir(parents=True)
    (mine / "precious").write_text("x")
    with pytest.raises(BadInputError, match="no demonstration of ours"):
        fresh_folder(tmp_path / "other")
    assert (mine / "precious").exists()
