"""Holds an update against what was declared of it: what else changed is a finding.

The maker says which regions change, to which version, and which certificates, keys, addresses and commands are new.
Whatever differs beyond that is named, by kind, with its place. A change inside a declared region is not seen here: only
the digest that the maker signed tells whether that region is theirs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core.artefact import Evidence
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.firmware import FirmwareImage, Region
from mumetal.core.subject import Subject

MAX_DECLARATION = 1 << 20
MAX_SHOWN = 12
IMPLANT, ROLLBACK = "persistence.firmware_implant", "persistence.firmware_rollback"
UNAUTHORISED = "persistence.unauthorised_firmware"
TECHNIQUES = (IMPLANT, ROLLBACK, UNAUTHORISED)
IDENTITY = ("part", "idcode", "machine", "pci-id", "fdt-compatible")
KEYS = ("certificate", "public-key", "private-key", "signature-node")
COMMANDS = ("command", "account", "interpreter", "warm-boot")
BOOT_ARGUMENTS = ("boot-argument",)
ENDPOINTS = ("address",)
ADDRESSES = ("url",)
ISLANDS = ("island",)
RIGHTS = ("writable-code", "encrypted", "ctl0")
SHELL = re.compile(r"/bin/(?:ba|da)?sh\b|/dev/tcp/|\bbase64 -d\b|\bchmod \+?[0-7sx]|\| ?(?:ba|da)?sh\b")
"""An operating system's shell, in firmware that runs before any: loaders have commands of their own."""
TECHNIQUE_OF = {
    "format": (UNAUTHORISED,),
    "identity": (UNAUTHORISED,),
    "private-key": (UNAUTHORISED,),
    "version": (ROLLBACK,),
}
"""Techniques by rule; what a rule is not named for is an implant's trace."""
WATCHED = (*IDENTITY, *KEYS, *COMMANDS, *BOOT_ARGUMENTS, *ENDPOINTS, *ADDRESSES, *ISLANDS, *RIGHTS)
Line = Annotated[str, Meta(min_length=1, max_length=500)]


class DeclaredChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the maker says an update changes.

    Args:
        version: The version after it; empty when it does not say.
        regions: Patterns of region names that may change, appear or go: ``"fdri0"``, ``"fv0/*"``.
        facts: New facts, ``"certificate DER …"``, ``"url https://…"``: kind, a space, the text or a pattern of it.
    """

    version: Annotated[str, Meta(max_length=200)] = ""
    regions: Annotated[tuple[Line, ...], Meta(max_length=1_000)] = ()
    facts: Annotated[tuple[Line, ...], Meta(max_length=1_000)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One kind of undeclared difference.

    Args:
        rule: The end of the rule's id: ``"promise"``, ``"keys"``, ``"padding"``, …
        severity: How bad it is if nobody meant it.
        confidence: Probability that it was not meant, as far as the kind tells.
        items: What differs, one line each, in the order of the image.
    """

    rule: str
    severity: Severity
    confidence: float
    items: tuple[str, ...]


def decode(data: bytes, where: str = "declaration") -> DeclaredChange:
    """Read a declaration from JSON.

    Raises:
        BadInputError: Not such a JSON, or too long.
    """
    if len(data) > MAX_DECLARATION:
        raise BadInputError(f"a declaration has at most {MAX_DECLARATION} bytes", where=where)
    try:
        return msgspec.json.decode(data, type=DeclaredChange)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"not a declaration: {error}"[:300], where=where) from None


