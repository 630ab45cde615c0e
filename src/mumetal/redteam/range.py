"""A sealed test ground: a twin and its own store, in a temporary folder, with keys of its own.

Sealing, in order: (1) the ground gets a fresh folder and a random key, and nothing else; (2) the factories build a
twin and a store from those; (3) everything they say of themselves is looked at: an address off loopback, or a path
outside the folder, is a refusal, and what was built is closed again; (4) leaving destroys the folder. A factory is
code of ours or an installed plug-in's: this catches a wrong setting, not code that lies about what it opens.
"""

import ipaddress
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path, PurePath
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import Store, Twin

KEY_BYTES = 32
DEPTH = 6
MOST_VALUES = 10_000
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://\S+")
HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
CLOCK = re.compile(r"\d{1,2}:\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a ground is built from: an empty folder, and 32 random bytes that nothing outside knows."""

    folder: Path
    key: bytes = field(repr=False)


TwinFactory = Callable[[Seal], Twin]
StoreFactory = Callable[[Seal], Store]


@runtime_checkable
class Closes(Protocol):
    """Something that can be let go of."""

    def close(self) -> None:
        """Let go."""
        ...


class TwinRange:
    """Builds such grounds.

    Args:
        twin: Makes the twin, in the folder of the seal.
        store: Makes the store, in the folder of the seal.
        entropy: Returns that many random bytes: :func:`secrets.token_bytes`, or a fixed source in a test.
        parent: Where the temporary folders go; the system's place when None.
    """

    def __init__(
        self, *, twin: TwinFactory, store: StoreFactory, entropy: Callable[[int], bytes], parent: Path | None = None
    ) -> None:
        self._twin, self._store, self._entropy, self._parent = twin, store, entropy, parent

    @contextmanager
    def open(self) -> Iterator[tuple[Twin, Store]]:
        """Build the ground; leaving the context destroys it.

        Raises:
            RejectedError: Something real would be reachable from it.
            UnavailableError: There is no room for a temporary folder.
        """
        with ExitStack() as stack:
            try:
                where = stack.enter_context(tempfile.TemporaryDirectory(prefix="mumetal-range-", dir=self._parent))
            except OSError as error:
                raise UnavailableError(f"no room for a range: {error.strerror}") from None
            folder = Path(where).resolve()
            seal = Seal(folder=folder, key=self._entropy(KEY_BYTES))
            if len(seal.key) != KEY_BYTES:
                raise RejectedError("the range got no key of its own", where="redteam.range")
            twin = self._twin(seal)
            if isinstance(twin, Closes):
                stack.callback(twin.close)
            inspect(twin, folder, "twin")
            store = self._store(seal)
            stack.callback(store.close)
            inspect(store, folder, "store")
            yield twin, store


def inspect(thing: object, folder: Path, name: str) -> None:
    """Look at what an object holds, six levels deep.

    Raises:
        RejectedError: It names an address off loopback or a path outside ``folder``, or holds too much to be looked at.
    """
    seen: set[int] = set()
    level: list[tuple[str, object]] = [(name, thing)]
    for _ in range(DEPTH):
        deeper: list[tuple[str, object]] = []
        for where, value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if len(seen) > MOST_VALUES:
                raise RejectedError("too much to be looked at", where=name)
            if isinstance(value, str | bytes | PurePath):
                _refuse(value, folder, where)
            else:
                deeper.extend(_parts(value, where))
        level = deeper


def _parts(value: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{where}.{key}"[:200], item
    elif isinstance(value, list | tuple | set | frozenset):
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and _is_port(value[1]):
            yield f"{where}[address]", f"{value[0]}:{value[1]}"
        for item in value:
            yield where, item
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield f"{where}.{each.name}"[:200], getattr(value, each.name, None)
    elif type(value).__module__.split(".", 1)[0] not in {"builtins", "numpy", "threading", "_thread", "random"}:
        for key, item in getattr(value, "__dict__", {}).items():
            yield f"{where}.{key}"[:200], item


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_535


def _refuse(value: str | bytes | PurePath, folder: Path, where: str) -> None:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if isinstance(value, PurePath) or text.startswith(("/", "~", "../")):
        _refuse_path(text, folder, where)
        return
    for match in URL.finditer(text[:65_536]):
        parts = urlsplit(match[0])
        if parts.scheme == "file" or parts.scheme.startswith("sqlite"):
            _refuse_path(parts.path if parts.scheme == "file" else parts.path.removeprefix("/"), folder, where)
        elif parts.hostname is not None:
            _refuse_host(parts.hostname, where)
    if (whole := HOST_PORT.fullmatch(text)) and not CLOCK.fullmatch(text):
        _refuse_host(whole[1].strip("[]"), where)
    else:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return
        _refuse_host(text, where)


def _refuse_host(host: str, where: str) -> None:
    if host.casefold() == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass  # a name: it may resolve to anything
    raise RejectedError(f"the range could reach {host[:80]!r}", where=where, hint="only loopback may be named")


def _refuse_path(text: str, folder: Path, where: str) -> None:
    path = Path(text).expanduser()
    whole = (folder / path).resolve()
    if not whole.is_relative_to(folder):
        raise RejectedError(
            f"the range could touch {str(path)[:120]!r}", where=where, hint="stay in the range's folder"
        )
