"""Words of OpenQASM 2 and 3, and the value of an angle."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mumetal.core.errors import BadInputError

MAX_TOKENS = 4_000_000
MAX_DEPTH = 60
MAX_STEPS = 1_000_000
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\f]+)|(?P<line>\n)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>\"[^\"\n]{0,4096}\"|'[^'\n]{0,4096}')"
    r"|(?P<pragma>#?pragma\b[^\n]*|@[A-Za-z_][\w.]*[^\n]*(?=\n))"
    r"|(?P<time>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s?(?:ns|us|µs|μs|ms|s|dt)\b)"
    r"|(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>\$\d+|[A-Za-z_\u0370-\u03ff][\w\u0370-\u03ff]*)"
    r"|(?P<mark>->|==|!=|<=|>=|&&|\|\||\*\*|\+\+|<<|>>|[-+*/%^=<>!&|~(){}\[\],;:.@?])",
    re.DOTALL,
)
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "ln": math.log, "log": math.log,
    "sqrt": math.sqrt, "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "abs": abs, "floor": math.floor,
    "ceiling": math.ceil, "float": float, "angle": float, "int": int, "uint": int,
}  # fmt: skip
_CONSTANTS = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
    "true": 1.0,
    "false": 0.0,
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark with its line, from 1."""

    kind: str
    text: str
    line: int


def tokens(text: str, where: str) -> list[Token]:
    """Cut a text into tokens, comments and pragmas left out.

    Raises:
        BadInputError: A character that OpenQASM does not have, or too many tokens.
    """
    found: list[Token] = []
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadInputError(f"{text[at : at + 1]!r} is not OpenQASM", where=f"{where}:{line}")
        kind = match.lastgroup or ""
        if kind not in {"space", "line", "comment", "pragma"}:
            found.append(Token(kind, match[0], line))
            if len(found) > MAX_TOKENS:
                raise BadInputError(f"more than {MAX_TOKENS} words", where=f"{where}:{line}")
        line += match[0].count("\n")
        at = match.end()
    return found


def seconds(text: str, dt_s: float) -> float:
    """Return a time literal such as ``100ns`` or ``160dt``, s."""
    found = re.fullmatch(r"([\d_.eE+-]+)\s?(\D+)", text)
    if not found:
        return math.nan
    unit = found[2].strip()
    return float(found[1].replace("_", "")) * (dt_s if unit == "dt" else _UNIT_S.get(unit, math.nan))


def number(text: str) -> float:
    """Return a number literal."""
    bare = text.replace("_", "").lower()
    if bare.startswith(("0x", "0b")):
        return float(min(int(bare, 0), 10**300)) if len(bare) < 300 else math.inf
    return float(bare)


class Arithmetic:
    """Value of an expression's tokens; NaN for what is not known. Depth is bounded.

    Args:
        found: Tokens of the expression.
        known: Values of names.
        dt_s: Length of one sample, s.
    """

    def __init__(self, found: list[Token], known: Mapping[str, float], dt_s: float) -> None:
        self._tokens = found
        self._known = known
        self._dt_s = dt_s
        self._at = 0
        self._depth = 0

    def value(self) -> float:
        """Return the value, NaN when any part is unknown or it cannot be computed."""
        try:
            result = self._sum()
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return math.nan
        return float(result) if self._at >= len(self._tokens) else math.nan

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _sum(self) -> float:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError
        left = self._product()
        while (mark := self._peek()) in {"+", "-"}:
            self._at += 1
            right = self._product()
            left = left + right if mark == "+" else left - right
        self._depth -= 1
        return left

    def _product(self) -> float:
        left = self._power()
        while (mark := self._peek()) in {"*", "/", "%"}:
            self._at += 1
            right = self._power()
            left = left * right if mark == "*" else left / right if mark == "/" else left % right
        return left

    def _power(self) -> float:
        signs = 1.0
        while self._peek() in {"-", "+"}:
            signs = -signs if self._peek() == "-" else signs
            self._at += 1
        base = self._atom()
        if self._peek() in {"^", "**"}:
            self._at += 1
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise ValueError
            base = math.pow(base, self._power())
            self._depth -= 1
        return signs * base

    def _atom(self) -> float:
        if self._at >= len(self._tokens):
            raise ValueError
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "number":
            return number(token.text)
        if token.kind == "time":
            return seconds(token.text, self._dt_s)
        if token.text == "(":
            inside = self._sum()
            if self._peek() != ")":
                raise ValueError
            self._at += 1
            return inside
        if token.kind == "word":
            if token.text in _FUNCTIONS and self._peek() == "(":
                return float(_FUNCTIONS[token.text](self._atom()))
            return self._known.get(token.text, _CONSTANTS.get(token.text, math.nan))
        raise ValueError


class Words:
    """Tokens with the questions a reader asks of them.

    Args:
        found: The tokens.
        where: Place of the text, for errors.
    """

    def __init__(self, found: list[Token], where: str) -> None:
        self.tokens = found
        self.where = where
        self._steps = 0

    def tick(self, at: int) -> None:
        """Count one statement read; loops and definitions cannot make the reading endless."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise self.fail(f"more than {MAX_STEPS} statements once expanded", at)

    def fail(self, message: str, at: int) -> BadInputError:
        """Return the error for a place in the text."""
        line = self.tokens[min(at, len(self.tokens) - 1)].line if self.tokens else 1
        return BadInputError(message, where=f"{self.where}:{line}")

    def find(self, at: int, stop: int, mark: str) -> int:
        """Return where a mark stands next.

        Raises:
            BadInputError: Nowhere.
        """
        for index in range(at, stop):
            if self.tokens[index].text == mark:
                return index
        raise self.fail(f"{mark!r} is missing after {self.tokens[at].text[:40]!r}", at)

    def closing(self, opening: int, stop: int) -> int:
        """Return where the bracket at ``opening`` is closed."""
        mark = self.tokens[opening].text
        other = {"{": "}", "(": ")", "[": "]"}[mark]
        depth = 0
        for index in range(opening, stop):
            text = self.tokens[index].text
            depth += (text == mark) - (text == other)
            if depth == 0:
                return index
        raise self.fail(f"{mark!r} is never closed", opening)

    def split(self, at: int, stop: int, separator: str = ",") -> list[list[Token]]:
        """Return what stands between separators, brackets kept together; empty parts left out."""
        parts: list[list[Token]] = [[]]
        depth = 0
        for token in self.tokens[at:stop]:
            depth += (token.text in "([{") - (token.text in ")]}") if len(token.text) == 1 else 0
            if token.text == separator and depth == 0:
                parts.append([])
            else:
                parts[-1].append(token)
        return [p for p in parts if p]
