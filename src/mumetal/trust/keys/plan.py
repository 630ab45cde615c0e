"""What the next trust root is to say, written by a person in TOML and checked before anybody signs.

::

    expires_days = 365

    [keys.alice]                 # the owner
    public = "alice.pub"
    expires_days = 365
    # revoked = "laptop stolen"

    [roles.root]                 # every plan has this role
    owners = ["alice", "bob", "carol"]
    threshold = 2
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError
from mumetal.trust.keys import public as publics
from mumetal.trust.keys.root import Role, TrustedKey, TrustRoot

MAX_PLAN = 256 * 1024
DAY_NS = 86_400 * 10**9

Days = Annotated[float, Meta(gt=0, le=3_650)]


class _Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    public: Annotated[str, Meta(min_length=1, max_length=4_096)]
    expires_days: Days = 365.0
    revoked: Annotated[str, Meta(max_length=500)] = ""


class _Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    owners: Annotated[tuple[str, ...], Meta(min_length=1, max_length=256)]
    threshold: Annotated[int, Meta(ge=1, le=256)] = 1


class _Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: dict[str, _Key]
    roles: dict[str, _Role]
    expires_days: Days = 365.0


def draft(
    text: bytes, *, before: TrustRoot | None, read: Callable[[str], bytes], now_ns: int, where: str = "plan"
) -> TrustRoot:
    """Return the root that a plan describes: the successor of ``before``, or the first.

    A key that was in the root before keeps its dates; a revoked one stays listed, so that everybody knows.

    Args:
        text: The plan.
        before: The root in force; None for the first.
        read: Gives the bytes of a public key's file.
        now_ns: Now, nanoseconds since 1970 UTC.
        where: Place for errors.

    Raises:
        BadInputError: The plan cannot be read, or says what no root can.
    """
    if len(text) > MAX_PLAN:
        raise BadInputError(f"a plan has at most {MAX_PLAN} bytes", where=where)
    try:
        plan = msgspec.toml.decode(text, type=_Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"not a plan of a root: {error}"[:500], where=where) from None
    known = {k.public.key_id: k for k in before.keys} if before else {}
    keys = {}
    for owner, wanted in plan.keys.items():
        _, public = publics.decode(read(wanted.public), wanted.public)
        old = known.get(public.key_id)
        if old is not None and old.revoked_ns and not wanted.revoked:
            raise BadInputError("a revoked key does not come back", where=f"{where} keys.{owner}")
        keys[owner] = TrustedKey(
            public=public,
            owner=owner,
            created_ns=old.created_ns if old else now_ns,
            expires_ns=old.expires_ns if old else now_ns + round(wanted.expires_days * DAY_NS),
            revoked_ns=(old.revoked_ns if old and old.revoked_ns else now_ns) if wanted.revoked else 0,
            revoked_why=wanted.revoked,
        )
    for name, role in plan.roles.items():
        unknown = [o for o in role.owners if o not in keys]
        if unknown:
            raise BadInputError(f"the role names {unknown[0]!r}, who has no key", where=f"{where} roles.{name}")
    return TrustRoot(
        version=before.version + 1 if before else 1,
        issued_ns=now_ns,
        expires_ns=now_ns + round(plan.expires_days * DAY_NS),
        keys=tuple(keys.values()),
        roles=tuple(
            Role(name=name, keys=tuple(keys[o].public.key_id for o in role.owners), threshold=role.threshold)
            for name, role in plan.roles.items()
        ),
    )
