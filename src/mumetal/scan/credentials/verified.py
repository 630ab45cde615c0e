"""The scanner of secrets, with each one's vendor asked: what is live weighs more, what is dead hardly anything."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.finding import Finding, Severity
from mumetal.scan.credentials.verify import MAX_CALLS, Answer, Endpoint, ask, endpoints
from mumetal.scan.secrets.mask import fingerprint
from mumetal.scan.secrets.scanner import SecretScanner

Ask = Callable[[Endpoint, bytes], Answer]


class VerifiedScanner:
    """Finds secrets and asks their vendors; each secret once, at most 100 calls.

    Args:
        scanner: Finds the secrets.
        asking: Asks one vendor.
    """

    def __init__(self, scanner: SecretScanner, asking: Ask = ask) -> None:
        self.info = scanner.info
        self._scanner = scanner
        self._asking = asking
        self._answers: dict[str, Answer] = {}

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what the scanner finds, with what the vendor says of it."""
        values = {fingerprint(h.value): h for h in self._scanner.hits(artefact)}
        for finding in self._scanner.scan(artefact):
            mark = next((e.uri.partition(":")[2] for e in finding.evidence if e.scheme == "fingerprint"), "")
            hit = values.get(mark)
            yield _weighed(finding, self._answer(mark, hit.rule.id, hit.value)) if hit else finding

    def _answer(self, mark: str, rule: str, value: bytes) -> Answer:
        if mark not in self._answers:
            endpoint = endpoints().get(rule)
            if endpoint is None:
                self._answers[mark] = Answer(state="unknown", said="its vendor has no documented way to ask")
            elif sum(bool(a.host) for a in self._answers.values()) >= MAX_CALLS:
                self._answers[mark] = Answer(state="unknown", said=f"not asked: {MAX_CALLS} calls were made")
            else:
                self._answers[mark] = self._asking(endpoint, value)
        return self._answers[mark]


def _weighed(finding: Finding, answer: Answer) -> Finding:
    said = f"{finding.detail} Verified: {answer.state}, {answer.said}{f' of {answer.host}' if answer.host else ''}."
    severity, confidence = finding.severity, finding.confidence
    if answer.state == "live":
        severity, confidence = Severity.CRITICAL, 0.99
    elif answer.state == "dead":
        severity = Severity.LOW
    note = Evidence(uri=f"verified:{answer.state}", note=f"{answer.host or 'nobody'}: {answer.said}")
    return replace(
        finding, detail=said[:4_000], severity=severity, confidence=confidence, evidence=(*finding.evidence, note)
    )
