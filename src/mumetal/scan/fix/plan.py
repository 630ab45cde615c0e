"""What would be changed: every file with a secret, before and after, and what a person must do by hand."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.fix import config, notebook, python
from mumetal.scan.fix.edit import Change, Leak, Left
from mumetal.scan.fix.names import Names
from mumetal.scan.secrets.mask import masked
from mumetal.scan.secrets.scanner import SecretScanner
from mumetal.scan.sources.limits import silent
from mumetal.scan.sources.notebook import cells

SETTINGS_FILES = (".env", ".envrc")
LONG_ENOUGH = 12  # shorter texts may stand elsewhere by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``scan fix`` would do.

    Args:
        changes: Files that change, in order of their paths.
        left: What a person must do.
        variables: Names that must be set from now on.
        advice: How each vendor's secrets are revoked and rotated: (vendor, revoke, rotate).
    """

    changes: tuple[Change, ...] = ()
    left: tuple[Left, ...] = ()
    variables: tuple[str, ...] = ()
    advice: tuple[tuple[str, str, str], ...] = ()


class Planner:
    """Finds secrets again in whole files, and writes each file without them.

    Args:
        scanner: What finds them.
        store: Whether they are looked up in the environment or in the keyring.
    """

    def __init__(self, scanner: SecretScanner, store: python.Store = "env") -> None:
        self._scanner = scanner
        self._store = store
        self._names = Names()
        self._vendors: set[str] = set()
        self._hidden: list[bytes] = []

    def plan(self, files: Iterable[tuple[str, bytes]], templates: dict[str, bytes]) -> Plan:
        """Return the plan for some files.

        Args:
            files: Paths and contents.
            templates: What ``.env.example`` and ``.gitignore`` hold now; absent when they are not there.
        """
        changes: list[Change] = []
        left: list[Left] = []
        held = False
        for path, data in sorted(files):
            if PurePosixPath(path).name == ".env.example":
                continue
            if PurePosixPath(path).name.startswith(SETTINGS_FILES):
                held = bool(self._leaks(path, data)) or held
                left.append(
                    Left(
                        where=path,
                        reason="a settings file may hold secrets, a repository may not hold it: git rm --cached",
                    )
                )
                continue
            self._hidden = []
            try:
                after, notes = self._fixed(path, data)
            except BadInputError as error:
                left.append(Left(where=error.where or path, reason=error.message))
                continue
            if after != data:
                hidden = tuple(dict.fromkeys(self._hidden))
                changes.append(Change(path=path, before=data, after=after, hidden=hidden, notes=notes))
        changes += self._templates(templates, held=held)
        shipped = self._scanner.advice
        advice = tuple((v, shipped[v].revoke, shipped[v].rotate) for v in sorted(self._vendors & shipped.keys()))
        return Plan(changes=tuple(changes), left=tuple(left), variables=self._names.given, advice=advice)

    def _leaks(self, path: str, data: bytes) -> list[Leak]:
        """Return what is secret in a text, and every other place where the same secret stands."""
        found = self._scanner.hits(Artefact(uri=path, data=data))
        self._vendors.update(hit.rule.vendor for hit in found)
        leaks = {hit.start: Leak(start=hit.start, stop=hit.stop, name=self._names.name(hit)) for hit in found}
        for hit in found:
            secret = data[hit.start : hit.stop]
            self._hidden.append(secret)
            at = data.find(secret) if len(secret) >= LONG_ENOUGH else -1
            while at >= 0:
                leaks.setdefault(at, Leak(start=at, stop=at + len(secret), name=self._names.name(hit)))
                at = data.find(secret, at + len(secret))
        return [leaks[start] for start in sorted(leaks)]

    def _fixed(self, path: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix == ".ipynb":
            parts = list(cells(Artefact(uri=path, data=data), silent))
            if not any(self._scanner.hits(part) for part in parts):
                return data, ()
            return notebook.fix(data, self._leaks, store=self._store, where=path), ("outputs were taken out",)
        leaks = self._leaks(path, data)
        if not leaks:
            return data, ()
        if suffix in {".py", ".pyw", ".pyi"}:
            return python.fix(data, leaks, store=self._store, where=path), ()
        if suffix in config.KINDS:
            return config.fix(data, leaks, config.KINDS[suffix], path), (config.NOTE,)
        raise BadInputError("files of this kind are not edited: take the secret out by hand", where=path)

    def _templates(self, now: dict[str, bytes], *, held: bool) -> list[Change]:
        changes = []
        names = self._names.given if self._store == "env" else ()
        example, ignored = now.get(".env.example", b""), now.get(".gitignore", b"")
        known = {line.partition(b"=")[0].strip() for line in example.splitlines()}
        fresh = [f"{name}=".encode() for name in names if name.encode() not in known]
        if fresh:
            changes.append(Change(path=".env.example", before=example, after=_appended(example, fresh)))
        lines = {line.strip() for line in ignored.splitlines()}
        wanted = [w for w in (b".env", b".mumetal/") if w not in lines and w.rstrip(b"/") not in lines]
        if wanted and (names or held):
            changes.append(Change(path=".gitignore", before=ignored, after=_appended(ignored, wanted)))
        return changes


def _appended(text: bytes, lines: Sequence[bytes]) -> bytes:
    gap = b"" if not text or text.endswith(b"\n") else b"\n"
    return text + gap + b"".join(line + b"\n" for line in lines)


def diff(change: Change) -> str:
    """Return a unified diff with every secret masked."""
    before, after = change.before, change.after
    for secret in sorted(change.hidden, key=len, reverse=True):
        before = before.replace(secret, masked(secret).encode())
    lines = difflib.unified_diff(
        before.decode(errors="replace").splitlines(),
        after.decode(errors="replace").splitlines(),
        f"a/{change.path}", f"b/{change.path}", lineterm="", n=1,
    )  # fmt: skip
    return "\n".join(lines)


def read(root: Path, paths: Iterable[str]) -> tuple[list[tuple[str, bytes]], dict[str, bytes]]:
    """Read files below ``root`` and the two templates; links and what is gone are passed over."""
    files = [(p, (root / p).read_bytes()) for p in paths if (root / p).is_file() and not (root / p).is_symlink()]
    templates = {n: (root / n).read_bytes() for n in (".env.example", ".gitignore") if (root / n).is_file()}
    return files, templates
