"""Which keys there are, how old, until when, and what they may sign (NIST SP 800-57 part 1, section 5.3, on periods)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mumetal.trust.keys.root import TrustRoot

DAY_NS = 86_400 * 10**9
SOON_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key of the inventory.

    Args:
        key_id: Which.
        owner: Whose.
        roles: What it may sign.
        state: ``"good"``, ``"expires soon"`` (within 30 days), ``"expired"``, ``"revoked: …"`` or ``"not valid yet"``.
        age_days: Since it was made, days.
        left_days: Until it expires, days; negative after.
    """

    key_id: str
    owner: str
    roles: tuple[str, ...]
    state: str
    age_days: float
    left_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLine:
    """One role of the inventory.

    Args:
        name: Which.
        threshold: How many owners must sign.
        owners: How many have a key that counts now; below the threshold nobody can sign.
    """

    name: str
    threshold: int
    owners: int


def keys(root: TrustRoot, now_ns: int) -> Sequence[KeyLine]:
    """Return the keys of a root, those that need attention first."""
    lines = []
    for key in root.keys:
        left = (key.expires_ns - now_ns) / DAY_NS
        state = key.usable(now_ns) or ("expires soon" if left < SOON_DAYS else "good")
        lines.append(
            KeyLine(
                key_id=key.public.key_id,
                owner=key.owner,
                roles=tuple(r.name for r in root.roles if key.public.key_id in r.keys),
                state=state,
                age_days=(now_ns - key.created_ns) / DAY_NS,
                left_days=left,
            )
        )
    return sorted(lines, key=lambda line: (line.state == "good", line.left_days, line.key_id))


def roles(root: TrustRoot, now_ns: int) -> Sequence[RoleLine]:
    """Return the roles of a root, those that cannot sign first."""
    lines = [
        RoleLine(
            name=role.name,
            threshold=role.threshold,
            owners=len({k.owner for k in root.keys_of(role) if not k.usable(now_ns)}),
        )
        for role in root.roles
    ]
    return sorted(lines, key=lambda line: (line.owners >= line.threshold, line.name))
