"""What a rule is, and how rules are read from the data files beside this module."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity

Check = Literal[
    "key", "password", "near", "header", "url", "jwt", "crc32-base62", "crc32-hex", "private-key", "service-account",
    "uuid-key", "entropy", "key-shape",
]  # fmt: skip
_SEVERITIES = {"low": Severity.LOW, "medium": Severity.MEDIUM, "high": Severity.HIGH, "critical": Severity.CRITICAL}


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shape of secret.

    Exactly one of ``token``, ``name`` and ``pattern`` says how it looks: ``token`` is the secret itself, ``name`` is what
    it is assigned to (then ``value`` is its alphabet and length), ``pattern`` is a whole expression whose first group
    is the secret. ``near`` names words after which, on the same line, a random-looking word is the secret.

    Args:
        id: Vendor and kind, such as ``"github.token"``.
        vendor: Who issues it; empty when nobody in particular does.
        title: What it is.
        severity: How bad it is if true.
        precision: Share of matches that are secrets, in (0, 1]; the author's estimate until measured.
        check: Structure that a match must have beyond the expression.
        min_entropy: Least Shannon entropy of the secret, bits per character.
        prefilter: Expression that Hyperscan looks for; derived when empty.
        lines: Lines after the hit that belong to it.
        evidence: ``"documented"`` by the vendor, or ``"inferred"`` from samples and code.
        reference: Where that is written.
        match: Templates that must be found.
        benign: Templates that must not.
    """

    id: str
    vendor: str = ""
    title: str
    token: str = ""
    name: str = ""
    value: str = ""
    pattern: str = ""
    near: tuple[str, ...] = ()
    severity: Literal["low", "medium", "high", "critical"] = "high"
    precision: Annotated[float, Meta(gt=0, le=1)] = 0.9
    check: Check | None = None
    min_entropy: Annotated[float, Meta(ge=0, le=8)] = 0.0
    prefilter: str = ""
    lines: Annotated[int, Meta(ge=0, le=200)] = 0
    evidence: Literal["documented", "inferred"] = "inferred"
    reference: str = ""
    match: tuple[str, ...]
    benign: tuple[str, ...] = ()

    @property
    def level(self) -> Severity:
        """The severity on OCSF's scale."""
        return _SEVERITIES[self.severity]

    @property
    def generic(self) -> bool:
        """Whether the shape says nothing of its vendor; such rules give way to others and skip binary files."""
        return self.id.startswith("generic.")


class Advice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a vendor's secrets are revoked and rotated."""

    revoke: str
    rotate: str = ""
    url: str = ""


class RuleFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One data file."""

    rule: tuple[Rule, ...] = ()
    advice: dict[str, Advice] = {}
    formats: dict[str, str] = {}


class RuleSet(Struct, frozen=True, kw_only=True):
    """Everything the data files say.

    Args:
        rules: The rules, in the order of their files.
        advice: By vendor.
        formats: Expression that a key must match in full, by a word in the name it is assigned to.
    """

    rules: tuple[Rule, ...]
    advice: dict[str, Advice]
    formats: dict[str, str]


def read_rules(texts: Iterable[tuple[str, bytes]]) -> RuleSet:
    """Read rules, advice and formats from (name, TOML) pairs.

    Raises:
        BadInputError: Not TOML, a field is unknown or out of bounds, an id is given twice, or a shape is missing.
    """
    rules: list[Rule] = []
    advice: dict[str, Advice] = {}
    formats: dict[str, str] = {}
    for name, text in texts:
        try:
            file = msgspec.toml.decode(text, type=RuleFile)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInputError(str(error), where=name, hint="see docs/reference/secret-rules.md") from None
        rules += file.rule
        advice |= file.advice
        formats |= file.formats
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise BadInputError(f"the rule {rule.id!r} is given twice")
        if sum(map(bool, (rule.token, rule.name, rule.pattern, rule.near))) != 1:
            raise BadInputError(f"the rule {rule.id!r} needs one of token, name, pattern and near")
        seen.add(rule.id)
    return RuleSet(rules=tuple(rules), advice=advice, formats=formats)


@cache
def shipped() -> RuleSet:
    """Return the rules, the advice and the formats that come with Mumetal."""
    folder = files("mumetal.scan.secrets") / "rules"
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".toml"))
    return read_rules((name, (folder / name).read_bytes()) for name in names)


def digest_of(rules: Iterable[Rule]) -> str:
    """Return SHA-256, hex, over everything the rules say."""
    return hashlib.sha256(msgspec.json.encode(list(rules))).hexdigest()
