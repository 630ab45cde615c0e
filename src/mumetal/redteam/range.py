"""A sealed test ground: a twin and its own instance of the stack, in a temporary folder, on a clock and with keys of its own.

Sealing, in order: (1) the ground gets a fresh folder, a random key and a virtual clock, and nothing else; (2) the
factories describe a stack and build a twin from those; (3) before anything is opened every setting of the stack and
everything the twin holds is looked at: an address off loopback, or a path outside the folder, is a refusal; (4) the
stack is opened, and must answer on loopback; (5) leaving stops all of it and deletes the folder.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import Ground, Twin
from mumetal.redteam.ground_client import BoundClient
from mumetal.redteam.sealed_settings import refuse_settings
from mumetal.redteam.sealing import inspect
from mumetal.redteam.virtual_clock import VirtualClock

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a ground is built from: an empty folder, 32 random bytes that nothing outside knows, and its clock."""

    folder: Path
    key: bytes = field(repr=False)
    clock: Clock = field(repr=False)


class GroundTwin(Twin, Protocol):
    """A twin that lives by itself on the clock of its seal."""

    def start(self, push_url: str, push_token: str) -> None:
        """Begin to live, and to push to the stack at ``push_url``, whose push door the token opens."""

    def stop(self) -> None:
        """End it, started or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackAddress:
    """Where a stack answers, and the tokens that open it: the operator's, and that of programs that send rows."""

    url: str
    operator: str = field(default="", repr=False)
    senders: str = field(default="", repr=False)


class GroundStack(Protocol):
    """A stack that is described and not opened yet."""

    @property
    def settings(self) -> Struct:
        """Everything that it will open."""

    @property
    def keys(self) -> Sequence[str]:
        """URIs of the keys that were made for it."""

    def open(self) -> AbstractContextManager[StackAddress]:
        """Run it; gives its address."""


TwinFactory = Callable[[Seal], GroundTwin]
StackFactory = Callable[[Seal], GroundStack]


class TwinRange:
    """Builds such grounds.

    Args:
        twin: Makes the twin, in the folder of the seal.
        stack: Describes the stack, in the folder of the seal.
        entropy: Returns that many random bytes: :func:`secrets.token_bytes`, or a fixed source in a test.
        start_ns: When the ground's time begins, nanoseconds since 1970.
        slack_s: How much longer waits of the stack may last than they would, s; what is to happen at a time is exact.
        parent: Where the temporary folders go; the system's place when None.
    """

    def __init__(
        self,
        *,
        twin: TwinFactory,
        stack: StackFactory,
        entropy: Callable[[int], bytes],
        start_ns: int,
        slack_s: float = 0.0,
        parent: Path | None = None,
    ) -> None:
        self._twin, self._stack, self._entropy, self._parent = twin, stack, entropy, parent
        self._start_ns, self._slack_s = start_ns, slack_s

    @contextmanager
    def open(self) -> Iterator[Ground]:
        """Build the ground; leaving the context destroys it.

        The calling thread takes part in the ground's clock until it leaves.

        Raises:
            RejectedError: Something real would be reachable from it.
            UnavailableError: There is no room for a temporary folder.
        """
        with ExitStack() as built:
            try:
                where = built.enter_context(tempfile.TemporaryDirectory(prefix="mumetal-range-", dir=self._parent))
            except OSError as error:
                raise UnavailableError(f"no room for a range: {error.strerror}") from None
            clock = VirtualClock(self._start_ns, slack_s=self._slack_s)
            built.enter_context(clock.taking_part())
            seal = Seal(folder=Path(where).resolve(), key=self._entropy(KEY_BYTES), clock=clock)
            if len(seal.key) != KEY_BYTES:
                raise RejectedError("the range got no key of its own", where="redteam.range")
            stack = self._stack(seal)
            refuse_settings(stack.settings, seal.folder)
            twin = self._twin(seal)
            built.callback(twin.stop)
            inspect(twin, seal.folder, "twin")
            address = built.enter_context(stack.open())
            ground = Ground(
                twin=twin,
                url=address.url,
                clock=clock,
                folder=seal.folder,
                keys=tuple(stack.keys),
                connect=partial(BoundClient, token=address.operator),
            )
            twin.start(address.url, address.senders)
            built.callback(twin.stop)  # before the stack that it speaks with
            yield ground
