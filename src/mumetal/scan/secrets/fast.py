"""The prefilter with Hyperscan: one compiled database over all rules, kept in the user's cache."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import hyperscan

from mumetal.scan.secrets.expression import prefilter
from mumetal.scan.secrets.matcher import MAX_HITS
from mumetal.scan.secrets.rule import Rule

_MAGIC = b"mumetal-hs-3\n"
_MAX_BYTES = 256 << 20


def _compile(rules: Sequence[Rule]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[prefilter(r).encode() for r in rules],
        ids=list(range(len(rules))),
        elements=len(rules),
        flags=[hyperscan.HS_FLAG_MULTILINE] * len(rules),
    )
    return database


def _key(rules: Sequence[Rule]) -> str:
    said = "\0".join([version("hyperscan"), os.uname().machine, *(e for r in rules for e in (r.id, prefilter(r)))])
    return hashlib.sha256(_MAGIC + said.encode()).hexdigest()


def _seal(key: str, raw: bytes) -> bytes:
    """Bind a database to its rules: one of older rules under this name would find less than it should."""
    return hashlib.sha256(key.encode() + b"\0" + raw).digest()


def _load(path: Path, key: str) -> hyperscan.Database | None:
    """Return the cached database; None when it is away, altered, of other rules, a link, or open to other users.

    A database is a program for Hyperscan, so it is read only from a file that nobody but this user could have written: its
    own, without write permission for others, in a folder of the same kind.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            for state in (os.fstat(file.fileno()), path.parent.stat()):
                if state.st_uid != os.getuid() or state.st_mode & 0o022:
                    return None
            raw = file.read(_MAX_BYTES)
    except OSError:
        return None
    head = len(_MAGIC)
    if not raw.startswith(_MAGIC) or _seal(key, raw[head + 32 :]) != raw[head : head + 32]:
        return None
    try:
        return hyperscan.loadb(raw[head + 32 :], mode=hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None


def _save(database: hyperscan.Database, path: Path, key: str) -> None:
    """Write the database beside its seal, whole or not at all, mode 0600; a folder that cannot be written is no error."""
    raw = hyperscan.dumpb(database)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _seal(key, raw) + raw)
            Path(name).replace(path)
        except OSError:  # such as a full disk: leave nothing half written behind
            Path(name).unlink(missing_ok=True)


class HyperscanPrefilter:
    """Finds possible matches of all rules in one pass.

    Args:
        rules: The rules, in the order of their numbers.
        cache: Folder for the compiled database; None compiles anew.
    """

    def __init__(self, rules: Sequence[Rule], cache: Path | None = None) -> None:
        key = _key(rules)
        path = cache / f"secrets-{key[:32]}.hs" if cache else None
        database = _load(path, key) if path else None
        self.cached = database is not None
        if database is None:
            database = _compile(rules)
            if path:
                _save(database, path, key)
        database.scratch = hyperscan.Scratch(database)
        self._database = database

    def hits(self, data: bytes) -> dict[int, list[int]]:
        """Return possible matches by rule number."""
        found: dict[int, list[int]] = {}
        left = MAX_HITS

        def seen(number: int, _start: int, stop: int, _flags: int, _context: object) -> bool | None:
            nonlocal left
            left -= 1
            found.setdefault(number, []).append(stop)
            return left <= 0 or None

        with contextlib.suppress(hyperscan.ScanTerminated):
            self._database.scan(data, match_event_handler=seen)
        return found
