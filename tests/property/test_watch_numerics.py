"""Whatever the numbers and the split, chunks add up to the whole."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests import naive

from mumetal.numerics.cusum import cusum
from mumetal.numerics.ewma import ewma
from mumetal.watch.episodes import Episodes

values = arrays(np.float64, st.tuples(st.integers(0, 90), st.just(2)), elements=st.floats(-1e3, 1e3))


@settings(max_examples=60)
@given(values, st.floats(0.01, 1.0), st.integers(0, 90))
def test_ewma(x: naive.Array, alpha: float, cut: int) -> None:
    whole, _ = ewma(x, alpha, np.zeros(2))
    first, state = ewma(x[:cut], alpha, np.zeros(2))
    second, _ = ewma(x[cut:], alpha, state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-8)
    np.testing.assert_allclose(whole, naive.ewma(x, alpha, np.zeros(2)), atol=1e-8)


@settings(max_examples=60)
@given(values, st.floats(0, 3), st.floats(1, 100), st.integers(0, 90))
def test_cusum(x: naive.Array, slack: float, cap: float, cut: int) -> None:
    zero = (np.zeros(2), np.zeros(2))
    up, down, _ = cusum(x, slack, zero, cap=cap)
    first = cusum(x[:cut], slack, zero, cap=cap)
    second = cusum(x[cut:], slack, first[2], cap=cap)
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), up, atol=1e-7)
    slow = naive.cusum(x, slack, zero, cap)
    np.testing.assert_allclose(up, slow[0], atol=1e-7)
    np.testing.assert_allclose(down, slow[1], atol=1e-7)


@settings(max_examples=60)
@given(arrays(np.float64, st.integers(1, 120), elements=st.sampled_from([0.1, 0.8, 1.1, 2.0])), st.integers(1, 119))
def test_episodes(relative: naive.Array, cut: int) -> None:
    t = np.arange(relative.size, dtype=np.int64) * 10**9

    def run(*pieces: slice) -> list[tuple[str, int, int]]:
        follow, out = Episodes(), []
        for piece in pieces:
            confirmed, ended, _ = follow.push(t[piece], relative[piece])
            out += [("confirmed", e.start_ns, 0) for e in confirmed]
            out += [("ended", e.start_ns, e.last_ns) for e in ended]
        return sorted(out)

    assert run(slice(None)) == run(slice(0, cut), slice(cut, None))
