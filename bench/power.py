"""D6, D8 and D9: causes and what hides under them on the twin, and covert-channel detectors against the optimal test.

Ours on ours (the twin is Mumetal's own): the twin's figures show that the rooms work together, never that they work in
the world. Seeds of the twin lie apart from those the causes were tuned on (1000 to 1002).
"""

import argparse
import copy
import math

import numpy as np

from bench.loop import BACKENDS, QUIET_S, T0, Memory
from mumetal.catalog import calibrations
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.series import Channel, Series
from mumetal.core.settings import WatchSettings
from mumetal.numerics.normal import z_upper
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.watch.covert.timing import BLOCK, TimingChannel
from mumetal.watch.watch import Watch

INNOCENT = ("tls_jump", "radiation_burst", "pulse_tube", "warm_up", "authorised_recalibration", "co_tenant_load")
HIDDEN = (  # attack, the cause it hides under
    ("cryostat_sabotage", "warm_up"), ("telemetry_replay", "warm_up"), ("crosstalk_hammering", "co_tenant_load"),
    ("timing_covert_channel", "co_tenant_load"), ("calibration_misreport", "authorised_recalibration"),
    ("device_substitution", "authorised_recalibration"), ("config_edit", "authorised_recalibration"),
    ("config_edit", "tls_jump"), ("timing_covert_channel", "pulse_tube"), ("config_edit", "radiation_burst"),
)  # fmt: skip
FIRST_SEED = 5_000


class Ground:
    """A twin and its watchers after a quiet past; copies of it go different ways."""

    def __init__(self, seed: int) -> None:
        self.lab = Lab(calibrations.snapshots(BACKENDS[seed % len(BACKENDS)]), seed, T0, pace=Pace(control_hz=40.0))
        self.clock, self.memory = ManualClock(T0), Memory()
        self.watch = Watch(WatchSettings(), self.clock, self.memory.scene)
        self.said: list[Finding] = []

    def live(self, seconds: int) -> None:
        """Let the twin and its watchers run."""
        for _ in range(seconds):
            data = self.lab.advance(1.0)
            self.memory.data += data
            self.clock.set_ns(self.lab.now_ns)
            for d in data:
                self.said += self.watch.observe(d)
            self.said += self.watch.tick(self.lab.now_ns)

    def after(self, *names: str) -> list[Finding]:
        """Return every word said of findings that are not over when ``names`` begin together."""
        one = copy.deepcopy(self)
        one.said = []
        begun = one.lab.now_ns
        for name in names:
            one.lab.perturb(name, find(name).usual, 0.15 if name == "radiation_burst" else 30.0)
        one.live(60)
        return [f for f in one.said if f.stop_ns >= begun and not f.rule.startswith("watch.quality.s")]


def streams_of(name: str) -> set[str]:
    """Return the streams that a perturbation may move."""
    return {m.split("/")[0] for m in find(name).moves} - {"events"}


def causes(seeds: int) -> None:
    """D6."""
    tally: dict[tuple[str, ...], list[int]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        ground = Ground(seed)
        ground.live(round(QUIET_S))
        for name in INNOCENT:
            words = ground.after(name)
            own = [f for f in words if f.stream in streams_of(name)]
            row = tally.setdefault((name,), [0, 0, 0, 0])
            row[0] += 1
            row[1] += bool(own)
            row[2] += any(not f.explained for f in own)
            row[3] += any(not f.explained for f in words)
        for attack, cause in HIDDEN:
            words = ground.after(attack, cause)
            row = tally.setdefault((attack, cause), [0, 0, 0, 0])
            row[0] += 1
            row[1] += any(f.stream in streams_of(attack) for f in words)
            row[2] += any(not f.explained and f.stream in streams_of(attack) for f in words)
        print(f"seed {seed} done", flush=True)
    print("\n| innocent cause | runs | seen | paged on its streams | paged anywhere |\n|---|---|---|---|---|")
    for key, row in tally.items():
        if len(key) == 1:
            print(f"| {key[0]} | {row[0]} | {row[1]} | {row[2]} | {row[3]} |")
    print("\n| attack | under | runs | seen | found unexplained |\n|---|---|---|---|---|")
    for key, row in tally.items():
        if len(key) == 2:
            print(f"| {key[0]} | {key[1]} | {row[0]} | {row[1]} | {row[2]} |")
    calm = [r for k, r in tally.items() if len(k) == 1]
    dark = [r for k, r in tally.items() if len(k) == 2]
    print(f"\nnot paged on its own streams {_share(sum(r[0] - r[2] for r in calm), sum(r[0] for r in calm))}")
    print(f"of those seen: explained {_share(sum(r[1] - r[2] for r in calm), sum(r[1] for r in calm))}")
    print(f"hidden attacks found {_share(sum(r[2] for r in dark), sum(r[0] for r in dark))}")


def _share(k: int, n: int) -> str:
    """K of n with its 95% Wilson interval."""
    z, p = 1.96, k / max(n, 1)
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + s * half) / (1 + z * z / n) for s in (-1, 1))
    return f"{k}/{n} = {p:.2f} ({low:.2f} to {high:.2f})"


