"""Writes a plan, with a way back: originals are kept, readable by their owner only, until the change is undone or dropped."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.scan.fix.edit import Change

FOLDER = Path(".mumetal", "fix")
MANIFEST = "changes.json"
MAX_MANIFEST_BYTES = 16 * 2**20


class Kept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file that was changed; an empty ``original`` means that it was not there before."""

    path: str
    original: str
    before: str
    after: str


def apply(root: Path, changes: Sequence[Change], t_ns: int) -> Path:
    """Write the changes and return the folder with the originals.

    Args:
        root: What the paths are relative to.
        changes: What to write.
        t_ns: Now; names the folder, nanoseconds since 1970 UTC.

    Raises:
        RejectedError: A file changed since the plan was made, or is a link; nothing is written then.
    """
    for change in changes:
        file = root / change.path
        if file.is_symlink() or not file.resolve().is_relative_to(root.resolve()):
            raise RejectedError("the file is a link or lies outside", where=change.path)
        if (file.read_bytes() if file.exists() else b"") != change.before:
            raise RejectedError("the file changed since it was looked at", where=change.path, hint="run it again")
    folder = root / FOLDER / str(t_ns)
    folder.mkdir(parents=True, mode=0o700)
    kept: list[Kept] = []
    for number, change in enumerate(changes):
        file = root / change.path
        name = str(number) if file.exists() else ""
        if name:
            _write(folder / name, change.before, 0o600)
        kept.append(Kept(path=change.path, original=name, before=_digest(change.before), after=_digest(change.after)))
    _write(folder / MANIFEST, msgspec.json.encode(kept), 0o600)
    for change in changes:
        file = root / change.path
        _write(file, change.after, file.stat().st_mode & 0o777 if file.exists() else 0o644)
    return folder


def undo(root: Path) -> tuple[str, ...]:
    """Take the newest change back, drop its originals, and return the paths restored.

    Raises:
        BadInputError: There is nothing to undo, or its record is damaged.
        RejectedError: A file changed since; nothing is restored then.
    """
    folder = newest(root)
    if folder is None:
        raise BadInputError("nothing was changed here", where=str(root / FOLDER))
    try:
        raw = (folder / MANIFEST).read_bytes()
        kept = msgspec.json.decode(raw[: MAX_MANIFEST_BYTES + 1], type=tuple[Kept, ...])
        originals = {k.path: (folder / Path(k.original).name).read_bytes() if k.original else None for k in kept}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"the record is damaged: {str(error)[:120]}", where=str(folder)) from None
    for k in kept:
        file = root / k.path
        if not file.resolve().is_relative_to(root.resolve()) or file.is_symlink():
            raise RejectedError("the file is a link or lies outside", where=k.path)
        if not file.is_file() or _digest(file.read_bytes()) != k.after:
            raise RejectedError("the file changed since", where=k.path, hint=f"the original is in {folder}")
        original = originals[k.path]
        if original is not None and _digest(original) != k.before:
            raise RejectedError("the original that was kept was altered", where=str(folder))
    for k in kept:
        original = originals[k.path]
        if original is None:
            (root / k.path).unlink()
        else:
            _write(root / k.path, original, (root / k.path).stat().st_mode & 0o777)
    shutil.rmtree(folder)
    return tuple(k.path for k in kept)


def newest(root: Path) -> Path | None:
    """Return the folder of the newest change that can be undone."""
    folders = [f for f in (root / FOLDER).glob("*") if f.name.isdigit() and (f / MANIFEST).is_file()]
    return max(folders, key=lambda f: int(f.name), default=None)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".mumetal-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
