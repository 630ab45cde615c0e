"""A baseline: findings that are known already, by fingerprint. It holds no secret and no line."""

import msgspec
from msgspec import Struct

from mumetal.core.errors import BadInputError
from mumetal.scan.report.entry import Entry

MAX_BYTES = 64 * 2**20


class Known(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known finding.

    Args:
        fingerprint: What it is recognised by.
        rule: Which rule, for the reader.
        path: Where it was, for the reader.
        reason: Why it may stay, for the reader.
    """

    fingerprint: str
    rule: str = ""
    path: str = ""
    reason: str = ""


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    mumetal_baseline: int = 1
    known: tuple[Known, ...] = ()


def decode(data: bytes, where: str = "baseline") -> dict[str, Known]:
    """Read a baseline: known findings by fingerprint.

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
    return {k.fingerprint: k for k in read.known}


def encode(entries: tuple[Entry, ...], before: dict[str, Known] | None = None) -> bytes:
    """Write the entries as a baseline, in a stable order; reasons given before are kept."""
    old = before or {}
    known = sorted(
        (
            Known(
                fingerprint=e.fingerprint,
                rule=e.finding.rule,
                path=e.path,
                reason=old[e.fingerprint].reason if e.fingerprint in old else "",
            )
            for e in entries
        ),
        key=lambda k: (k.path, k.rule, k.fingerprint),
    )
    return msgspec.json.format(msgspec.json.encode(Baseline(known=tuple(known))), indent=1) + b"\n"