def changes(before: FirmwareImage, after: FirmwareImage, declared: DeclaredChange) -> tuple[Change, ...]:
    """Return what differs beyond the declaration, worst first."""
    kept = {p.name for p in before.promises if p.held}
    broken = [p for p in after.promises if not p.held]
    lost = sorted(kept - {p.name for p in after.promises})
    old, new = _by_name(before), _by_name(after)
    differing = [r for name, r in new.items() if _differs(old.get(name), r)]
    open_regions = [r for r in differing if not _matches(r.name, declared.regions)]
    padding = [r for r in open_regions if _was_padding(old.get(r.name), r)]
    rest = [r for r in open_regions if r not in padding]
    gone = [f"{r.name} is gone" for n, r in old.items() if n not in new and not _matches(n, declared.regions)]
    fresh = [f for f in after.facts if f not in set(before.facts) and not _declared(f, declared)]
    missing = [f for f in before.facts if f not in set(after.facts) and f[0] in {*KEYS, *IDENTITY}]

    def facts(kinds: Sequence[str]) -> list[str]:
        return [f"{k} {t}" for k, t in fresh if k in kinds]

    had_keys = any(kind in KEYS for kind, _ in before.facts)
    commands = facts(COMMANDS)
    shells = [c for c in commands if c.startswith("account") or SHELL.search(c)]

    found = [
        _change("promise", Severity.HIGH, 0.95, [f"{p.name}: {p.detail}" for p in broken if p.name in kept]),
        _change("promise-new", Severity.MEDIUM, 0.6, [f"{p.name}: {p.detail}" for p in broken if p.name not in kept]),
        _change("promise-lost", Severity.LOW, 0.3, [n for n in lost if not _matches(n, declared.regions)]),
        _change("format", Severity.HIGH, 0.9, _pair(before.format, after.format)),
        _change("identity", Severity.HIGH, 0.8, facts(IDENTITY)),
        _change("first-key", Severity.HIGH, 0.9, [] if had_keys else facts(KEYS)),
        _change(
            "keys",
            Severity.HIGH,
            0.8,
            [*(facts(KEYS) if had_keys else ()), *(f"gone: {k} {t}" for k, t in missing if k in KEYS)],
        ),
        _change("shell", Severity.HIGH, 0.9, shells),
        _change("boot-arguments", Severity.HIGH, 0.8, facts(BOOT_ARGUMENTS)),
        _change("endpoints", Severity.HIGH, 0.8, facts(ENDPOINTS)),
        _change("commands", Severity.MEDIUM, 0.5, [c for c in commands if c not in shells]),
        _change("cave", Severity.HIGH, 0.7, facts(ISLANDS)),
        _change("rights", Severity.HIGH, 0.7, facts(RIGHTS)),
        _change("padding", Severity.HIGH, 0.7, [_show(old.get(r.name), r) for r in padding]),
        _change("version", Severity.MEDIUM, 0.8, _version(before, after, declared)),
        _change("addresses", Severity.MEDIUM, 0.5, facts(ADDRESSES)),
        _change("regions", Severity.MEDIUM, 0.4, [*(_show(old.get(r.name), r) for r in rest), *gone]),
    ]
    return tuple(c for c in found if c.items)


def findings(
    before: FirmwareImage, after: FirmwareImage, declared: DeclaredChange, t_ns: int, *, device: str = "-"
) -> tuple[Finding, ...]:
    """Return the undeclared changes as findings, worst first.

    Args:
        before: The image that ran.
        after: The image that is to run.
        declared: What the maker says of the change.
        t_ns: When the update arrived, nanoseconds since 1970 UTC.
        device: The device it is for.
    """
    return tuple(finding(after, change, t_ns, device=device) for change in changes(before, after, declared))


def finding(image: FirmwareImage, change: Change, t_ns: int, *, device: str = "-") -> Finding:
    """Return one change as a finding on ``image``."""
    shown = "; ".join(change.items[:MAX_SHOWN])
    more = f"; and {len(change.items) - MAX_SHOWN} more" if len(change.items) > MAX_SHOWN else ""
    return Finding(
        tenant=image.tenant,
        subject=Subject.path(image.uri, device),
        rule=f"scan.firmware.{change.rule}",
        title=f"{image.uri[-120:]}: undeclared change of {change.rule}, {len(change.items)} in all",
        detail=f"{shown[:3_900]}{more}",
        remedy="Ask the maker; until they declare and sign it, keep the image off the board.",
        start_ns=t_ns,
        stop_ns=t_ns,
        severity=change.severity,
        confidence=change.confidence,
        techniques=TECHNIQUE_OF.get(change.rule, (IMPLANT,)),
        evidence=(Evidence(uri=f"file:{image.uri}"[:4_096], digest=image.sha256, note=change.items[0][:1_000]),),
    )


def _by_name(image: FirmwareImage) -> dict[str, Region]:
    return {r.name: r for r in image.regions if r.kind not in {"container", "header"}}


def _differs(old: Region | None, new: Region) -> bool:
    return old is None or old.sha256 != new.sha256 or old.kind != new.kind


def _was_padding(old: Region | None, new: Region) -> bool:
    return old is not None and old.kind == "padding" and old.stop - old.start == new.stop - new.start


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) for p in patterns)


def _declared(fact: tuple[str, str], declared: DeclaredChange) -> bool:
    line = f"{fact[0]} {fact[1]}"
    return line in declared.facts or _matches(line, declared.facts)


def _version(before: FirmwareImage, after: FirmwareImage, declared: DeclaredChange) -> Iterator[str]:
    if declared.version and after.version and declared.version != after.version:
        yield f"declared {declared.version}, the image says {after.version}"
    if declared.version and not after.version and before.version:
        yield f"declared {declared.version}, the image no longer says any"


def _pair(before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{before} became {after}"


def _show(old: Region | None, new: Region) -> str:
    size = new.stop - new.start
    if old is None:
        return f"{new.name} is new, {new.kind}, {size} bytes"
    return f"{new.name} changed, {old.kind} to {new.kind}, {old.stop - old.start} to {size} bytes"


def _change(rule: str, severity: Severity, confidence: float, items: Iterator[str] | list[str]) -> Change:
    return Change(rule=rule, severity=severity, confidence=confidence, items=tuple(items))
