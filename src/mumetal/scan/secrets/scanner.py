"""The scanner of secrets: prefilter, confirmation, structure, decoding, then one finding per secret and place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.finding import Finding
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.scan.place import evidence_at, time_of
from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.check import judged
from mumetal.scan.secrets.decode import LAYERS, MAX_DEPTH, decoded
from mumetal.scan.secrets.ignore import ignored_by_comment
from mumetal.scan.secrets.mask import SALT, fingerprint, masked
from mumetal.scan.secrets.matcher import Matcher, Prefilter, Re2Prefilter
from mumetal.scan.secrets.near import Near
from mumetal.scan.secrets.risk import risk
from mumetal.scan.secrets.rule import Rule, digest_of, shipped

_BINARY_HEAD = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretConfig:
    """How secrets are looked for.

    Args:
        engine: ``"auto"`` takes Hyperscan where it is installed; ``"re2"`` never does. Both find the same.
        cache: Folder for the compiled rules; None compiles them on every start.
        least_belief: Candidates below this probability are not reported, in [0, 1].
        rules: Instead of the shipped rules; empty takes those.
        salt: Mixed into fingerprints.
        now_ns: The time, nanoseconds since 1970 UTC; 0 leaves a secret's age out of account.
    """

    engine: Literal["auto", "re2"] = "auto"
    cache: Path | None = None
    least_belief: float = 0.4
    rules: tuple[Rule, ...] = ()
    salt: bytes = field(default=SALT, repr=False)
    now_ns: int = 0


def _prefilter(config: SecretConfig, rules: Sequence[Rule]) -> Prefilter:
    if config.engine == "re2":
        return Re2Prefilter(rules)
    try:
        from mumetal.scan.secrets.fast import HyperscanPrefilter
    except ImportError:  # no wheel for this machine
        return Re2Prefilter(rules)
    return HyperscanPrefilter(rules, config.cache)


def is_binary(data: bytes) -> bool:
    """Whether it is no text: a zero byte near the start that no UTF-16 mark explains."""
    return b"\0" in data[:_BINARY_HEAD]


class SecretScanner:
    """Finds secrets in artefacts.

    Args:
        config: How; None takes the defaults.
    """

    info = PluginInfo(
        plugin_id="scan.secrets",
        title="Secrets in text",
        reference="Hyperscan: Wang et al. 2019, NSDI; RE2: Cox 2010",
        techniques=("T1552", "T1078.004"),
    )

    def __init__(self, config: SecretConfig | None = None) -> None:
        self.config = config or SecretConfig()
        known = shipped()
        self.advice = known.advice
        self.rules = self.config.rules or known.rules
        wanted = (*self.rules, *LAYERS)
        self._matcher = Matcher(wanted, _prefilter(self.config, wanted))
        self._salt = self.config.salt
        self._services = Near([name for rule in self.rules for name in rule.near] or ["-"])
        self._version = digest_of(self.rules)[:12]

    def hits(self, artefact: Artefact) -> list[Candidate]:
        """Return what is believed to be a secret, in order of place, one per span. Holds the secrets: never print it."""
        found = self._believed(artefact.data, 0)
        kept = _distinct(c for c in found if c.belief >= self.config.least_belief)
        return [c for c in kept if not ignored_by_comment(c)]

    def _believed(self, data: bytes, depth: int) -> Iterator[Candidate]:
        for candidate in self._matcher.candidates(data, binary=is_binary(data)):
            if candidate.rule.id.startswith("decode."):
                if depth < MAX_DEPTH:
                    yield from self._beneath(candidate, depth)
            elif (good := judged(candidate)) is not None:
                yield good

    def _beneath(self, layer: Candidate, depth: int) -> Iterator[Candidate]:
        """Yield what lies under one layer of encoding, placed where the encoded text stands."""
        text = decoded(layer)
        for inner in self._believed(text, depth + 1) if text else ():
            yield replace(inner, start=layer.start, stop=layer.stop, before=layer.before, encoded=True)

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield one finding per secret and place."""
        for hit in self.hits(artefact):
            yield self._finding(artefact, hit, fingerprint(hit.value, self._salt))

    def _title(self, hit: Candidate) -> str:
        """Return the rule's title; for a rule without vendor, with the service named before the value."""
        if hit.rule.vendor:
            return hit.rule.title
        text = hit.lead or hit.before
        named = [text[:start].rsplit(b" ", 1)[-1] for start, _ in self._services.spans(text)]
        word = re.sub(rb"[^A-Za-z0-9]+.*|^[^A-Za-z]+", b"", named[-1]).decode() if named else ""
        return f"{hit.rule.title} ({word.lower()})" if word else hit.rule.title

    def _finding(self, artefact: Artefact, hit: Candidate, mark: str) -> Finding:
        rule = hit.rule
        t_ns = time_of(artefact)
        said = masked(hit.value)
        advice = self.advice.get(rule.vendor)
        belief, level = risk(hit, artefact.uri, dict(artefact.facts), self.config.now_ns)
        title = self._title(hit)
        how = ", encoded" if hit.encoded else ""
        return Finding(
            tenant=artefact.tenant,
            subject=Subject.path(artefact.uri),
            rule=f"scan.secrets.{rule.id}",
            identity=f"byte {hit.start}",
            title=title,
            detail=f"{title}: {said}{how}, fingerprint {mark}.",
            remedy=advice.revoke if advice else "Revoke it where it was issued, then keep the new one out of the text.",
            start_ns=t_ns,
            stop_ns=t_ns,
            severity=level,
            confidence=belief,
            techniques=self.info.techniques,
            evidence=(
                evidence_at(artefact, hit.start, hit.stop, note=said),
                Evidence(uri=f"fingerprint:{mark}", note="tells this secret from others"),
            ),
            model_version=self._version,
        )


def _distinct(candidates: Iterator[Candidate]) -> list[Candidate]:
    """Keep the best of overlapping spans: a named vendor before a generic shape, then the higher belief."""
    ranked = sorted(candidates, key=lambda c: (c.rule.generic, -c.belief, c.rule.id, c.start, -c.stop))
    kept: list[Candidate] = []
    for c in ranked:
        if not any(c.start < k.stop and k.start < c.stop for k in kept):
            kept.append(c)
    return sorted(kept, key=lambda c: c.start)
