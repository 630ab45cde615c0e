"""Mutated states of watchers, their sums mended, through the decoder and into monitors: refused, never anything else."""

import hashlib
import random
from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.test_fuzz_models import mutated

from mumetal.core.errors import BadInputError
from mumetal.core.ports import WatcherState
from mumetal.core.series import Channel, Series
from mumetal.formats.watcher_state import BODY_AT, MAGIC, decode, encode
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.quality.silence import Silence
from mumetal.watch.state.saving import parts_of, restore, save, state_of


def good() -> tuple[bytes, ...]:
    rows = np.random.default_rng(1).normal(size=(200, 2))
    channels = tuple(Channel(name=n, unit="1") for n in "ab")
    replay, silence = NoisyReplay(), Silence(20.0)
    replay.observe(Series(device="d", stream="s", channels=channels, t_ns=np.arange(200) * 10**9 + 10**18, values=rows))
    silence.heard(10**18, 1.0)
    small = WatcherState(version=1, facts=b"[]", arrays={"0/a": np.ones((2, 3)), "0/b": np.zeros(0, bool)})
    return (
        encode(state_of({("r",): save(replay), ("s",): save(silence)})),
        encode(state_of({("s",): save(silence)})),
        encode(small),
    )


GOOD = good()


def fuzz_one(data: bytes) -> None:
    with suppress(BadInputError):
        for (key, *_), saved in parts_of(decode(data)).items():
            restore(NoisyReplay() if key == "r" else Silence(20.0), *saved)


def sealed(body: bytes) -> bytes:
    return MAGIC + hashlib.sha256(body).digest() + body


def test_ten_thousand_inputs() -> None:
    rng = random.Random(7)
    read = 0
    for n in range(10_000):
        body = GOOD[n % len(GOOD)][BODY_AT:]
        head = bytes(body[:1_500])
        changed = mutated(rng, head) + body[1_500:] if n % 3 else mutated(rng, body)
        fuzz_one(sealed(changed) if n % 10 else mutated(rng, GOOD[n % len(GOOD)]))
        with suppress(BadInputError):
            decode(sealed(changed))
            read += 1
    assert read > 100  # many reach the objects themselves


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    fuzz_one(data)
    fuzz_one(sealed(data))
