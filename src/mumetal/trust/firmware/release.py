"""A release of firmware: a signed statement of what an image is, for which board, and until when it may be installed.

:func:`verify` returns nothing; it raises at the first step that fails.

1. There is an envelope and it can be read.
2. The role has signed it, as many owners as its threshold asks for, both schemes each.
3. The payload is a release, and its fields are whole.
4. It is for this board.
5. It has not expired.
6. Its security version is not below the floor: the highest one that this board ever confirmed.
7. The SHA-384 of the image is the one signed.
8. Where a log is asked for: the envelope is in it.

The cheap steps come first, so that a hostile image is not even digested for the wrong board. What verification cannot
say: whether those who signed meant well, and whether the board runs what was verified (see ``trust.attest``).
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse, in_toto
from mumetal.formats.canonical import Plain
from mumetal.formats.in_toto import Statement, Subject
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing import envelopes
from mumetal.trust.signing.statements import sign_statement

PREDICATE = "https://mumetal.dev/firmware-release/v1"
ROLE = "firmware"
MAX_SECURITY_VERSION = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What the makers say of an image.

    Args:
        name: What they call it, the same over all versions: ``"zcu111-gateware"``.
        board: Which board it is for.
        version: Its version, for people.
        security_version: Counts up when an older image must never run again, from 1.
        expires_ns: From when on it may no longer be installed, nanoseconds since 1970 UTC.
        regions: Patterns of regions that this release changes.
        facts: New certificates, keys, addresses and commands in it.
    """

    name: str
    board: str
    version: str
    security_version: int
    expires_ns: int
    regions: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.name(self.name, "release name")
        check.name(self.board, "board")
        check.text(self.version, "version", 200)
        check.time_ns(self.expires_ns, "expiry")
        if not 1 <= self.security_version < MAX_SECURITY_VERSION:
            raise BadInputError("a security version counts from 1", where=self.name)


class _Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate as written."""

    board: str
    version: str
    security_version: int
    expires_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    regions: Annotated[tuple[str, ...], Meta(max_length=1_000)] = ()
    facts: Annotated[tuple[str, ...], Meta(max_length=1_000)] = ()


def sign(release: Release, data: bytes, signers: Sequence[Signer]) -> bytes:
    """Return the envelope of a release of ``data``; more signers may be added with ``envelopes.add_signature``.

    Raises:
        BadInputError: Nobody signs, or one twice.
        UnavailableError: A key cannot be reached.
    """
    predicate: dict[str, Plain] = {
        "board": release.board,
        "version": release.version,
        "security_version": release.security_version,
        "expires_ns": str(release.expires_ns),
        "regions": list(release.regions),
        "facts": list(release.facts),
    }
    subject = Subject.of(release.name, data)
    return sign_statement(Statement(subjects=(subject,), predicate_type=PREDICATE, predicate=predicate), signers)


def decode(envelope: bytes, where: str = "release") -> tuple[Release, str]:
    """Read (release, SHA-384 of the image) without believing a word of it.

    Raises:
        BadInputError: Not a release.
    """
    statement = in_toto.decode(dsse.decode(envelope, where).payload, where)
    if statement.predicate_type != PREDICATE or len(statement.subjects) != 1:
        raise BadInputError("not a release of one image", where=where)
    try:
        raw = msgspec.convert(statement.predicate, _Predicate)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a release: {error}"[:300], where=where) from None
    (subject,) = statement.subjects
    return Release(
        name=subject.name,
        board=raw.board,
        version=raw.version,
        security_version=raw.security_version,
        expires_ns=int(raw.expires_ns),
        regions=raw.regions,
        facts=raw.facts,
    ), subject.sha384


def approvers(envelope: bytes, *, root: TrustRoot, now_ns: int, role: str = ROLE) -> tuple[str, ...]:
    """Return who approved a release: the owners whose keys count and that signed it, in order of name.

    Only for an envelope that :func:`verify` let pass: signatures are not checked again.

    Raises:
        BadInputError: Not an envelope.
        RejectedError: The root has no such role.
    """
    signed = {s.keyid.partition("#")[0] for s in dsse.decode(envelope).signatures}
    keys = root.keys_of(root.role(role))
    return tuple(sorted({k.owner for k in keys if k.public.key_id in signed and not k.usable(now_ns)}))


def verify(
    envelope: bytes | None,
    data: bytes,
    *,
    board: str,
    floor: int,
    root: TrustRoot,
    now_ns: int,
    role: str = ROLE,
    logged: Callable[[bytes], None] | None = None,
    where: str = "release",
) -> None:
    """Return nothing when ``data`` may be installed on ``board``.

    Args:
        envelope: The release's envelope; None when there is none.
        data: The image.
        board: The board it is to run on.
        floor: Lowest security version that may run there.
        root: Says who may release.
        now_ns: The time, nanoseconds since 1970 UTC.
        role: Who must have signed.
        logged: Raises :class:`RejectedError` when the envelope is not in the log.
        where: Named in errors.

    Raises:
        RejectedError: A step failed; says which.
    """
    if envelope is None:
        raise RejectedError("step 1: nobody has signed it", where=where, hint="only released images are installed")
    try:
        opened = dsse.decode(envelope, where)
    except BadInputError as error:
        raise RejectedError(f"step 1: its envelope cannot be read: {error.message}", where=where) from None
    try:
        envelopes.verify(opened, payload_type=in_toto.PAYLOAD_TYPE, root=root, role=role, now_ns=now_ns, where=where)
    except RejectedError as error:
        raise RejectedError(f"step 2: {error.message}", where=where, hint=error.hint) from None
    try:
        release, sha384 = decode(envelope, where)
    except BadInputError as error:
        raise RejectedError(f"step 3: {error.message}", where=where) from None
    if release.board != board:
        raise RejectedError(f"step 4: it is for {release.board[:80]}, not for {board[:80]}", where=where)
    if now_ns >= release.expires_ns:
        raise RejectedError("step 5: the release has expired", where=where, hint="ask the makers for a newer one")
    if release.security_version < floor:
        raise RejectedError(
            f"step 6: security version {release.security_version} is below {floor}, which this board has confirmed",
            where=where,
            hint="an older image would bring mended holes back",
        )
    actual = hashlib.sha384(data).hexdigest()
    if not hmac.compare_digest(actual, sha384):
        raise RejectedError(f"step 7: its SHA-384 is {actual[:16]}…, not {sha384[:16]}…", where=where)
    if logged is not None:
        try:
            logged(envelope)
        except RejectedError as error:
            raise RejectedError(f"step 8: {error.message}", where=where) from None
