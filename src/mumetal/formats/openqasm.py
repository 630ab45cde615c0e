"""OpenQASM 2 and 3 to a flat circuit: structure only. Includes are named, never opened; expansion is bounded.

Read are registers, gates and their definitions, modifiers, measurements, resets, delays, conditions, ``for`` over a
range of numbers, and the pulses of ``defcal``. The body of a ``while`` is read once; other classical code is passed over.
Sources: Cross et al. 2017, arXiv:1707.03429; Cross et al. 2022, arXiv:2104.14722.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from mumetal.core.errors import BadInputError
from mumetal.formats.circuit import (
    DT_S,
    MAX_OPERATIONS,
    MAX_QUBITS,
    Circuit,
    Definition,
    Operation,
    Pulse,
    example_angles,
)
from mumetal.formats.qasm_pulses import pulses_of
from mumetal.formats.qasm_tokens import Arithmetic, Token, Words, tokens

MAX_BYTES = 16 * 2**20
MAX_NESTING = 40
MAX_DEFINITIONS = 5_000
PASSED_OVER = frozenset({
    "input", "output", "const", "let", "int", "uint", "float", "angle", "bool", "complex", "array", "duration",
    "stretch", "return", "break", "continue", "end", "extern", "defcalgrammar", "opaque", "port", "frame", "waveform",
})  # fmt: skip
Scope = dict[str, float]


def decode(data: bytes, where: str = "circuit.qasm", dt_s: float = DT_S) -> Circuit:
    """Read a program.

    Args:
        data: The text, UTF-8.
        where: Its place, for errors.
        dt_s: Length of one ``dt``, s.

    Raises:
        BadInputError: No OpenQASM, or beyond a bound of size, depth, qubits or expanded operations.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"the program has {len(data)} bytes, more than {MAX_BYTES}", where=where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(f"not UTF-8 at byte {error.start}", where=where) from None
    return _Reader(tokens(text, where), where, dt_s).program()


