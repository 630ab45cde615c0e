"""One use of cryptography, and what the timelines say of it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mumetal.catalog.crypto_timelines import Date, Timelines
from mumetal.core import check
from mumetal.core.finding import Severity

Kind = Literal["algorithm", "certificate", "key", "protocol", "library"]
Use = Literal["key-agreement", "signature", "code-signing", "encryption", "hash", "protocol", "library"]
# Classical strength in bits by name: NIST SP 800-57 part 1 revision 5, table 2.
_CURVES = {"P-192": 96, "P-224": 112, "P-256": 128, "P-384": 192, "P-521": 256, "secp256k1": 128}
_NAMED = {"X25519": 128, "Ed25519": 128, "X448": 224, "Ed448": 224}
_MODULUS = ((15_360, 256), (7_680, 192), (3_072, 128), (2_048, 112), (1_024, 80), (1, 0))
_BITS = re.compile(r"^(?:RSA|DSA|DH)-(\d{1,6})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One use of cryptography.

    Args:
        kind: What it is.
        name: Canonical name: ``"RSA-2048"``, ``"ECDSA-P-256"``, ``"X25519MLKEM768"``, ``"TLS-1.2"``.
        use: What for.
        where: File or endpoint.
        line: Line, from 1; 0 when none.
        note: What was read there, without secrets.
        ends_ns: When it ends by itself, nanoseconds since 1970 UTC; 0 when it does not.
        exposed: Whether strangers can record what it protects: an endpoint, rather than a file.
    """

    kind: Kind
    name: str
    use: Use
    where: str
    line: int = 0
    note: str = ""
    ends_ns: int = 0
    exposed: bool = False

    def __post_init__(self) -> None:
        check.text(self.name, "algorithm", 100)
        check.text(self.where, "place", 4_096)
        check.text(self.note, "note", 1_000)

    @property
    def expires(self) -> int:
        """Year in which it ends by itself; 0 when it does not."""
        return datetime.fromtimestamp(self.ends_ns / 1e9, UTC).year if self.ends_ns else 0

    @property
    def strength(self) -> int:
        """Classical strength, bits; 0 when unknown."""
        if found := _BITS.match(self.name):
            return next(strength for bits, strength in _MODULUS if int(found[1]) >= bits) if int(found[1]) else 0
        curve = self.name.partition("-")[2]
        return _NAMED.get(self.name, _CURVES.get(self.name, _CURVES.get(curve, 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of an asset.

    Args:
        asset: The asset.
        status: ``"safe"``, ``"broken-by-quantum"``, ``"broken"``, ``"library"``, or ``"unknown"``.
        severity: How bad it is.
        until: Year in which its use ends; 0 when it holds, or is broken already.
        dates: The deadlines, earliest first.
        replacement: What to use instead; empty when nothing is needed.
        reason: Why, in one sentence.
    """

    asset: Asset
    status: str
    severity: Severity
    until: int = 0
    dates: tuple[Date, ...] = ()
    replacement: str = ""
    reason: str = ""


def judge_library(asset: Asset, why: str, instead: str) -> Verdict:
    """Say what becomes of a library: unfit when there is a reason why, else as fit as what is called in it."""
    if why:
        return Verdict(asset=asset, status="broken", severity=Severity.MEDIUM, replacement=instead, reason=why)
    reason = "what is called in it decides; update it before its algorithms"
    return Verdict(asset=asset, status="library", severity=Severity.INFORMATIONAL, reason=reason)


def judge(asset: Asset, timelines: Timelines) -> Verdict:
    """Say what becomes of an asset.

    Keys agreed today and recorded can be opened later, so key agreement weighs more than signatures, and an endpoint more
    than a file; a key too short for today's computers counts as broken.
    """
    family = timelines.family_of(asset.name)
    if family is None:
        return Verdict(asset=asset, status="unknown", severity=Severity.INFORMATIONAL, reason="no timeline names it")
    replacement = family.kem if asset.use == "key-agreement" and family.kem else family.signature
    if family.status == "safe":
        return Verdict(asset=asset, status="safe", severity=Severity.INFORMATIONAL, reason="no quantum attack is known")
    weak = asset.strength and asset.strength < 112
    if family.status == "broken" or weak:
        severity = Severity.MEDIUM if asset.use == "encryption" else Severity.HIGH
        if asset.use == "hash":  # a checksum of a download is no signature, and a source rarely says which it is
            severity = Severity.LOW
        return Verdict(
            asset=asset,
            status="broken",
            severity=severity,
            replacement=replacement,
            reason="a classical computer breaks it today",
        )
    dates = timelines.dates_for(family.status, asset.strength, asset.use)
    until = max((d.year for d in dates), default=0)
    if asset.expires and until and asset.expires <= until and asset.use != "key-agreement":
        severity = Severity.INFORMATIONAL
        reason = f"it ends in {asset.expires}, before its algorithm does; renew it with another"
    elif asset.use == "key-agreement":
        severity = Severity.MEDIUM if asset.exposed else Severity.LOW
        reason = "what is recorded today can be read once there is a large quantum computer"
    else:
        severity = Severity.LOW
        reason = "a large quantum computer forges it"
    return Verdict(
        asset=asset,
        status=family.status,
        severity=severity,
        until=until,
        dates=dates,
        replacement=replacement,
        reason=reason,
    )
