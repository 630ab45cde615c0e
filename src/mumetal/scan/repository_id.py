"""Which repository is scanned, whatever its folder is called.

Rules, in order:

1. A repository is the commits without parents that its branch comes from.
2. A shallow clone does not know them, nor does one without a commit: it is the address that it was cloned from, without
   credentials.
3. What has no address either, and what lies in no repository or in several, is its folder on this machine.

Whoever can make a commit without parents, or write a clone's configuration, can have it taken for another: this tells
repositories apart that are honest, and no more.
"""

import hashlib
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from mumetal.core.errors import UnavailableError
from mumetal.git.repository import Git

PATTERN = "^((root|remote|path):[0-9a-f]{32})?$"
_USER = re.compile(r"^([a-z0-9+.-]+://)?[^/@]*@", re.IGNORECASE)


def repository_id(paths: Sequence[Path], name: str = "", *, history: bool = False) -> str:
    """Return what tells the scanned repository from others: ``root:``, ``remote:`` or ``path:`` and 32 hex digits.

    Args:
        paths: What is scanned, as named from the working folder.
        name: What the user calls a part of it that is kept by itself; empty for the whole.
        history: Whether findings are named from the top of the repository, not from the working folder.
    """
    here = Path.cwd()
    try:
        tops = {_top(p if p.is_dir() else p.parent) for p in paths}
        top = tops.pop()
        known = "" if tops else _roots(Git(top)) or _remote(Git(top))
    except UnavailableError:
        known = ""
    if not known:
        return f"path:{_digest(platform.node(), str(here.resolve()), name)}"
    kind, _, told = known.partition(":")
    # findings are named from here, so that another folder of the repository names other files by the same words
    return f"{kind}:{_digest(told, '' if history else os.path.relpath(here.resolve(), top), name)}"


def is_shallow(folder: Path) -> bool:
    """Whether a repository lacks commits that were not fetched.

    Raises:
        UnavailableError: This is no repository.
    """
    return Git(folder).ask("rev-parse", "--is-shallow-repository").strip() != b"false"


def _top(folder: Path) -> Path:
    git = Git(folder)
    bare = git.ask("rev-parse", "--is-bare-repository").strip() == b"true"
    told = git.ask("rev-parse", "--absolute-git-dir" if bare else "--show-toplevel")
    return Path(os.fsdecode(told.rstrip(b"\n"))).resolve()


def _roots(git: Git) -> str:
    if git.ask("rev-parse", "--is-shallow-repository").strip() != b"false":
        return ""
    try:
        told = git.ask("rev-list", "--max-parents=0", "--timestamp", "HEAD").decode().splitlines()
    except UnavailableError:  # there is no commit yet, or one was not fetched
        return ""
    roots = sorted((int(t), commit) for t, _, commit in (line.partition(" ") for line in told))
    return "root:" + " ".join(commit for _, commit in roots) if roots else ""


def _remote(git: Git) -> str:
    try:
        told = git.ask("config", "--get-regexp", r"^remote\..*\.url$").decode(errors="replace").splitlines()
    except UnavailableError:
        return ""
    addresses = dict(line.partition(" ")[::2] for line in sorted(told))
    chosen = addresses.get("remote.origin.url") or next(iter(addresses.values()), "")
    plain = _USER.sub(r"\1", chosen.strip()).rstrip("/").removesuffix(".git")
    return f"remote:{plain}" if plain else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]
