"""The twin, its truth, and sealed test grounds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mumetal.core.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mumetal.core.clock import Clock
    from mumetal.core.delivery import Datum

LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundAnswer:
    """What the stack of a ground answered: HTTP status, body, and headers with their names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class GroundClient(Protocol):
    """Speaks HTTP with one address and no other."""

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> GroundAnswer:
        """Ask for ``path``, such as ``"/api/v1/incidents"``; redirects are returned, never followed.

        Raises:
            RejectedError: ``path`` is no path, so it could name another place.
            UnavailableError: The stack did not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A sealed test ground while it is open. What the stack made of things is read through its address only.

    Args:
        twin: Lives by itself on the clock.
        url: The stack's own address, ``http://127.0.0.1:PORT``.
        clock: The one clock of twin, stack and whoever plays here.
        folder: Everything that the ground has; it is deleted at the end.
        keys: URIs of the keys that were made for it, such as the ledger's.
        connect: Makes a client of that address and no other.

    Raises:
        RejectedError: The address is not on loopback.
    """

    twin: Twin
    url: str
    clock: Clock
    folder: Path
    keys: Sequence[str]
    connect: Callable[[str], GroundClient] = field(repr=False)

    def __post_init__(self) -> None:
        if not LOOPBACK.fullmatch(self.url):
            raise RejectedError("a ground is a stack on loopback", where="ground.url", hint="http://127.0.0.1:PORT")

    def client(self) -> GroundClient:
        """Return a client of the stack that can ask nobody else."""
        return self.connect(self.url)


class Range(Protocol):
    """A sealed test ground: a twin and its own instance of the stack, with its own keys. Never a real device."""

    def open(self) -> AbstractContextManager[Ground]:
        """Build the ground; leaving the context destroys it.

        The calling thread takes part in the ground's clock: time passes while it sleeps on it or waits for a flag of it.

        Raises:
            RejectedError: Something real would be reachable from it.
        """
