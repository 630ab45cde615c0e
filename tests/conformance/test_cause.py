"""Every listed cause keeps every promise of the port."""

import math

import numpy as np
import pytest

from mumetal.core.event import Event
from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import Cause, Scene
from mumetal.core.series import Channel, Series
from mumetal.core.subject import Subject
from mumetal.watch.causes import CAUSES

EACH = pytest.mark.parametrize(("cause_id", "cause"), list(CAUSES), ids=[i for i, _ in CAUSES])
T0 = 1_760_000_000 * 10**9


def finding(stream: str, rule: str) -> Finding:
    return Finding(
        subject=Subject.stream("d", stream), rule=rule, title="x", start_ns=T0 + 30 * 10**9, stop_ns=T0 + 40 * 10**9,
        confidence=0.9, attribution=(Attribution(channel="q0.T1", share=0.9, method="own-score"),),
    )  # fmt: skip


def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    channels = (Channel(name="q0.T1", unit="s"), Channel(name="4k.temperature", unit="K"))
    t = T0 + np.arange(60) * 10**9
    full = Series(device="d", stream="s", channels=channels, t_ns=t, values=np.exp(rng.normal(size=(60, 2))))
    blank = Series(device="d", stream="s", channels=channels, t_ns=t, values=np.full((60, 2), np.nan))
    zeros = Series(device="d", stream="s", channels=channels, t_ns=t, values=np.zeros((60, 2)))
    odd = Event(
        event_id="x" * 1000, device="d", t_ns=T0 + 20 * 10**9, activity="calibration.write", actor="y" * 1000,
        attributes=(("max_relative_change", "nan"), ("change_ticket", "z" * 4000), ("channels", "[")),
    )  # fmt: skip
    return [
        Scene(),
        *(Scene(series=(s, s), events=(odd,)) for s in (full, blank, zeros)),
        Scene(series=(full.rows(0, 0),)),
    ]


@EACH
def test_id_is_the_path_and_names_its_source(cause_id: str, cause: Cause) -> None:
    assert cause.info.plugin_id == cause_id
    assert type(cause).__module__ == f"mumetal.{cause_id}"
    assert cause.info.title
    assert cause.info.reference


@EACH
@pytest.mark.parametrize("stream", ["cryostat", "qubits", "calibration", "control"])
@pytest.mark.parametrize("rule", ["watch.detectors.ewma", "watch.detectors.identity"])
def test_always_answers_with_a_reason_and_a_finite_ratio(cause_id: str, cause: Cause, stream: str, rule: str) -> None:
    for scene in scenes():
        verdict = cause.explain(finding(stream, rule), scene)
        assert verdict == cause.explain(finding(stream, rule), scene)
        assert verdict.cause == cause_id
        assert verdict.reason
        assert math.isfinite(verdict.log_likelihood_ratio)
        if verdict.explained:
            assert verdict.log_likelihood_ratio > 0


@EACH
def test_explains_nothing_where_nothing_is_known(cause_id: str, cause: Cause) -> None:
    assert not cause.explain(finding("qubits", "watch.detectors.ewma"), Scene()).explained


@EACH
def test_never_explains_a_substituted_device(cause_id: str, cause: Cause) -> None:
    for scene in scenes():
        assert not cause.explain(finding("calibration", "watch.detectors.identity"), scene).explained
