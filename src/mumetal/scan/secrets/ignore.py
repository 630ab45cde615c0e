"""What a person has said is no secret: a comment with a reason."""

from mumetal.scan.excuse import reason_in
from mumetal.scan.secrets.candidate import Candidate


def ignored_by_comment(candidate: Candidate) -> bool:
    """Whether its line, or the line above, says ``mumetal: ignore[rule] reason``; without a reason it does not count."""
    above = candidate.before.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    names = (candidate.rule.id, f"scan.secrets.{candidate.rule.id}")
    return bool(reason_in(names, candidate.lead + candidate.follow, above))
