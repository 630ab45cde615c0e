"""The physics of harm: limits, directions, and sentences that say what was assumed."""

import math

import pytest

from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.subject import Subject
from mumetal.respond.triage.impact import change_of, decoherence, fidelity_loss, harm, thermal_population
from mumetal.respond.triage.inventory import Inventory, Machine, decode_inventory

T0 = 1_800_000_000 * 10**9
KINDS = ("t1", "t2", "gate", "readout", "frequency", "temperature")
INVENTORY = decode_inventory(b'[devices.q]\nworkloads=[{name="w",criticality=1.0,depth=200,qubits=8}]')


def finding(
    channel: str = "",
    detail: str = "",
    techniques: tuple[str, ...] = (),
    device: str = "q",
    severity: Severity = Severity.LOW,
) -> Finding:
    return Finding(
        subject=Subject.stream(device, "s"),
        rule="r",
        title="t",
        detail=detail,
        start_ns=T0,
        stop_ns=T0,
        severity=severity,
        confidence=0.5,
        techniques=techniques,
        attribution=(Attribution(channel=channel, share=1, method="own-score"),) if channel else (),
    )


def test_decoherence_has_its_limits() -> None:
    assert decoherence(0, 1e-4, 1e-4) == pytest.approx(0)
    assert decoherence(1e9, 1e-4, 1e-4) == pytest.approx(0.5)
    short = 1e-9
    assert decoherence(short, 1e-4, 1e-4) == pytest.approx(short / 1e-4 * (1 / 6 + 1 / 3), rel=1e-4)


def test_a_colder_qubit_is_emptier() -> None:
    assert thermal_population(0, 5e9) == 0
    assert thermal_population(0.01, 5e9) < 1e-9
    assert thermal_population(0.05, 5e9) == pytest.approx(1 / (1 + math.exp(4.799243)), rel=1e-6)
    assert thermal_population(1e6, 5e9) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_a_fraction_and_grows_with_the_change_and_the_qubits(kind: str) -> None:
    losses = [fidelity_loss(kind, f, 4, 100, Machine()) for f in (1.0, 1.2, 2.0, 10.0, 1e6)]
    assert all(0 <= x <= 1 for x in losses)
    assert losses == sorted(losses)
    assert fidelity_loss(kind, 2.0, 8, 100, Machine()) >= fidelity_loss(kind, 2.0, 4, 100, Machine())
    if kind != "frequency":
        assert losses[0] == pytest.approx(0, abs=1e-12)


def test_t1_from_120_to_40_us_costs_what_the_formula_says() -> None:
    made = harm(finding("q3.T1", "T1 fell from 120 µs to 40 µs"), INVENTORY)
    extra = decoherence(1e-7, 1e-4 / 3, min(1e-4, 2e-4 / 3)) - decoherence(1e-7, 1e-4, 1e-4)
    assert made.impact == pytest.approx(-math.expm1(-200 * extra))
    assert "change of ×0.333 on 1 qubits" in made.reason
    assert "q3.T1" in made.reason


@pytest.mark.parametrize(
    ("detail", "factor", "told"),
    [
        ("from 120 µs to 40 µs", 1 / 3, True),
        ("rose from 1.5e-2 to 3e-2", 2.0, True),
        ("-40%", 0.6, True),
        ("by 25 %", 1.25, True),
        ("fell a lot", math.exp(0.5), False),
        ("from 0 to 4", math.exp(0.5), False),
        ("-300%", 1e-6, True),
        ("from " + "9" * 400 + " to 1", math.exp(0.5), False),
    ],
)
def test_changes_are_read_or_assumed_never_invented(detail: str, factor: float, told: bool) -> None:
    found, said = change_of(detail)
    assert found == pytest.approx(factor)
    assert said is told


def test_an_assumed_change_is_said_to_be_assumed() -> None:
    assert "assumed" in harm(finding("q3.T1", "fell a lot"), INVENTORY).reason


def test_an_attack_on_trust_weighs_by_its_tactic_and_an_unknown_thing_by_its_severity() -> None:
    stolen = harm(finding(techniques=("credential_access.token_theft",), severity=Severity.HIGH), INVENTORY)
    assert stolen.impact == pytest.approx(0.8)
    assert "credential access" in stolen.reason
    assert harm(finding(), INVENTORY).reason == "W (criticality 1) is judged by the severity alone (low)."


def test_an_unlisted_device_counts_half_and_says_so() -> None:
    made = harm(finding(device="new"), Inventory())
    assert made.impact == pytest.approx(0.05)
    assert made.reason.startswith("No workload is listed, so an unlisted workload (criticality 0.5)")
