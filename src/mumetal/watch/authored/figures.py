"""What a figure of a platform is for: where it belongs, which kind it is, whether a device plays it or reports it."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache

Moves = Mapping[str, tuple[float, float]]

INDEX = re.compile(r"\[\d+\]|(?<=\.)(?!T[12]\b)[A-Z]?\d+(?=\.|$)")
NUMBER = re.compile(r"\d+")
QUBIT = re.compile(r"q[A-Z]?\d+")
NESTED = ("pair.", "config.", "configs.", "instruments.", "coupler.")
PLAYED = re.compile(r"(?:q|pair|coupler)\.(?:RX\w*|MZ|R\w*|CZ|iSWAP|CP|drive\w*|probe|flux)(?:/\w+)?[.\[].*")
LIFETIME = re.compile(r".*\.(?:T1|T2|T2_echo)")
FIDELITY = re.compile(r".*fidelity")
LARGEST = 10.0


@lru_cache(maxsize=200_000)
def place_of(channel: str) -> str:
    """Return the qubit, pair or instrument a figure belongs to: ``"q3"`` of ``"q3.RX.amplitude"``."""
    parts = channel.split(".", 2)
    return ".".join(parts[:2]) if channel.startswith(NESTED) and len(parts) > 2 else parts[0]


@lru_cache(maxsize=200_000)
def kind_of(channel: str) -> str:
    """Return a figure's name without its indices: ``"q.RX.amplitude"`` of ``"q3.RX.amplitude"``."""
    place = place_of(channel)
    where = "q" if QUBIT.fullmatch(place) else "pair" if place.startswith("pair.") else NUMBER.sub("#", place)
    return where + INDEX.sub("#", channel[len(place) :])


@lru_cache(maxsize=50_000)
def is_played(kind: str) -> bool:
    """Whether figures of a kind shape what a device plays: pulses, carriers, offsets."""
    return PLAYED.fullmatch(kind) is not None


@lru_cache(maxsize=50_000)
def is_reported(kind: str) -> bool:
    """Whether figures of a kind say how good a device is: lifetimes and fidelities."""
    return LIFETIME.fullmatch(kind) is not None or FIDELITY.fullmatch(kind) is not None


def size(move: tuple[float, float]) -> float:
    """Return |ln(new / old)|, or the relative size where the sign changes; at most 10."""
    old, new = move
    if old * new > 0:
        return min(LARGEST, abs(math.log(new / old)))
    return min(LARGEST, abs(new - old) / max(abs(old), abs(new), 1e-30))


def bettered(channel: str, move: tuple[float, float]) -> float | None:
    """Return ln of how much better a reported figure got: lifetimes up, infidelities down; None for other figures."""
    old, new = move
    kind = kind_of(channel)
    if LIFETIME.fullmatch(kind) and old > 0 and new > 0:
        return math.log(new / old)
    if FIDELITY.fullmatch(kind) and 0 < old < 1 and 0 < new < 1:
        return math.log((1 - old) / (1 - new))
    return None


def measured_together(channel: str) -> tuple[str, str]:
    """Return what a reported figure is measured with: the two fidelities of one readout are one measurement."""
    kind = kind_of(channel)
    return place_of(channel), "readout" if "assignment" in kind or "readout" in kind else kind
