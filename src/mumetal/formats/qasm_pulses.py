"""Pulses of an OpenQASM 3 ``defcal``: which line is driven, how long, how strongly, at which frequency."""

import math
from collections.abc import Iterator

from mumetal.formats.circuit import Pulse
from mumetal.formats.qasm_tokens import Arithmetic, Token

MAX_PULSES = 10_000
AREA = {"constant": 1.0, "gaussian_square": 0.9, "gaussian": 0.6, "drag": 0.6, "sech": 0.5, "sine": 0.637}


def pulses_of(head: list[Token], body: list[Token], dt_s: float) -> Iterator[Pulse]:
    """Yield the pulses of one ``defcal``.

    Args:
        head: Tokens between ``defcal`` and the brace.
        body: Tokens inside the braces.
        dt_s: Length of one ``dt``, s.
    """
    gate = head[0].text.lower() if head else ""
    qubits = tuple(int(t.text[1:6]) for t in head if t.text.startswith("$") and t.text[1:].isdigit())
    frequency: dict[str, float] = {}
    told = 0
    for call in _calls(body):
        name, arguments, line = call
        if name in {"set_frequency", "shift_frequency"} and len(arguments) == 2:
            frequency[_channel(arguments[0])] = Arithmetic(arguments[1], {}, dt_s).value()
        elif name == "play" and len(arguments) == 2 and told < MAX_PULSES:
            told += 1
            channel = _channel(arguments[0])
            values = _values(arguments[1], dt_s)
            length = max((v for v, is_time in values if is_time), default=math.nan)
            amplitude = next((abs(v) for v, is_time in values if not is_time), math.nan)
            share = AREA.get(arguments[1][0].text.lower(), math.nan)
            yield Pulse(
                gate=gate, qubits=qubits, channel=channel, duration_s=length, amplitude=amplitude,
                area_s=share * amplitude * length, frequency_hz=frequency.get(channel, math.nan), line=line,
            )  # fmt: skip


def _calls(body: list[Token]) -> Iterator[tuple[str, list[list[Token]], int]]:
    at = 0
    while at + 1 < len(body):
        if body[at].text in {"play", "set_frequency", "shift_frequency"} and body[at + 1].text == "(":
            depth, end = 0, at + 1
            arguments: list[list[Token]] = [[]]
            while end < len(body):
                text = body[end].text
                depth += (text == "(") - (text == ")")
                if depth == 0:
                    break
                if text == "," and depth == 1:
                    arguments.append([])
                elif end > at + 1:
                    arguments[-1].append(body[end])
                end += 1
            if all(arguments):
                yield body[at].text, arguments, body[at].line
            at = end
        at += 1


def _channel(found: list[Token]) -> str:
    """Return ``d0`` for ``drive($0)``, ``m0`` for ``measure($0)``; the name itself for a frame of the text."""
    text = found[0].text
    qubit = next((t.text[1:6] for t in found if t.text.startswith("$") and t.text[1:].isdigit()), "")
    kind = {"drive": "d", "measure": "m", "acquire": "a", "control": "u"}.get(text.lower(), "")
    return f"{kind or 'd'}{qubit}" if qubit else text[:40]


def _values(found: list[Token], dt_s: float) -> list[tuple[float, bool]]:
    inside = [t for t in found[1:] if t.kind in {"number", "time", "word"} or t.text in {",", "-"}]
    values: list[tuple[float, bool]] = []
    part: list[Token] = []
    for token in [*inside, Token("mark", ",", 0)]:
        if token.text == ",":
            if part:
                values.append((Arithmetic(part, {}, dt_s).value(), any(t.kind == "time" for t in part)))
            part = []
        else:
            part.append(token)
    return [(v, is_time) for v, is_time in values if not math.isnan(v)]
