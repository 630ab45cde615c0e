"""What a scan looked at, so that whoever keeps its findings can tell "mended" from "not looked at"."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Literal

from mumetal.core import check
from mumetal.core.errors import BadInputError

Mode = Literal["tree", "history", "stream"]
MAX_SCOPE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What one scan covered.

    Args:
        target: What people call it: a repository, a machine's logs.
        repository: What tells it from others of that name; empty where the name alone does.
        mode: ``"tree"`` for files as they are now, ``"history"`` for every commit, ``"stream"`` for input that passes by.
        whole: Whether everything below ``scope`` was looked at; only then is what is not found any more gone.
        scope: Paths looked at, as they begin in findings; ``""`` is everything.
        excluded: Patterns of paths that were left out.
        t_ns: When it began, nanoseconds since 1970 UTC.
    """

    target: str
    repository: str = ""
    mode: Mode = "tree"
    whole: bool = False
    scope: tuple[str, ...] = ("",)
    excluded: tuple[str, ...] = ()
    t_ns: int

    def __post_init__(self) -> None:
        check.name(self.target, "scan target")
        check.time_ns(self.t_ns, "time of the scan")
        if len(self.scope) > MAX_SCOPE:
            raise BadInputError(f"a scan covers at most {MAX_SCOPE} paths", where=self.target)


def reaches(scope: tuple[str, ...], path: str) -> bool:
    """Whether a path lies in a scope; members of archives and cells of notebooks lie in their file."""
    return any(not part or path == part or path.startswith((f"{part}/", f"{part}!", f"{part}#")) for part in scope)


def left_out_by(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a path matches one of the shell patterns over whole paths; ``docs/`` means all below such a folder."""
    if not patterns:
        return lambda _path: False
    whole = [f"{p}*" if p.endswith("/") else p for p in patterns]
    matches = re.compile("|".join(translate(q) for p in whole for q in (p, f"*/{p}"))).match
    return lambda path: matches(path.removeprefix("./")) is not None
