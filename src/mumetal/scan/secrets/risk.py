"""How bad a found secret is: who could have seen it, and how sure the finding is."""

import re

from mumetal.core.finding import Severity
from mumetal.scan.secrets.candidate import Candidate

_TEST = re.compile(r"(?i)(?:^|/|_|-)(?:tests?|spec|fixtures?|testdata|mocks?|examples?|samples?|demos?)(?:/|_|-|\.|$)")
_DOCS = re.compile(r"(?i)(?:^|/)docs?/|\.(?:md|rst|adoc|txt)$|(?:^|/)readme")
_RUNS = re.compile(
    r"(?i)(?:^|/)(?:\.github/workflows|\.gitlab-ci|jenkinsfile|\.circleci|docker-compose|k8s|helm|deploy|\.env)"
)
_DAY_NS = 86_400 * 10**9


def exposure(uri: str, facts: dict[str, str]) -> float:
    """Return how far the place raises (> 1) or lowers (< 1) the belief that a live secret is exposed there.

    Args:
        uri: The artefact's uri.
        facts: The artefact's facts.
    """
    path = facts.get("path", uri)
    factor = 1.0
    if _TEST.search(path):
        factor *= 0.8
    if _DOCS.search(path):
        factor *= 0.85
    if _RUNS.search(path):
        factor *= 1.1
    if facts.get("cell") == "output" or facts.get("place") == "log":
        factor *= 1.1  # a machine printed it: nobody writes examples there
    return factor


def risk(candidate: Candidate, uri: str, facts: dict[str, str], now_ns: int = 0) -> tuple[float, Severity]:
    """Return (probability that it is a live secret, severity) of a candidate in its place.

    The probability is the rule's precision times what its structure says, adjusted by place and, in a history, by age: keys
    older than two years are often revoked. Severity stays the rule's, one step lower where the probability is below 0.5.

    Args:
        candidate: The secret.
        uri: Where it is.
        facts: Facts of the artefact.
        now_ns: The time, nanoseconds since 1970 UTC; 0 leaves age out.
    """
    belief = candidate.belief * exposure(uri, facts)
    written = facts.get("t_ns", "")
    if now_ns and facts.get("place") == "history" and written.isdigit() and now_ns - int(written) > 730 * _DAY_NS:
        belief *= 0.9
    belief = min(max(belief, 0.0), 0.99)
    level = candidate.rule.level
    return belief, Severity(max(Severity.LOW, level - 1)) if belief < 0.5 else level
