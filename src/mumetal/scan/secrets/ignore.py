"""What a person has said is no finding: a comment with a reason, an allowlist, a baseline."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.scan.secrets.candidate import Candidate

_COMMENT = re.compile(rb"mumetal:\s{0,4}ignore(?:\[([a-z0-9_.,\- *]{1,200})\])?[ \t]{1,8}(\S.{0,200})")
MAX_BASELINE_BYTES = 64 << 20


def ignored_by_comment(candidate: Candidate) -> bool:
    """Whether its line, or the line above, says ``mumetal: ignore[rule] reason``; without a reason it does not count."""
    above = candidate.before.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    above = above if above.lstrip()[:1] in {b"#", b"/", b"-", b";", b"<", b"*"} else b""
    for line in (candidate.lead + candidate.follow, above):
        found = _COMMENT.search(line)
        if found:
            rules = [r.strip().decode() for r in (found[1] or b"*").split(b",")]
            if any(fnmatchcase(candidate.rule.id, r) for r in rules):
                return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowlist:
    """What is never reported.

    Args:
        paths: Patterns of paths, as in a shell: ``"tests/data/*"``.
        rules: Patterns of rule ids.
        fingerprints: Fingerprints of known values.
    """

    paths: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    fingerprints: frozenset[str] = field(default=frozenset())

    def allows_path(self, uri: str) -> bool:
        """Whether nothing is reported in this artefact."""
        return any(fnmatchcase(uri, pattern) for pattern in self.paths)

    def allows_rule(self, rule: str) -> bool:
        """Whether this rule reports nothing."""
        return any(fnmatchcase(rule, pattern) for pattern in self.rules)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known finding.

    Args:
        rule: Rule id.
        path: Where it was.
        fingerprint: Of the secret, with the baseline's salt.
    """

    rule: Annotated[str, msgspec.Meta(max_length=200)]
    path: Annotated[str, msgspec.Meta(max_length=4_096)]
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Findings that were there when the scan was introduced; lines may move, the secret and the path may not.

    Args:
        salt: Hex, mixed into the fingerprints, so that baselines of two teams tell nothing of each other.
        entries: The known findings.
        version: Of the format.
    """

    salt: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    entries: tuple[Entry, ...] = ()
    version: int = 1

    def known(self) -> frozenset[Entry]:
        """Return the entries for looking up."""
        return _known(self.entries)


@lru_cache(maxsize=8)
def _known(entries: tuple[Entry, ...]) -> frozenset[Entry]:
    return frozenset(entries)


def read_baseline(text: bytes, where: str) -> Baseline:
    """Read a baseline.

    Raises:
        BadInputError: It is none, or too large.
    """
    if len(text) > MAX_BASELINE_BYTES:
        raise BadInputError(f"a baseline is at most {MAX_BASELINE_BYTES} bytes", where=where)
    try:
        return msgspec.json.decode(text, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"no baseline: {error}", where=where, hint="write a new one with --write-baseline"
        ) from None


def write_baseline(entries: Iterable[Entry], salt: str = "") -> bytes:
    """Return a baseline's bytes, entries in order; a fresh salt is drawn when none is given."""
    ordered = tuple(sorted(set(entries), key=lambda e: (e.path, e.rule, e.fingerprint)))
    return msgspec.json.format(
        msgspec.json.encode(Baseline(salt=salt or secrets.token_hex(16), entries=ordered)), indent=2
    )
