"""The trust root: which keys there are, whose they are, until when, and which role needs how many of them.

A root is canonical JSON in a signed envelope, numbered from 1. Each version names its successor's signers: see
:mod:`mumetal.trust.signing.root_chain`. What counts towards a threshold are *owners*, not keys, so that nobody approves twice.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import canonical
from mumetal.trust.keys.hybrid import HybridPublicKey

PAYLOAD_TYPE = "application/vnd.mumetal.root+json"
FORMAT = "mumetal-root/1"
MAX_ROOT = 4 * 2**20
MAX_KEYS = 256
ROOT = "root"

Nanoseconds = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key and what is known of it.

    Args:
        public: The key.
        owner: The person or machine that holds it.
        created_ns: Since when it counts, nanoseconds since 1970 UTC.
        expires_ns: From when on it counts no more.
        revoked_ns: When it was revoked; 0 when it is not. A revoked key counts for nothing, whatever the date of what
            it signed: a thief dates as he likes.
        revoked_why: Why.
    """

    public: HybridPublicKey
    owner: str
    created_ns: int
    expires_ns: int
    revoked_ns: int = 0
    revoked_why: str = ""

    def __post_init__(self) -> None:
        check.name(self.owner, "key owner")
        check.time_ns(self.created_ns, "key creation")
        check.time_ns(self.expires_ns, "key expiry")
        check.text(self.revoked_why, "reason of revocation", 500)
        if self.expires_ns <= self.created_ns:
            raise BadInputError("a key expires after it is made", where=self.public.key_id[:16])
        if self.revoked_ns:
            check.time_ns(self.revoked_ns, "key revocation")

    def usable(self, now_ns: int) -> str:
        """Return why the key does not count at ``now_ns``; empty when it does."""
        if self.revoked_ns:
            return f"revoked: {self.revoked_why or 'no reason given'}"
        if now_ns >= self.expires_ns:
            return "expired"
        return "not valid yet" if now_ns < self.created_ns else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Whose signatures something needs.

    Args:
        name: Such as ``"release"``, ``"calibration"``, ``"checkpoint"``.
        keys: Key ids, no id twice.
        threshold: How many different owners must sign.
    """

    name: str
    keys: tuple[str, ...]
    threshold: int

    def __post_init__(self) -> None:
        check.name(self.name, "role")
        if len(set(self.keys)) != len(self.keys):
            raise BadInputError("a role names a key twice", where=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """One version of the root.

    Args:
        version: 1 for the first.
        issued_ns: When it was made, nanoseconds since 1970 UTC.
        expires_ns: From when on a newer one is needed.
        keys: At most 256.
        roles: One of them is ``"root"``; kept in order of name.

    Raises:
        BadInputError: No root role, a role names an unknown key, or its threshold cannot be reached by its owners.
    """

    version: int
    issued_ns: int
    expires_ns: int
    keys: tuple[TrustedKey, ...]
    roles: tuple[Role, ...]

    def __post_init__(self) -> None:
        check.time_ns(self.issued_ns, "root issue")
        check.time_ns(self.expires_ns, "root expiry")
        if self.version < 1 or self.expires_ns <= self.issued_ns:
            raise BadInputError("a root is numbered from 1 and expires after its issue")
        ids = {k.public.key_id: k for k in self.keys}
        if not 0 < len(self.keys) <= MAX_KEYS or len(ids) != len(self.keys):
            raise BadInputError(f"a root has 1 to {MAX_KEYS} keys, none of them twice")
        if len({half for k in self.keys for half in (k.public.ed25519, k.public.ml_dsa_87)}) != 2 * len(self.keys):
            raise BadInputError("two keys of the root share a half")
        names = [r.name for r in self.roles]
        object.__setattr__(self, "roles", tuple(sorted(self.roles, key=lambda r: r.name)))
        if ROOT not in names or len(set(names)) != len(names):
            raise BadInputError("a root has a role called root, and no role twice")
        for role in self.roles:
            unknown = [k for k in role.keys if k not in ids]
            if unknown:
                raise BadInputError(f"the role names an unknown key {unknown[0][:16]}", where=role.name)
            owners = {ids[k].owner for k in role.keys if not ids[k].revoked_ns}
            if not 1 <= role.threshold <= len(owners):
                raise BadInputError(
                    f"a threshold of {role.threshold} is not between 1 and its {len(owners)} owners", where=role.name
                )

    def key(self, key_id: str) -> TrustedKey:
        """Return a key.

        Raises:
            RejectedError: The root does not know it.
        """
        for known in self.keys:
            if known.public.key_id == key_id:
                return known
        raise RejectedError("the root knows no such key", where=key_id[:16])

    def role(self, name: str) -> Role:
        """Return a role.

        Raises:
            RejectedError: The root has no such role: nobody may sign that.
        """
        for role in self.roles:
            if role.name == name:
                return role
        raise RejectedError("the root has no such role: nobody may sign that", where=name[:100])

    def keys_of(self, role: Role) -> Iterator[TrustedKey]:
        """Yield the role's keys, the unusable ones too."""
        return (k for k in self.keys if k.public.key_id in role.keys)


