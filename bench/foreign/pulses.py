"""Pulse envelopes of gates, played many times (bar D20): innocent change, and tampering, under the same split rule.

A control line plays each gate's envelope (cosine, Gaussian with derivative part, flat top) with the change that lines have: bandwidth,
droop, mixer imbalance, thermal drift, jitter, ADC noise, and new calibrations, after which all plays differ a little for good. The
derivative part is Motzoi et al. 2009, arXiv 0901.0534; the kinds of tampering are those of arXiv 2406.05941 (as THREATS cites it),
covert modulation, replay, clipping and leakage; what is innocent is recalled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from bench.foreign.draws import Draws, Split, ordinal, seeds, split_of
from bench.foreign.noise import Array, coloured

Wave = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseRun:
    """Plays of one control system, in order.

    Args:
        name: Says the seed and nothing of the label.
        seed: Makes it again.
        split: By the seed's hash.
        gates: Names of the gates, ``q0.x`` and so on.
        gate: Which gate each play is of, shape (n,).
        waves: Sampled envelopes, real part I and imaginary part Q, in volts, complex64, shape (n, samples).
        t_ns: When, nanoseconds from the run's beginning, shape (n,).
        tampered: Whether a play was tampered with, shape (n,).
        label: Kind of tampering; empty when there is none.
        innocent: Innocent changes in it, with the play after which each begins.
        start: First play that may be tampered with; before it there is none.
        detectable: AUC between a tampered and an untouched play for a detector that knows both envelopes and the noise.
    """

    name: str
    seed: int
    split: Split
    gates: tuple[str, ...]
    gate: NDArray[np.int64]
    waves: NDArray[np.complex64]
    t_ns: NDArray[np.int64]
    tampered: NDArray[np.bool_]
    label: str
    innocent: tuple[tuple[str, int], ...]
    start: int
    detectable: float


@dataclass(frozen=True, slots=True)
class _Play:
    """What a tampering sees: one clean envelope, its strength, a bit of a message, another gate's envelope to swap or leak."""

    wave: Wave
    size: float
    bit: float
    other: Wave


def _moved(wave: Wave, samples: float) -> Wave:
    """Return a wave later by a part of a sample or more, through its spectrum, the ends held at zero."""
    padded = np.r_[wave, np.zeros(wave.size)]
    turned = np.fft.fft(padded) * np.exp(-2j * np.pi * np.fft.fftfreq(padded.size) * samples)
    return np.asarray(np.fft.ifft(turned)[: wave.size])


def _shape(p: _Play) -> Wave:
    x = np.linspace(-1, 1, p.wave.size)
    return np.asarray(p.wave * (1 + p.size * (x**2 - 0.3)))


def _phase(p: _Play) -> Wave:
    return np.asarray(p.wave * np.exp(1j * p.size))


def _frequency(p: _Play) -> Wave:
    return np.asarray(p.wave * np.exp(1j * p.size * np.linspace(0, 6, p.wave.size)))


def _timing(p: _Play) -> Wave:
    return _moved(p.wave, 8 * p.size)


def _covert(p: _Play) -> Wave:
    return np.asarray(p.wave * (1 + 0.5 * p.size * p.bit))


def _covert_phase(p: _Play) -> Wave:
    return np.asarray(p.wave * np.exp(0.5j * p.size * p.bit))


def _swapped(p: _Play) -> Wave:
    return p.other


def _replayed(p: _Play) -> Wave:
    return p.wave  # what is replayed is what came out of the line: ``run`` puts it in


def _clipped(p: _Play) -> Wave:
    top = float(np.abs(p.wave).max()) * (1 - p.size)
    return np.asarray(p.wave * np.minimum(1, top / np.maximum(np.abs(p.wave), 1e-12)))


def _leaking(p: _Play) -> Wave:
    return np.asarray(p.wave + 0.4 * p.size * p.other)


TAMPERINGS: dict[str, Callable[[_Play], Wave]] = {
    "shape": _shape, "phase": _phase, "frequency": _frequency, "timing": _timing, "covert_amplitude": _covert,
    "covert_phase": _covert_phase, "swapped": _swapped, "replayed": _replayed, "clipped": _clipped, "leaking": _leaking,
}  # fmt: skip
KINDS = ("", *TAMPERINGS)


def runs(split: Split, n: int) -> Iterator[PulseRun]:
    """Yield the first n runs of a split; every eleventh has no tampering."""
    return (run(seed) for seed in islice(seeds(split), n))


def run(seed: int) -> PulseRun:
    """Make a seed's run: 1,600 to 4,000 plays of 64 to 256 samples."""
    draws = Draws(seed, "pulses")
    rng = draws.rng
    samples, plays = int(draws.within(64, 257)), int(draws.within(1_600, 4_000))
    names, clean = _gates(draws, samples)
    gate = rng.integers(len(names), size=plays)
    label = KINDS[ordinal(seed) % len(KINDS)]
    start = int(draws.within(0.5, 0.65) * plays)
    lines, innocent = _lines(draws, plays)
    noise = draws.spread(0.001, 0.006)
    tampered = np.zeros(plays, bool)
    if label:
        tampered[start:] = rng.random(plays - start) < draws.within(0.08, 0.5)
    size, bits = draws.spread(0.015, 0.25), rng.integers(0, 2, size=plays) * 2.0 - 1
    untouched = np.asarray(clean)[gate]
    sent = untouched.copy()
    for k in np.flatnonzero(tampered).tolist():
        g = int(gate[k])
        other = clean[(g + 1 + k % (len(clean) - 1)) % len(clean)]
        sent[k] = TAMPERINGS[label](_Play(untouched[k], size, float(bits[k]), other))
    shown = lines(np.arange(plays), sent)
    few = np.flatnonzero(tampered)[:256]
    apart = np.abs(shown[few] - lines(few, untouched[few]))
    shown += noise * (rng.normal(size=shown.shape) + 1j * rng.normal(size=shown.shape))
    waves = _converted(shown).astype(np.complex64)
    if label == "replayed":  # as it was captured before, noise and all
        for k in np.flatnonzero(tampered).tolist():
            waves[k] = waves[np.flatnonzero(gate[:start] == gate[k])[-1 - k % 8]]
    step = rng.choice(np.array([200, 1_000, 5_000]), size=plays)
    return PulseRun(
        name=f"pulses-{seed}", seed=seed, split=split_of(seed), gates=names, gate=gate.astype(np.int64), waves=waves,
        t_ns=np.cumsum(step), tampered=tampered, label=label, innocent=innocent, start=start,
        detectable=_auc(label, apart, noise),
    )  # fmt: skip


