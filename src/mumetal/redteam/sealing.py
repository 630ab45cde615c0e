"""Looks at what an object holds: nothing in it may lead off loopback or out of the ground's folder.

A factory is code of ours or an installed plug-in's: this catches a wrong setting, not code that lies about what it opens.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from mumetal.core.errors import RejectedError

DEPTH = 6
MOST_VALUES = 10_000
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://\S+")
HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}")


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
    if (whole := HOST_PORT.fullmatch(text)) and not TIME_OF_DAY.fullmatch(text):
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
