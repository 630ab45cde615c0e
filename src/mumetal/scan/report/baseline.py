"""A baseline: findings that are known already, by fingerprint, and what is allowed by rule and path. It holds no secret."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError
from mumetal.scan.report.entry import Entry

MAX_BYTES = 64 * 2**20
NO_REASON = "no reason given"
Text = Annotated[str, Meta(max_length=4_096)]


class Known(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known finding.

    Args:
        fingerprint: What it is recognised by.
        rule: Which rule, for the reader.
        path: Where it was, for the reader.
        reason: Why it may stay, for the reader.
    """

    fingerprint: Text
    rule: Text = ""
    path: Text = ""
    reason: Text = ""


class Allowed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Findings that are never told: at least one of the patterns, and always a reason.

    Args:
        rule: Pattern of rule ids, with or without ``scan.``: ``"secrets.generic.*"``.
        path: Pattern of paths: ``"tests/data/*"``.
        secret: The secret's own fingerprint, wherever it stands.
        reason: Why.
    """

    rule: Text = ""
    path: Text = ""
    secret: Annotated[str, Meta(pattern="^([0-9a-f]{32})?$")] = ""
    reason: Annotated[str, Meta(min_length=3, max_length=1_000)]

    def __post_init__(self) -> None:
        if not (self.rule or self.path or self.secret):
            raise ValueError("an allowance names a rule, a path or a secret")

    def covers(self, entry: Entry) -> bool:
        """Whether it speaks of this finding."""
        rule = entry.finding.rule
        marks = {e.uri.partition(":")[2] for e in entry.finding.evidence if e.scheme == "fingerprint"}
        return (
            (not self.rule or fnmatchcase(rule, self.rule) or fnmatchcase(rule.removeprefix("scan."), self.rule))
            and (not self.path or fnmatchcase(entry.path, self.path))
            and (not self.secret or self.secret in marks)
        )


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file.

    Args:
        mumetal_baseline: Version of the format.
        known: Findings that were there when the scan was introduced.
        allow: What is never told.
    """

    mumetal_baseline: int = 1
    known: tuple[Known, ...] = ()
    allow: Annotated[tuple[Allowed, ...], Meta(max_length=1_000)] = ()

    def reasons(self, entries: Iterable[Entry]) -> dict[str, str]:
        """Return which of the entries are not to be told, by fingerprint, each with the reason."""
        book = {k.fingerprint: k.reason or NO_REASON for k in self.known}
        said: dict[str, str] = {}
        for entry in entries:
            allowed = next((a.reason for a in self.allow if a.covers(entry)), "")
            reason = entry.excuse or book.get(entry.fingerprint, "") or allowed
            if reason:
                said[entry.fingerprint] = reason
        return said


def decode(data: bytes, where: str = "baseline") -> Baseline:
    """Read a baseline.

    Raises:
        BadInputError: Not a baseline, or of a version this program does not know.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"the baseline is larger than {MAX_BYTES} bytes", where=where)
    try:
        read = msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(str(error)[:200], where=where, hint="write one with --write-baseline") from None
    if read.mumetal_baseline != 1:
        raise BadInputError(f"baseline version {read.mumetal_baseline} is not known", where=where)
    return read


def encode(entries: Iterable[Entry], before: Baseline | None = None) -> bytes:
    """Write the entries as a baseline, in a stable order; reasons and allowances given before are kept."""
    old = {k.fingerprint: k.reason for k in before.known} if before else {}
    known = sorted(
        (
            Known(fingerprint=e.fingerprint, rule=e.finding.rule, path=e.path, reason=old.get(e.fingerprint, ""))
            for e in entries
            if not e.excuse
        ),
        key=lambda k: (k.path, k.rule, k.fingerprint),
    )
    kept = Baseline(known=tuple(known), allow=before.allow if before else ())
    return msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n"