def _gates(draws: Draws, samples: int) -> tuple[tuple[str, ...], list[Wave]]:
    """Draw the envelopes of two or three gates on two to four qubits."""
    x = np.linspace(-1, 1, samples)
    names: list[str] = []
    waves: list[Wave] = []
    for q in range(draws.pick((2, 3, 4))):
        kind, width = draws.pick(("cosine", "gaussian", "flat")), draws.within(0.25, 0.5)
        if kind == "cosine":
            body = (1 + np.cos(np.pi * x)) / 2
        elif kind == "gaussian":
            body = np.exp(-(x**2) / 2 / width**2) - np.exp(-1 / 2 / width**2)
        else:
            body = 0.5 * (np.tanh((x + 0.8) / 0.08) - np.tanh((x - 0.8) / 0.08))
        full = draws.within(0.3, 0.9)
        curved = draws.within(-0.06, 0.06) * np.gradient(body) * samples / 8
        turn = np.exp(1j * draws.within(0, 6.28))
        for gate, part in (("x", 1.0), ("sx", 0.5), ("y", 1j)):
            names.append(f"q{q}.{gate}")
            waves.append(np.asarray(full * part * turn * (body + 1j * curved)))
    return tuple(names), waves


def _lines(draws: Draws, plays: int) -> tuple[Callable[[NDArray[np.int64], Wave], Wave], tuple[tuple[str, int], ...]]:
    """Draw the control line: what it makes of the envelope of each play, and the innocent changes on the way."""
    gain = 1 + draws.within(5e-4, 4e-3) * coloured(draws.rng, plays, 1.8)
    turn = draws.within(5e-4, 6e-3) * coloured(draws.rng, plays, 1.8)
    late = draws.within(0.002, 0.03) * draws.rng.normal(size=plays)
    memory, droop = draws.within(0.0, 0.35), draws.within(0.0, 0.06)
    uneven, askew = draws.within(-0.01, 0.01), draws.within(-0.01, 0.01)
    innocent: list[tuple[str, int]] = []
    band = np.full(plays, memory)
    offset = np.zeros(plays, np.complex128)
    for what in ("recalibration", "warm_day", "bandwidth", "mixer"):
        if not draws.chance(0.45):
            continue
        at = int(draws.within(0.1, 0.9) * plays)
        innocent.append((what, at))
        if what == "recalibration":
            gain[at:] *= 1 + draws.within(-0.02, 0.02)
            turn[at:] += draws.within(-0.05, 0.05)
        elif what == "warm_day":
            rise = np.clip((np.arange(plays) - at) / max(1, plays // 5), 0, 1)
            gain *= 1 - draws.within(0.001, 0.01) * rise
            turn += draws.within(-0.02, 0.02) * rise
        elif what == "bandwidth":
            band[at:] = np.clip(memory + draws.within(-0.03, 0.03), 0, 0.5)
        else:
            offset[at:] += draws.within(-2e-3, 2e-3) + 1j * draws.within(-2e-3, 2e-3)

    def line(plays: NDArray[np.int64], waves: Wave) -> Wave:
        k, size = plays[:, None], waves.shape[1]
        f = 2 * np.pi * np.fft.fftfreq(2 * size)
        out = np.empty(waves.shape, np.complex128)
        for at in range(0, plays.size, 256):
            some = slice(at, at + 256)
            answer = (
                (1 - band[k[some]]) / (1 - band[k[some]] * np.exp(-1j * f)) * np.exp(-1j * f * late[k[some]])
            )  # one pole; jitter
            out[some] = np.fft.ifft(np.fft.fft(waves[some], 2 * size) * answer)[:, :size]
        out *= gain[k] * np.exp(1j * turn[k]) * (1 - droop * np.linspace(0, 1, size))
        return np.asarray(out.real * (1 + uneven) + 1j * (out.imag + askew * out.real) + offset[k])

    return line, tuple(sorted(innocent, key=lambda told: told[1]))


def _converted(wave: Wave) -> Wave:
    """Return what a converter of 12 bits over ±1 V gives."""
    step = 2 / 4_096
    return np.asarray(
        np.round(np.clip(wave.real, -1, 1) / step) * step + 1j * np.round(np.clip(wave.imag, -1, 1) / step) * step
    )


def _auc(label: str, apart: Array, noise: float) -> float:
    """Return the mean over plays of Φ(d/√2), d the distance of the two envelopes in standard deviations of the noise."""
    if not label:
        return float("nan")
    if label == "replayed":
        return 1.0  # a play that repeats another bit for bit
    far = np.sqrt((apart**2).sum(axis=1)) / noise / np.sqrt(2)
    grid = np.linspace(-8, 8, 4_001)
    normal = np.cumsum(np.exp(-(grid**2) / 2))
    return float(np.interp(far, grid, normal / normal[-1]).mean())
