"""The twin, its truth, and sealed test grounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from mumetal.core.delivery import Datum
    from mumetal.core.ports.data import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened on a twin: an attack or an innocent cause.

    Args:
        kind: ``"attack"`` or ``"innocent"``.
        name: Technique id or cause id.
        device: Where.
        start_ns: From when.
        stop_ns: Until when.
        strength: How strong, in the unit the name implies.
    """

    kind: str
    name: str
    device: str
    start_ns: int
    stop_ns: int
    strength: float = 1.0


class Twin(Protocol):
    """A quantum stack that runs on a laptop and owns the physics, also of what an attack perturbs."""

    def advance(self, seconds: float) -> Sequence[Datum]:
        """Let ``seconds`` (s) of the twin's time pass and return what its sensors and logs say."""

    def perturb(self, name: str, strength: float, duration_s: float) -> Truth:
        """Start an attack or an innocent cause now; returns the truth about it.

        Raises:
            BadInputError: There is no such perturbation, or the strength is out of range.
        """

    def truth(self) -> Sequence[Truth]:
        """Return all perturbations so far."""


class Range(Protocol):
    """A sealed test ground: a twin and its own instance of the stack, with its own keys. Never a real device."""

    def open(self) -> AbstractContextManager[tuple[Twin, Store]]:
        """Build the ground; leaving the context destroys it.

        Raises:
            RejectedError: Something real would be reachable from it.
        """
