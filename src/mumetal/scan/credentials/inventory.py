"""Known credentials: since when, where, how old, when last rotated; by keyed fingerprint, never the secret.

The key is the installation's own: without it nobody who sees an inventory can tell whether a secret they hold is in it.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from msgspec import Struct

from mumetal.core.finding import Finding
from mumetal.scan.place import place_of

MIN_KEY = 16
MAX_PLACES = 50
_DAY_NS = 86_400 * 10**9


class Credential(Struct, frozen=True, kw_only=True):
    """One known credential.

    Args:
        fingerprint: 32 hex digits, keyed with the installation's key.
        rule: What it is, by rule.
        vendor: Who issued it; empty when nobody knows.
        title: What it is, in words.
        places: Where it is or was, ``PATH`` or ``git:COMMIT:PATH``, at most 50.
        first_ns: When it was first written there, nanoseconds since 1970 UTC.
        last_ns: When a file that holds it was last written, as far as the history tells.
        present: Whether it is in the files as they are now.
        age_days: Days since it was first written.
        rotated_ns: When it took the place of another one of the same kind in the same file; 0 when it never did.
        replaced_ns: When another one took its place; 0 while it is the newest.
        revoked_ns: When the revoke hook last succeeded for it; 0 when it never did.
        state: ``"live"``, ``"dead"`` or ``"unknown"``, where the vendor was asked; empty otherwise.
    """

    fingerprint: str
    rule: str
    vendor: str
    title: str
    places: tuple[str, ...]
    first_ns: int
    last_ns: int
    present: bool
    age_days: int
    rotated_ns: int = 0
    replaced_ns: int = 0
    revoked_ns: int = 0
    state: str = ""


@dataclass(slots=True, kw_only=True)
class _Seen:
    finding: Finding
    places: dict[str, None]
    paths: set[str]
    first_ns: int
    last_ns: int
    present: bool = False
    state: str = ""


def keyed(mark: str, key: bytes) -> str:
    """Return a secret's fingerprint keyed for one installation (HMAC-SHA-256, RFC 2104)."""
    if len(key) < MIN_KEY:
        raise ValueError(f"the key has fewer than {MIN_KEY} bytes")
    return hmac.new(key, mark.encode(), sha256).hexdigest()[:32]


def inventory(
    findings: Iterable[tuple[Finding, bool]],
    *,
    key: bytes,
    now_ns: int,
    vendors: dict[str, str],
    revoked: dict[str, int] | None = None,
) -> list[Credential]:
    """Return the credentials among findings, the oldest that is still there first.

    Args:
        findings: Each finding, and whether it is in the files as they are now (else in their history).
        key: The installation's key, at least 16 bytes.
        now_ns: The time.
        vendors: Vendor by rule.
        revoked: When the hook revoked which keyed fingerprint.
    """
    seen: dict[str, _Seen] = {}
    for finding, present in findings:
        mark = next((e.uri.partition(":")[2] for e in finding.evidence if e.scheme == "fingerprint"), "")
        if not mark:
            continue
        place = place_of(finding.evidence[0].uri).path
        path = place.split(":", 2)[-1] if place.startswith("git:") else place
        one = seen.setdefault(
            mark, _Seen(finding=finding, places={}, paths=set(), first_ns=finding.start_ns, last_ns=finding.start_ns)
        )
        if len(one.places) < MAX_PLACES:
            one.places[place] = None
        one.paths.add(path)
        one.first_ns = min(one.first_ns, finding.start_ns)
        one.last_ns = max(one.last_ns, finding.start_ns)
        one.present = one.present or present
        one.state = next((e.uri.partition(":")[2] for e in finding.evidence if e.scheme == "verified"), one.state)
    turns = _turns(seen)
    known = revoked or {}
    made = []
    for mark, one in seen.items():
        name = keyed(mark, key)
        rotated, replaced = turns[mark]
        made.append(
            Credential(
                fingerprint=name,
                rule=one.finding.rule,
                vendor=vendors.get(one.finding.rule, ""),
                title=one.finding.title,
                places=tuple(one.places),
                first_ns=one.first_ns,
                last_ns=one.last_ns,
                present=one.present,
                age_days=max(0, (now_ns - one.first_ns) // _DAY_NS),
                rotated_ns=rotated,
                replaced_ns=replaced,
                revoked_ns=known.get(name, 0),
                state=one.state,
            )
        )
    return sorted(made, key=lambda c: (not c.present, c.first_ns, c.fingerprint))


def _turns(seen: dict[str, _Seen]) -> dict[str, tuple[int, int]]:
    """Return for each secret when it replaced another, and when it was replaced: same rule, same file, in order of time."""
    by_slot: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for mark, one in seen.items():
        for path in one.paths:
            by_slot.setdefault((one.finding.rule, path), []).append((one.first_ns, mark))
    turns = dict.fromkeys(seen, (0, 0))
    for slot in by_slot.values():
        slot.sort()
        for (_, before), (later, after) in pairwise(slot):
            if seen[before].present and seen[after].present:  # side by side: two keys, no rotation
                continue
            turns[after] = (max(turns[after][0], later), turns[after][1])
            turns[before] = (turns[before][0], turns[before][1] or later)
    return turns