def optimal_pulses(d: float, alpha: float, beta: float) -> float:
    """Pulses that the best blind test of ±dσ in known Gaussian jitter needs, by the normal limit of its log ratio."""
    x = np.linspace(-12, 12, 20_001)
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    shifted = 0.5 * (np.exp(-0.5 * (x - d) ** 2) + np.exp(-0.5 * (x + d) ** 2)) / math.sqrt(2 * math.pi)
    ratio = np.logaddexp(d * x, -d * x) - math.log(2) - d * d / 2
    step = x[1] - x[0]
    m0, m1 = (float((p * ratio).sum() * step) for p in (density, shifted))
    v0, v1 = (float((p * ratio**2).sum() * step) - m * m for p, m in ((density, m0), (shifted, m1)))
    return ((z_upper(alpha) * math.sqrt(v0) + z_upper(beta) * math.sqrt(v1)) / (m1 - m0)) ** 2


def _pulses(rng: np.random.Generator, n: int, d: float, references: int, *, coloured: bool) -> np.ndarray:
    both = rng.standard_normal((n, 1 + references))
    if coloured:  # wander of two jitters over 400 pulses, common to both
        kicks = 2.0 * math.sqrt(2 / 400) * rng.standard_normal(n)
        keep, level = 1 - 1 / 400, np.empty(n)
        decay = keep ** np.arange(256)
        last = 0.0
        for start in range(0, n, 256):
            part = kicks[start : start + 256]
            size = part.size
            level[start : start + size] = decay[:size] * (last * keep + np.cumsum(part / decay[:size]))
            last = level[start + size - 1]
        both += level[:, None]
    both[:, 0] += d * np.where(rng.random(n) < 0.5, -1.0, 1.0)
    return 5e-12 * both


def _series(values: np.ndarray, start: int) -> Series:
    names = ("awg.timing_residual", *(f"awg.reference{k}_residual" for k in range(values.shape[1] - 1)))
    t = T0 + (start + np.arange(len(values))) * 10**6
    return Series(
        device="b", stream="control", channels=tuple(Channel(name=n, unit="s") for n in names), t_ns=t, values=values
    )


def timing(runs: int) -> None:
    """D8: pulses to 99.9% power at 0.1% false alarm, against the optimal test."""
    alpha = 1e-3
    print(
        "| jitter | references a pulse | d | optimal | ours | ratio | false alarms measured |\n|---|---|---|---|---|---|---|"
    )
    for coloured, references in ((False, 1), (False, 8), (True, 8)):
        for d in (1.0, 0.7, 0.5, 0.3):
            best = optimal_pulses(d, alpha, alpha)
            history = max(2**15, 2 ** math.ceil(math.log2(8 * best)))
            ends: list[np.ndarray] = []
            nulls: list[np.ndarray] = []
            grid = np.unique((np.ceil(best * np.geomspace(1.0, 8.0, 16) / BLOCK) * BLOCK).astype(int))
            for run in range(runs):
                rng = np.random.default_rng([7, run, int(1e3 * d), coloured])
                detector = TimingChannel()
                detector.fit(_series(_pulses(rng, history, 0.0, references, coloured=coloured), 0))
                for size, kept in ((d, ends), (0.0, nulls)):
                    detector.reset()
                    score = detector.score(
                        _series(_pulses(rng, int(grid[-1]), size, references, coloured=coloured), history)
                    )
                    kept.append(score[grid - 1])
            level = z_upper(alpha / detector.scales)
            scores, quiet = np.array(ends), np.array(nulls)
            low = scores.mean(axis=0) - z_upper(alpha) * scores.std(axis=0, ddof=1)
            enough = np.flatnonzero(low >= level)
            ours = int(grid[enough[0]]) if enough.size else 0
            name = "coloured" if coloured else "Gaussian"
            told = f"{ours} | {ours / best:.1f}" if ours else f"> {grid[-1]} | > {grid[-1] / best:.1f}"
            print(
                f"| {name} | {references} | {d:g} | {best:.0f} | {told} | {int((quiet >= level).sum())}/{quiet.size} |",
                flush=True,
            )


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--what", choices=("causes", "timing"), default="causes")
    p.add_argument("--seeds", type=int, default=5)
    a = p.parse_args()
    causes(a.seeds) if a.what == "causes" else timing(4 * a.seeds)
