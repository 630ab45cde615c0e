"""A possible secret inside a text, before and after its structure is checked."""

from dataclasses import dataclass, field

from mumetal.scan.secrets.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What an expression matched.

    Args:
        rule: The rule.
        value: The possible secret; never printed.
        start: Where it starts, bytes from the start of the text.
        stop: Just past its end.
        lead: What stands before it on its line, at most 300 bytes: name, separator, code.
        follow: What stands after it on its line, at most 100 bytes.
        before: The lines before it, at most 240 bytes.
        encoded: Whether it lay under an encoding; then the place is that of the encoded text.
        belief: Probability that it is a secret, in [0, 1].
    """

    rule: Rule
    value: bytes = field(repr=False)
    start: int
    stop: int
    lead: bytes = field(default=b"", repr=False)
    follow: bytes = field(default=b"", repr=False)
    before: bytes = field(default=b"", repr=False)
    encoded: bool = False
    belief: float = 0.0
