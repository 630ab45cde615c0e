"""Jobs, states, assets and records refuse what cannot be."""

from dataclasses import replace

import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.identity import PrincipalKind
from mumetal.core.incident import Label, LabelGiven
from mumetal.core.operation import Asset, Job, JobState, OperatingMode, OperatingState
from mumetal.core.record import MAX_BODY, Record, RecordKind

T0 = 1_800_000_000 * 10**9
JOB = Job(job_id="j1", device="qpu1", state=JobState.QUEUED, submitted_ns=T0, t_ns=T0)
STATE = OperatingState(device="qpu1", mode=OperatingMode.READY, entered_ns=T0)
ASSET = Asset(asset_id="board:1", kind="board", title="AWG", first_ns=T0, last_ns=T0)
GIVEN = LabelGiven(incident_id="i", label=Label.FAULT, t_ns=T0, actor="ana")
RECORD = Record(
    sequence=1,
    kind=RecordKind.ACT_DONE,
    tenant="acme",
    t_ns=T0,
    subject="a1",
    principal="ana",
    principal_kind=PrincipalKind.PERSON,
)


@pytest.mark.parametrize(
    "bad",
    [
        {"tenant": "*"},
        {"job_id": ""},
        {"device": "a b"},
        {"submitted_ns": 1},
        {"t_ns": T0 // 10**9},
        {"owner": "x" * 201},
        {"circuit_digest": "abc"},
        {"shots": -1},
    ],
)
def test_no_job_is_so(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(JOB, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [{"tenant": ""}, {"device": ""}, {"entered_ns": 0}, {"confidence": 1.1}, {"reason": "x" * 1_001}]
)
def test_no_state_is_so(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(STATE, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        {"tenant": ""},
        {"asset_id": "a b"},
        {"kind": ""},
        {"title": "x" * 301},
        {"criticality": float("nan")},
        {"first_ns": T0 + 1},
        {"facts": (("a", "b"),) * 65},
        {"facts": (("a", "x" * 401),)},
    ],
)
def test_no_asset_is_so(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(ASSET, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"tenant": "*"}, {"incident_id": ""}, {"t_ns": 0}, {"actor": "x" * 201}])
def test_no_label_is_so(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(GIVEN, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [{"sequence": 0}, {"tenant": "*"}, {"t_ns": 0}, {"subject": "x" * 201}, {"body": b"x" * (MAX_BODY + 1)}],
)
def test_no_record_is_so(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(RECORD, **bad)  # type: ignore[arg-type]


def test_a_body_is_read_as_what_it_is() -> None:
    assert replace(RECORD, body=b'{"name":"x"}').read(dict) == {"name": "x"}
    with pytest.raises(BadInputError, match="record 1"):
        replace(RECORD, body=b"{").read(dict)
