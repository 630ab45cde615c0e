"""The scanner of secrets: prefilter, confirmation, structure, decoding, then one finding per secret and place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.finding import Finding
from mumetal.core.ports import PluginInfo
from mumetal.scan.place import evidence_at, time_of
from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.check import judged
from mumetal.scan.secrets.mask import SALT, fingerprint, masked
from mumetal.scan.secrets.matcher import Matcher, Prefilter, Re2Prefilter
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
    """

    engine: Literal["auto", "re2"] = "auto"
    cache: Path | None = None
    least_belief: float = 0.4
    rules: tuple[Rule, ...] = ()
    salt: bytes = field(default=SALT, repr=False)


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
        self._matcher = Matcher(self.rules, _prefilter(self.config, self.rules))
        self._version = digest_of(self.rules)[:12]

    def hits(self, artefact: Artefact) -> list[Candidate]:
        """Return what is believed to be a secret, in order of place, one per span. Holds the secrets: never print it."""
        data = artefact.data
        found = self._matcher.candidates(data, binary=is_binary(data))
        good = (j for c in found if (j := judged(c)) and j.belief >= self.config.least_belief)
        return _distinct(good)

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield one finding per secret and place."""
        for hit in self.hits(artefact):
            yield self._finding(artefact, hit)

    def _finding(self, artefact: Artefact, hit: Candidate) -> Finding:
        rule = hit.rule
        t_ns = time_of(artefact, hit.start)
        said = masked(hit.value)
        advice = self.advice.get(rule.vendor)
        mark = fingerprint(hit.value, self.config.salt)
        return Finding(
            tenant=artefact.tenant,
            stream=artefact.uri,
            rule=f"scan.secrets.{rule.id}",
            title=rule.title,
            detail=f"{rule.title}: {said}, fingerprint {mark}.",
            remedy=advice.revoke if advice else "Revoke it where it was issued, then keep the new one out of the text.",
            start_ns=t_ns,
            stop_ns=t_ns,
            severity=rule.level,
            confidence=hit.belief,
            techniques=self.info.techniques,
            evidence=(
                evidence_at(artefact, hit.start, hit.stop, note=said),
                Evidence(uri=f"fingerprint:{mark}", note="tells this secret from others"),
            ),
            model_version=self._version,
        )


_ORDER = re.compile(r"^generic\.")


def _distinct(candidates: Iterator[Candidate]) -> list[Candidate]:
    """Keep the best of overlapping spans: a named vendor before a generic shape, then the higher belief."""
    ranked = sorted(candidates, key=lambda c: (bool(_ORDER.match(c.rule.id)), -c.belief, c.rule.id, c.start, -c.stop))
    kept: list[Candidate] = []
    for c in ranked:
        if not any(c.start < k.stop and k.start < c.stop for k in kept):
            kept.append(c)
    return sorted(kept, key=lambda c: c.start)
