"""The bench of verification: a cost beside the digest's, and no tampered installation let pass."""

import itertools
from pathlib import Path
from random import Random

from bench.trust.releases import Makers, cost, tampering
from mumetal.core.clock import ManualClock

NOW = 1_795_000_000 * 10**9


def test_cost_and_tampering(tmp_path: Path) -> None:
    ticks = itertools.count(0, 1_000)
    entropy = Random(1).randbytes
    told = cost(b"image" * 99, tmp_path, clock=ManualClock(NOW), entropy=entropy, cpu_ns=lambda: next(ticks), repeats=4)
    assert (told.size, told.n, told.ratio, told.low, told.high) == (495, 4, 1.0, 1.0, 1.0)
    table = tampering({"a": [b"image" * 99], "b": [b"other"] * 2}, entropy=entropy, now_ns=NOW, chance=Random(2))
    assert {f: (t.tampered, t.accepted, t.good, t.refused) for f, t in table.items()} == {
        "a": (13, 0, 1, 0), "b": (26, 0, 2, 0),
    }  # fmt: skip


def test_it_would_notice_an_acceptance() -> None:
    makers = Makers.fresh(Random(1).randbytes, NOW)
    assert makers.passes(makers.sign(b"image"), b"image")
    assert not makers.passes(makers.sign(b"image", (0, 3)), b"image")