class _Reader(Words):
    def __init__(self, found: list[Token], where: str, dt_s: float) -> None:
        super().__init__(found, where)
        self._dt_s = dt_s
        self._registers: dict[str, tuple[int, int]] = {}
        self._qubits = 0
        self._bits: dict[str, int] = {}
        self._definitions: dict[str, Definition] = {}
        self._bodies: dict[str, tuple[list[str], list[str], int, int]] = {}
        self._operations: list[Operation] = []
        self._pulses: list[Pulse] = []
        self._includes: list[str] = []
        self._version = 3

    def program(self) -> Circuit:
        self._statements(0, len(self.tokens), {}, 0, conditional=False)
        return Circuit(
            language=f"OpenQASM {self._version}",
            qubits=self._qubits,
            operations=tuple(self._operations),
            definitions=tuple(self._definitions.values()),
            pulses=tuple(self._pulses),
            includes=tuple(self._includes),
        )

    def _statements(self, at: int, stop: int, known: Scope, depth: int, *, conditional: bool) -> None:
        if depth > MAX_NESTING:
            raise self.fail(f"nested more than {MAX_NESTING} deep", at)
        while at < stop:
            at = self._statement(at, stop, known, depth, conditional=conditional)

    def _statement(self, at: int, stop: int, known: Scope, depth: int, *, conditional: bool) -> int:
        self.tick(at)
        word = self.tokens[at].text
        match word:
            case ";" | "}":
                return at + 1
            case "{" | "box":
                opening = at if word == "{" else self.find(at, stop, "{")
                closing = self.closing(opening, stop)
                self._statements(opening + 1, closing, known, depth + 1, conditional=conditional)
                return closing + 1
            case "gate":
                return self._define(at, stop)
            case "def" | "cal":
                return self.closing(self.find(at, stop, "{"), stop) + 1
            case "defcal":
                opening = self.find(at, stop, "{")
                closing = self.closing(opening, stop)
                self._pulses += pulses_of(self.tokens[at + 1 : opening], self.tokens[opening + 1 : closing], self._dt_s)
                return closing + 1
            case "if" | "while":
                return self._branch(at, stop, known, depth)
            case "else":
                return self._body(at + 1, stop, known, depth, conditional=True)
            case "for":
                return self._loop(at, stop, known, depth, conditional=conditional)
            case _:
                end = self.find(at, stop, ";")
                self._simple(at, end, known, conditional=conditional)
                return end + 1

    def _branch(self, at: int, stop: int, known: Scope, depth: int) -> int:
        opening = self.find(at, stop, "(")
        return self._body(self.closing(opening, stop) + 1, stop, known, depth, conditional=True)

    def _body(self, at: int, stop: int, known: Scope, depth: int, *, conditional: bool) -> int:
        if at >= stop:
            raise self.fail("a body is missing", at - 1)
        if self.tokens[at].text == "{":
            closing = self.closing(at, stop)
            self._statements(at + 1, closing, known, depth + 1, conditional=conditional)
            return closing + 1
        if depth > MAX_NESTING:
            raise self.fail(f"nested more than {MAX_NESTING} deep", at)
        return self._statement(at, stop, known, depth + 1, conditional=conditional)

    def _loop(self, at: int, stop: int, known: Scope, depth: int, *, conditional: bool) -> int:
        names = [t.text for t in self.tokens[at : at + 5]]
        if "in" not in names:
            raise self.fail("a for needs 'in'", at)
        middle = at + names.index("in")
        variable = self.tokens[middle - 1].text
        opening = middle + 1
        if opening >= stop or self.tokens[opening].text not in {"[", "{"}:
            start = opening + 1
            return self._body(start, stop, known, depth, conditional=True)
        closing = self.closing(opening, stop)
        values = self._range(opening, closing, known)
        end = closing + 1
        for value in values:
            end = self._body(closing + 1, stop, known | {variable: value}, depth + 1, conditional=conditional)
        return end if values else self._skip(closing + 1, stop)

    def _skip(self, at: int, stop: int) -> int:
        if at < stop and self.tokens[at].text == "{":
            return self.closing(at, stop) + 1
        return self.find(at, stop, ";") + 1

    def _range(self, opening: int, closing: int, known: Scope) -> Sequence[float]:
        separator = ":" if self.tokens[opening].text == "[" else ","
        parts = [self._value(p, known) for p in self.split(opening + 1, closing, separator)]
        if any(math.isnan(p) or math.isinf(p) for p in parts):
            return [math.nan]
        if separator == ",":
            return parts
        first, last = int(parts[0]), int(parts[-1])
        step = int(parts[1]) if len(parts) == 3 else 1
        if not step or (last - first) // step + 1 > MAX_OPERATIONS:
            raise self.fail("a loop without end, or with too many turns", opening)
        return [float(v) for v in range(first, last + (1 if step > 0 else -1), step)]

    def _value(self, found: list[Token], known: Scope) -> float:
        return Arithmetic(found, known, self._dt_s).value()

    def _define(self, at: int, stop: int) -> int:
        opening = self.find(at, stop, "{")
        closing = self.closing(opening, stop)
        if at + 1 >= opening:
            raise self.fail("a gate without a name", at)
        name, line = self.tokens[at + 1].text.lower(), self.tokens[at].line
        parameters: list[str] = []
        start = at + 2
        if start < opening and self.tokens[start].text == "(":
            end = self.closing(start, opening)
            parameters = [p[0].text for p in self.split(start + 1, end)]
            start = end + 1
        qubits = [p[0].text for p in self.split(start, opening)]
        if not qubits or len(qubits) > 200 or len(self._definitions) >= MAX_DEFINITIONS:
            raise self.fail("a gate without qubits, with too many, or one definition too many", at)
        self._bodies[name] = (parameters, qubits, opening + 1, closing)
        example = self._expand(name, list(example_angles(len(parameters))), list(range(len(qubits))), line, 0)
        self._definitions[name] = Definition(
            name=name, parameters=tuple(parameters), qubits=len(qubits), line=line, operations=example
        )
        return closing + 1

    def _expand(
        self, name: str, angles: list[float], qubits: list[int], line: int, depth: int
    ) -> tuple[Operation, ...]:
        """Return what a gate of the text does on given qubits, down to gates the text does not define."""
        parameters, formal, start, stop = self._bodies[name]
        if depth > MAX_NESTING:
            raise self.fail(f"gates defined more than {MAX_NESTING} deep", start)
        if len(angles) != len(parameters) or len(qubits) != len(formal):
            raise self.fail(f"gate {name[:40]!r} is called with other arguments than it is defined with", start)
        known = dict(zip(parameters, angles, strict=True))
        local = dict(zip(formal, qubits, strict=True))
        done: list[Operation] = []
        at = start
        while at < stop:
            self.tick(at)
            end = self.find(at, stop, ";")
            if end > at:
                for called, given, targets in self._call(at, end, known):
                    inner = [local[t[0].text] for t in targets if t and t[0].text in local]
                    if called in self._bodies and called != name:
                        done += self._expand(called, given, inner, line, depth + 1)
                    elif inner:
                        done.append(Operation(name=called, qubits=tuple(inner), params=tuple(given), line=line))
                    if len(done) > MAX_OPERATIONS:
                        raise self.fail(f"a gate expands to more than {MAX_OPERATIONS} operations", start)
            at = end + 1
        return tuple(done)

    def _call(self, at: int, end: int, known: Scope) -> list[tuple[str, list[float], list[list[Token]]]]:
        """Return (gate, angles, target tokens) of a gate call, modifiers applied; several for ``pow``."""
        controls, times, inverse = 0, 1, False
        while at < end and (at + 1 < end) and self.tokens[at].text in {"ctrl", "negctrl", "inv", "pow"}:
            word, at = self.tokens[at].text, at + 1
            value = 1.0
            if self.tokens[at].text == "(":
                closing = self.closing(at, end)
                value = self._value(self.tokens[at + 1 : closing], known)
                at = closing + 1
            if at < end and self.tokens[at].text == "@":
                at += 1
            if word == "inv":
                inverse = not inverse
            elif word == "pow":
                times = int(min(abs(value), MAX_OPERATIONS + 1)) if value.is_integer() else 1
            else:
                controls += int(value) if 0 < value < 100 else 1
        if at >= end:
            raise self.fail("a call without a gate", end)
        name = "c" * controls + self.tokens[at].text.lower()
        at += 1
        angles: list[float] = []
        if at < end and self.tokens[at].text == "(":
            closing = self.closing(at, end)
            angles = [self._value(p, known) for p in self.split(at + 1, closing)]
            at = closing + 1
        if at < end and self.tokens[at].text == "[":
            closing = self.closing(at, end)
            angles = [self._value(self.tokens[at + 1 : closing], known)]
            at = closing + 1
        if inverse:
            angles = [-a for a in angles]
            name = {"s": "sdg", "t": "tdg", "sx": "sxdg", "sdg": "s", "tdg": "t"}.get(name, name)
        return [(name, angles, self.split(at, end))] * max(times, 1)

    def _simple(self, at: int, end: int, known: Scope, *, conditional: bool) -> None:
        if end == at:
            return
        word = self.tokens[at].text
        texts = [t.text for t in self.tokens[at:end]]
        if word == "OPENQASM":
            self._version = 2 if len(texts) > 1 and texts[1].startswith("2") else 3
        elif word == "include":
            self._includes += [t.strip("\"'")[:200] for t in texts[1:2]][: 100 - len(self._includes)]
        elif word in {"qreg", "qubit", "creg", "bit"}:
            self._declare(at, end, known)
        elif "measure" in texts:
            self._measure(at, end, known, conditional=conditional)
        elif word in PASSED_OVER or any(t.kind == "mark" and t.text == "=" for t in self.tokens[at:end]):
            return
        else:
            self._apply(at, end, known, conditional=conditional)

    def _declare(self, at: int, end: int, known: Scope) -> None:
        quantum = self.tokens[at].text in {"qreg", "qubit"}
        size, name = 1.0, ""
        index = at + 1
        while index < end and self.tokens[index].text != "=":
            if self.tokens[index].text == "[":
                closing = self.closing(index, end)
                size = self._value(self.tokens[index + 1 : closing], known)
                index = closing
            elif self.tokens[index].kind == "word":
                name = self.tokens[index].text
            index += 1
        if not name or not 1 <= size <= MAX_QUBITS or size != int(size):
            raise self.fail("a register without a name or a size", at)
        if not quantum:
            self._bits[name] = int(size)
            if "measure" in (t.text for t in self.tokens[at:end]):
                self._measure(at, end, known, conditional=False)
            return
        if self._qubits + size > MAX_QUBITS:
            raise self.fail(f"more than {MAX_QUBITS} qubits", at)
        self._registers[name] = (self._qubits, int(size))
        self._qubits += int(size)

    def _measure(self, at: int, end: int, known: Scope, *, conditional: bool) -> None:
        first = next(i for i in range(at, end) if self.tokens[i].text == "measure")
        stop = next((i for i in range(first, end) if self.tokens[i].text == "->"), end)
        for target in self.split(first + 1, stop):
            for qubit in self._targets(target, known):
                self._add(
                    Operation(name="measure", qubits=(qubit,), conditional=conditional, line=self.tokens[at].line)
                )

    def _targets(self, found: list[Token], known: Scope) -> list[int]:
        """Return the qubits that one operand names."""
        name = found[0].text
        if name.startswith("$") and name[1:].isdigit():
            index = int(name[1:7])
            if index >= MAX_QUBITS:
                raise BadInputError(f"more than {MAX_QUBITS} qubits", where=f"{self.where}:{found[0].line}")
            self._qubits = max(self._qubits, index + 1)
            return [index]
        if name not in self._registers:
            raise BadInputError(f"no qubits are called {name[:40]!r}", where=f"{self.where}:{found[0].line}")
        start, size = self._registers[name]
        if len(found) == 1:
            return list(range(start, start + size))
        inner = found[2:-1]
        colon = next((n for n, t in enumerate(inner) if t.text == ":"), None)
        if colon is not None:
            low, high = self._value(inner[:colon], known), self._value(inner[colon + 1 :], known)
            if not (0 <= low <= high < size):
                return list(range(start, start + size))
            return list(range(start + int(low), start + int(high) + 1))
        value = self._value(inner, known)
        if math.isnan(value) or not -size <= value < size:
            raise BadInputError(f"{name[:40]!r} has no such qubit", where=f"{self.where}:{found[0].line}")
        return [start + int(value) % size]

    def _apply(self, at: int, end: int, known: Scope, *, conditional: bool) -> None:
        line = self.tokens[at].line
        for name, angles, operands in self._call(at, end, known):
            sets = [self._targets(o, known) for o in operands]
            if name in {"barrier", "reset"}:
                everything = [q for s in sets for q in s] or list(range(self._qubits))
                groups = [everything] if name == "barrier" else [[q] for q in everything]
            else:
                width = max((len(s) for s in sets), default=0)
                if any(len(s) not in {1, width} for s in sets) or not width:
                    raise self.fail(f"{name[:40]!r} has operands that do not fit", at)
                groups = [[s[0] if len(s) == 1 else s[n] for s in sets] for n in range(width)]
            for qubits in groups:
                if name in self._bodies:
                    for operation in self._expand(name, angles, qubits, line, 0):
                        self._add(replace(operation, conditional=conditional))
                else:
                    length = angles[0] if name == "delay" and angles else 0.0
                    params = () if name == "delay" else tuple(angles)
                    self._add(
                        Operation(
                            name=name,
                            qubits=tuple(qubits),
                            params=params,
                            duration_s=length,
                            conditional=conditional,
                            line=line,
                        )
                    )

    def _add(self, operation: Operation) -> None:
        self._operations.append(operation)
        if len(self._operations) > MAX_OPERATIONS:
            raise BadInputError(f"more than {MAX_OPERATIONS} operations", where=f"{self.where}:{operation.line}")