class _Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ed25519: str
    ml_dsa_87: str
    owner: str
    created_ns: Nanoseconds
    expires_ns: Nanoseconds
    revoked_ns: Nanoseconds = "0"
    revoked_why: str = ""


class _Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: Annotated[tuple[str, ...], Meta(max_length=MAX_KEYS)]
    threshold: Annotated[int, Meta(ge=1, le=MAX_KEYS)]


class _Root(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    version: Annotated[int, Meta(ge=1, le=2**31)]
    issued_ns: Nanoseconds
    expires_ns: Nanoseconds
    keys: Annotated[tuple[_Key, ...], Meta(max_length=MAX_KEYS)]
    roles: Annotated[dict[str, _Role], Meta(max_length=MAX_KEYS)]


def encode(root: TrustRoot) -> bytes:
    """Return the root as canonical JSON, the payload of an envelope."""
    return canonical.encode(
        {
            "format": FORMAT,
            "version": root.version,
            "issued_ns": str(root.issued_ns),
            "expires_ns": str(root.expires_ns),
            "keys": [
                {
                    "ed25519": base64.b64encode(k.public.ed25519).decode(),
                    "ml_dsa_87": base64.b64encode(k.public.ml_dsa_87).decode(),
                    "owner": k.owner,
                    "created_ns": str(k.created_ns),
                    "expires_ns": str(k.expires_ns),
                    "revoked_ns": str(k.revoked_ns),
                    "revoked_why": k.revoked_why,
                }
                for k in root.keys
            ],
            "roles": {r.name: {"keys": list(r.keys), "threshold": r.threshold} for r in root.roles},
        }
    )


def decode(data: bytes, where: str = "trust root") -> TrustRoot:
    """Read a root; whether to believe it is decided elsewhere.

    Raises:
        BadInputError: Not a root.
    """
    try:
        raw = msgspec.convert(canonical.decode_json(data, MAX_ROOT, 6, where), _Root)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a trust root: {error}", where=where) from None
    if raw.format != FORMAT:
        raise BadInputError(f"not a trust root of format {FORMAT}", where=where)
    try:
        return TrustRoot(
            version=raw.version,
            issued_ns=int(raw.issued_ns),
            expires_ns=int(raw.expires_ns),
            keys=tuple(_trusted(k) for k in raw.keys),
            roles=tuple(Role(name=name, keys=r.keys, threshold=r.threshold) for name, r in raw.roles.items()),
        )
    except BadInputError as error:
        raise BadInputError(error.message, where=f"{where} {error.where}".strip(), hint=error.hint) from None


def _trusted(raw: _Key) -> TrustedKey:
    try:
        public = HybridPublicKey(
            ed25519=base64.b64decode(raw.ed25519, validate=True),
            ml_dsa_87=base64.b64decode(raw.ml_dsa_87, validate=True),
        )
    except (binascii.Error, ValueError):
        raise BadInputError("a public key is not base64", where=raw.owner[:100]) from None
    return TrustedKey(
        public=public,
        owner=raw.owner,
        created_ns=int(raw.created_ns),
        expires_ns=int(raw.expires_ns),
        revoked_ns=int(raw.revoked_ns),
        revoked_why=raw.revoked_why,
    )
