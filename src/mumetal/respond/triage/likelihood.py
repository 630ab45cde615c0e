"""How sure we are that something is wrong, from many findings that are not independent of one another."""

import math
from collections.abc import Iterable

from mumetal.core.finding import Finding

CAP = 0.99
FURTHER_WEIGHT = 0.5


def of_finding(finding: Finding) -> float:
    """Return the probability that a finding is true *and* no accepted innocent cause accounts for it, in [0, 1].

    With even odds beforehand, an accepted cause of log-likelihood ratio L leaves 1/(1 + e^L) of the confidence.
    """
    accepted = [c.log_likelihood_ratio for c in finding.causes if c.explained]
    if not accepted:
        return finding.confidence
    ratio = max((value for value in accepted if not math.isnan(value)), default=0.0)
    return finding.confidence / (1.0 + math.exp(min(50.0, max(0.0, ratio))))


def combine(strongest_by_stream: Iterable[float]) -> float:
    """Combine one probability per stream into one, in [0, 0.99].

    Findings of one stream look at the same numbers, so only its strongest counts (the caller's part). Streams of one
    device share causes, so this is a noisy-or (Pearl 1988, ISBN 1-55860-479-0, section 4.3) in which the strongest
    stream counts in full and every further one with half its weight: 1 − (1 − p₁)·Π(1 − pₖ)^½. The half is a
    judgement; labels will replace it. The cap says that no number of detectors makes certainty.
    """
    ordered = sorted(strongest_by_stream, reverse=True)
    if not ordered:
        return 0.0
    clear = 1.0 - min(CAP, ordered[0])
    for p in ordered[1:]:
        clear *= (1.0 - min(CAP, p)) ** FURTHER_WEIGHT
    return min(CAP, 1.0 - clear)
