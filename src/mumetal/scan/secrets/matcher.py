"""Says where in a text a rule may match: Hyperscan over all rules at once, or re2 where Hyperscan is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import re2

from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.expression import confirmer, prefilter
from mumetal.scan.secrets.near import Near
from mumetal.scan.secrets.rule import Rule

BACK = 1_024  # bytes of a line looked at before a hit, and after it: more than any key that stands on one line
AHEAD = 4_096
MAX_HITS = 200_000  # of one text; beyond it a text is noise, such as a table of random tokens
_LEAD = 300
_FOLLOW = 100
_BEFORE = 240


class Prefilter(Protocol):
    """Finds where rules may match."""

    def hits(self, data: bytes) -> dict[int, list[int]]:
        """Return, per rule number, offsets just past possible matches; at most ``MAX_HITS`` in all."""
        ...


def options() -> "re2.Options":
    """Return how re2 reads: bytes as they are, silently, with bounded memory."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.log_errors = False
    chosen.max_mem = 64 << 20
    return chosen


class Re2Prefilter:
    """The prefilter without Hyperscan: one re2 set says which rules occur, then each is looked for.

    Args:
        rules: The rules, in the order of their numbers.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        chosen = options()
        self._set = re2.Set.SearchSet(chosen)
        self._each: list[re2._Regexp] = []
        for rule in rules:
            self._set.Add(prefilter(rule).encode())
            self._each.append(re2.compile(prefilter(rule).encode(), chosen))
        self._set.Compile()

    def hits(self, data: bytes) -> dict[int, list[int]]:
        """Return possible matches by rule number."""
        found: dict[int, list[int]] = {}
        left = MAX_HITS
        for number in sorted(self._set.Match(data) or ()):
            ends = found[number] = []
            for match in self._each[number].finditer(data):
                ends.append(match.end())
                left -= 1
                if left <= 0:
                    break
        return found


def windows(data: bytes, ends: Sequence[int], lines: int) -> Iterator[tuple[int, int]]:
    """Yield the (start, stop) of the lines around hits, merged where they touch.

    Args:
        data: The text.
        ends: Offsets just past possible matches, ascending.
        lines: Lines after the hit's line that belong to it.
    """
    start = stop = -1
    for end in ends:
        if end <= stop and not lines:
            continue
        low = data.rfind(b"\n", max(0, end - BACK), max(0, end - 1)) + 1 or max(0, end - BACK)
        high = end - 1
        for _ in range(lines + 1):
            cut = data.find(b"\n", high + 1, end + AHEAD * (1 + lines))
            high = cut if cut >= 0 else min(len(data), end + AHEAD * (1 + min(lines, 1)))
            if cut < 0:
                break
        if low <= stop:
            stop = max(stop, high)
            continue
        if stop >= 0:
            yield start, stop
        start, stop = low, high
    if stop >= 0:
        yield start, stop


class Matcher:
    """Confirms a prefilter's hits with re2.

    Args:
        rules: The rules.
        prefilter: Who says where to look.
    """

    def __init__(self, rules: Sequence[Rule], prefilter: Prefilter) -> None:
        self.rules = tuple(rules)
        self._prefilter = prefilter
        self._compiled: dict[int, re2._Regexp] = {}
        self._near: dict[int, Near] = {}

    def _spans(self, number: int, window: bytes) -> Iterator[tuple[int, int]]:
        rule = self.rules[number]
        if rule.near:
            near = self._near.get(number)
            if near is None:
                near = self._near[number] = Near(rule.near)
            yield from near.spans(window)
            return
        known = self._compiled.get(number)
        if known is None:
            known = self._compiled[number] = re2.compile(confirmer(rule).encode(), options())
        for match in known.finditer(window):
            span = match.span(1)
            if span[0] >= 0:
                yield span

    def candidates(self, data: bytes, *, binary: bool = False) -> Iterator[Candidate]:
        """Yield what matches, rule by rule; structure is not checked yet.

        Args:
            data: The text.
            binary: Whether it is none; then only shapes that say their vendor are looked for.
        """
        for number, ends in sorted(self._prefilter.hits(data).items()):
            rule = self.rules[number]
            if binary and (rule.name or rule.near or rule.generic):
                continue
            for low, high in windows(data, sorted(ends), rule.lines):
                for start, stop in self._spans(number, data[low:high]):
                    yield _candidate(data, rule, low + start, low + stop, low, high)


def _candidate(data: bytes, rule: Rule, start: int, stop: int, low: int, high: int) -> Candidate:
    lead = data[max(low, start - _LEAD) : start]
    return Candidate(
        rule=rule,
        value=data[start:stop],
        start=start,
        stop=stop,
        lead=lead[lead.rfind(b"\n") + 1 :],
        before=data[max(0, low - _BEFORE) : low],
        follow=data[stop : min(high, stop + _FOLLOW)].split(b"\n", 1)[0],
    )


def cache_folder(home: Path, environment: str) -> Path:
    """Return the folder for compiled rules: ``$XDG_CACHE_HOME/mumetal`` or ``~/.cache/mumetal``.

    Args:
        home: The user's home.
        environment: Value of ``XDG_CACHE_HOME``; may be empty.
    """
    return (Path(environment) if environment else home / ".cache") / "mumetal"
