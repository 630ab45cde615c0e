"""Messages in pulse timing are found, jitter that only changes is not, and structure is found below the noise wall."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests import naive

from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.codes import CODES, decode_codes, maximal_sequences
from mumetal.watch.covert.sequence import SequenceCorrelation
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.covert.template import MatchedTemplate
from mumetal.watch.covert.timing import TimingChannel
from mumetal.watch.ensemble import extras_for

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


def test_long_windows_begin_at_whole_steps_and_hold_what_their_twin_does() -> None:
    rows = np.random.default_rng(1).normal(size=(900, 2)) + 1e3
    spans = spans_up_to(300)
    whole, parts = Spans(spans, 2, 8), Spans(spans, 2, 8)
    told = list(whole.push(rows))
    for span, (held, means) in zip(spans, told, strict=True):
        begins = [max(0, stop - span) // (8 if span > 128 else 1) * (8 if span > 128 else 1) for stop in range(1, 901)]
        np.testing.assert_allclose(held, [stop - begin for stop, begin in enumerate(begins, 1)])
        np.testing.assert_allclose(means, [rows[begin:stop].mean(axis=0) for stop, begin in enumerate(begins, 1)])
    pieces = [list(parts.push(rows[a:b])) for a, b in ((0, 5), (5, 5), (5, 230), (230, 900))]
    for k, (_, means) in enumerate(told):
        np.testing.assert_allclose(np.concatenate([p[k][1] for p in pieces if p]), means)


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


OWN = """
[codes]
implant = [1, -1, 0, 1, 0.5, -2, 1, 1, -1]
beacon = [1, 0, 0, 0, 0, 0, 0]
"""


def test_codes_of_ones_own_are_read_bounded_and_found_beside_the_usual_ones() -> None:
    codes = decode_codes(OWN.encode(), "codes.toml")
    assert codes.names == ("implant", "beacon")
    assert (
        decode_codes(b'{"codes": {"implant": [1, -1, 0, 1, 0.5, -2, 1, 1, -1]}}', "c.json").sequences
        == codes.sequences[:1]
    )
    history = pulses(8_000, 20)
    more = pulses(12_000, 21, shift=0.15 * np.roll(np.array(codes.sequences[0]), 4))
    extras = extras_for(replace(history, t_ns=T0 + np.arange(8_000) * 10**7), (codes,))
    assert [family for _, family in extras] == ["covert.timing"]
    assert extras_for(history, ()) == ()
    own, usual = MatchedTemplate(codes.sequences), MatchedTemplate()
    for detector in (own, usual):
        detector.fit(history)
        detector.reset()
    level = z_upper(1e-4 / (2 * own.scales))
    assert own.score(more).max() > level + 1
    assert usual.score(more).max() < z_upper(1e-3 / (2 * usual.scales))
    own.reset()
    assert own.score(pulses(12_000, 22)).max() < level


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[codes]\n", "length >= 1"),
        ("[codes]\nshort = [1, -1]", "length >= 4"),
        ("[codes]\nflat = [2, 2, 2, 2]", "'flat': all its shifts are alike"),
        ("[codes]\nwild = [1, inf, 1, 2]", "'wild': shifts are finite"),
        ("[codes]\nwords = ['a', 'b', 'c', 'd']", "Expected `float`"),
        ("[code]\na = [1, 2, 3, 4]", "code"),
        ("[codes]\n'a b/..' = [1, 2, 3, 4]", "timing code"),
        ("[codes]\n" + "\n".join(f"c{k} = {[1, -1] * 500}" for k in range(17)), "16384 shifts"),
        ("#" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_codes_that_cannot_be_are_refused_and_named(text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(said)) as refused:
        decode_codes(text.encode(), "codes.toml")
    assert "codes.toml" in str(refused.value) or "timing code" in said
