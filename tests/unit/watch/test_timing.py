"""Messages in pulse timing are found, jitter that only changes is not, and structure is found below the noise wall."""

import numpy as np
import pytest
from tests import naive

from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.sequence import SequenceCorrelation
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.covert.template import CODES, MatchedTemplate, maximal_sequences
from mumetal.watch.covert.timing import TimingChannel

T0 = 1_760_000_000 * 10**9
SIGMA = 5e-12


def pulses(n: int, seed: int, *, references: int = 1, shift: np.ndarray | None = None, jitter: float = 1.0) -> Series:
    values = jitter * np.random.default_rng(seed).normal(size=(n, 1 + references))
    if shift is not None:
        values[:, 0] += np.resize(shift, n)
    names = ("awg.timing_residual", *(f"awg.reference{k}_residual" for k in range(references)))
    channels = tuple(Channel(name=name, unit="s") for name in names)
    return Series(
        device="d", stream="control", channels=channels, t_ns=T0 + np.arange(n) * 10**6, values=SIGMA * values
    )


def bits(n: int, seed: int, *, each: int = 1) -> np.ndarray:
    return np.repeat(np.where(np.random.default_rng(seed).random(-(-n // each)) < 0.5, -1.0, 1.0), each)[:n]


def test_span_means_agree_with_their_twin_in_any_chunks() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    spans = spans_up_to(20)
    assert spans == (1, 2, 3, 4, 6, 8, 11, 16)
    whole, parts = Spans(spans, 2), Spans(spans, 2)
    told = [means for _, means in whole.push(rows)]
    for span, means in zip(spans, told, strict=True):
        np.testing.assert_allclose(means, naive.last_means(rows, span))
    pieces = [[m for _, m in parts.push(rows[a:b])] for a, b in ((0, 7), (7, 7), (7, 50))]
    for k, means in enumerate(told):
        np.testing.assert_allclose(np.concatenate([p[k] for p in pieces if p]), means)


def test_a_message_is_found_and_an_innocent_change_of_all_jitter_is_not() -> None:
    detector = TimingChannel()
    detector.fit(pulses(20_000, 1, references=8))
    level = z_upper(1e-4 / detector.scales)
    said = {}
    for name, more in {
        "quiet": pulses(8_000, 2, references=8),
        "message": pulses(8_000, 2, references=8, shift=0.5 * bits(8_000, 3)),
        "louder": pulses(8_000, 2, references=8, jitter=1.15),
        "much louder": pulses(8_000, 2, references=8, jitter=2.0),
    }.items():
        detector.reset()
        said[name] = detector.score(more).max()
    assert said["message"] > level + 1
    assert max(said["quiet"], said["louder"], said["much louder"]) < level


def test_without_references_a_small_change_of_jitter_is_below_the_wall() -> None:
    detector = TimingChannel()
    detector.fit(pulses(200_000, 4, references=0))
    detector.reset()
    slightly = detector.score(pulses(100_000, 5, references=0, jitter=1.01)).max()
    detector.reset()
    message = detector.score(pulses(100_000, 5, references=0, shift=0.5 * bits(100_000, 6))).max()
    assert slightly < z_upper(1e-4 / detector.scales) < message


def test_bits_that_last_are_found_where_the_variance_sees_nothing_yet() -> None:
    n, d = 12_000, 0.35
    history, sent = pulses(20_000, 7), pulses(n, 8, shift=d * bits(n, 9, each=12))
    sequence, variance = SequenceCorrelation(), TimingChannel()
    for detector in (sequence, variance):
        detector.fit(history)
        detector.reset()
    quiet = sequence.score(pulses(n, 10)).max()
    sequence.reset()
    assert sequence.score(sent).max() > z_upper(1e-3 / (2 * sequence.scales)) + 1 > quiet
    assert variance.score(sent).max() < z_upper(1e-3 / variance.scales)
    sequence.reset()
    assert sequence.score(pulses(n, 11, jitter=3.0)).max() < z_upper(1e-3 / (2 * sequence.scales))  # no wall


def test_a_known_code_is_found_far_below_what_any_blind_test_sees() -> None:
    n = 12_000
    code = np.array(maximal_sequences(6)[2], np.float64)
    template = MatchedTemplate()
    template.fit(pulses(8_000, 12))
    template.reset()
    quiet = template.score(pulses(n, 13)).max()
    template.reset()
    found = template.score(pulses(n, 13, shift=0.14 * np.roll(code, 17))).max()
    assert found > z_upper(1e-3 / (2 * template.scales)) + 1
    assert quiet < z_upper(1e-3 / (2 * template.scales))


def test_the_codes_are_the_known_ones() -> None:
    assert [len(maximal_sequences(k)) for k in (3, 4, 5, 6)] == [2, 2, 6, 6]  # Euler's φ(2^k - 1)/k
    for code in CODES[1:]:
        ring = np.array([float(np.dot(code, np.roll(code, s))) for s in range(1, len(code))])
        np.testing.assert_allclose(ring, -1)
    with pytest.raises(BadInputError, match="template"):
        MatchedTemplate(((1, 0, 1, 1),))
