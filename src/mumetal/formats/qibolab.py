"""A Qibolab platform's ``parameters.json`` and ``calibration.json`` to a :class:`DeviceSnapshot`.

Every number of both files becomes a figure; ``platform.py`` beside them is a program and is never read. Facts of the format
(Qibolab 0.1 and 0.2, Apache-2.0): lifetimes, durations and delays are in nanoseconds, frequencies in hertz; a lifetime of 0
stands for "not measured" and is left out; a measured figure may be ``[value, uncertainty]``. A figure without a documented
unit stays as it is written, with the unit ``1``.
"""

import math
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import partial

from mumetal.core import LOCAL
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import MAX_PARAMETERS, DeviceSnapshot, Parameter
from mumetal.formats.canonical import Json, decode_json
from mumetal.formats.names import encoded

FILES = ("parameters.json", "calibration.json")
MAX_BYTES = 16 * 2**20
MAX_QUARANTINED = 50
MAX_NUMBERS = 4 * MAX_PARAMETERS  # also those that are refused
LONGEST = 200  # characters of one key
MARKS = frozenset(".[]@")  # no key holds them: they would let one figure pass for another
RANKS = {"native_gates": 0, "configs": 0, "single_qubits": 1, "two_qubits": 1, "characterization": 2}
QUBITS = frozenset({"single_qubit", "single_qubits"})
PAIRS = frozenset({"two_qubit", "two_qubits"})
SECTIONS = frozenset({"native_gates", "characterization"})
RENAMED = {"t1": "T1", "t2": "T2", "t2_spin_echo": "T2_echo", "T2_spin_echo": "T2_echo"}
LIFETIMES = frozenset({"T1", "T2", "T2_echo"})
UNCERTAIN = re.compile(r"(?:T1|T2|T2_echo|\w*fidelity)\[([01])\]")
NANOSECONDS = re.compile(r"(?:.*\.)?(?:T1|T2|T2_echo|\w*duration|delay|\w*_time|relative_start)(?:\.uncertainty)?")
HERTZ = re.compile(r"(?:.*\.)?(?:\w*frequency(?:_\d+)?|anharmonicity|sampling_rate)(?:\.\d+)?")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authored:
    """Who wrote a platform, and when.

    Args:
        authors: Who wrote what is new in it, in order.
        revision: The commit's id.
        t_ns: When, nanoseconds since 1970 UTC.
    """

    authors: tuple[str, ...] = ()
    revision: str = ""
    t_ns: int


def from_qibolab(
    files: dict[str, bytes], written: Authored, *, tenant: str = LOCAL, device: str, where: str = ""
) -> tuple[DeviceSnapshot, tuple[Quarantined, ...]]:
    """Read one platform.

    Args:
        files: Content by name, of those in :data:`FILES` that are there.
        written: Who and when.
        tenant: Who owns the data.
        device: Device name.
        where: Place for provenance and errors.

    Returns:
        The snapshot, and the figures that were refused.

    Raises:
        BadInputError: A file is no JSON object, too large or too deep, or there is no qubit with a figure.
    """
    documents = {name: _document(files[name], f"{where}/{name}") for name in reversed(FILES) if name in files}
    qubits = _elements(documents, QUBITS)
    if not qubits:
        raise BadInputError("no qubit is named in it", where=where)
    pairs = _elements(documents, PAIRS)
    found: dict[str, list[tuple[tuple[int, bool], Path, Parameter]]] = {}
    refused: list[Quarantined] = []

    def refuse(name: str, path: Path, reason: str) -> None:
        if len(refused) < MAX_QUARANTINED:
            refused.append(Quarantined.of(f"{where}/{name}#{'.'.join(key[:40] for key in path)}", reason))

    count = 0
    for name, document in documents.items():
        for path, value in _numbers(document, partial(refuse, name)):
            count += 1
            if count > MAX_NUMBERS:
                raise BadInputError(f"more than {MAX_PARAMETERS} figures", where=where)
            try:
                figure = figure_of(path, value, qubits)
            except BadInputError as error:
                refuse(name, path, error.message)
                continue
            if figure is not None:
                found.setdefault(figure.channel, []).append((_rank(name, path), path, figure))
    figures = [figure for same in found.values() for figure in _apart(same)]
    order = {name: index for index, name in enumerate(qubits)}
    ends = [tuple(order[q] for q in pair.split("-") if q in order) for pair in pairs]
    snapshot = DeviceSnapshot(
        tenant=tenant,
        device=device,
        t_ns=written.t_ns,
        qubits=len(qubits),
        coupling=tuple(sorted({(e[0], e[1]) for e in ends if len(e) == 2})),
        parameters=tuple(figures),
        provenance=where[:1_000],
        authors=written.authors,
        revision=written.revision,
    )
    return snapshot, tuple(refused)


def figure_of(path: Path, value: float, qubits: Container[str]) -> Parameter | None:
    """Return the figure that stands at a path of a document; None for a lifetime that was not measured.

    Args:
        path: Keys from the document's top; a list's index is ``[i]`` at the end of its key.
        value: As written.
        qubits: Names of the platform's qubits.

    Raises:
        BadInputError: The path is no plain name.
    """
    if not path[0] or max(map(len, path)) > LONGEST:
        raise BadInputError(f"a key is empty or has more than {LONGEST} characters")
    component, rest = _placed(path, qubits)
    first, bracket, index = rest[0].partition("[")
    component = encoded(component)
    name = encoded(".".join((RENAMED.get(first, first) + bracket + index, *rest[1:])))
    if found := UNCERTAIN.fullmatch(name):
        name = name[:-3] + (".uncertainty" if found[1] == "1" else "")
    if name in LIFETIMES and value == 0:
        return None
    if NANOSECONDS.fullmatch(name):
        return Parameter(component=component, name=name, value=value * 1e-9, unit="s")
    return Parameter(component=component, name=name, value=value, unit="Hz" if HERTZ.fullmatch(name) else "1")


def _placed(path: Path, qubits: Container[str]) -> tuple[str, Path]:
    """Return the component a figure belongs to and the rest of its path."""
    if path[0] in SECTIONS and len(path) > 3:
        path = path[1:]
    if path[0] in QUBITS and len(path) > 2:
        return f"q{path[1]}", path[2:]
    if path[0] in PAIRS and len(path) > 2:
        return f"pair.{path[1].replace('-', '_')}", path[2:]
    if path[0] == "configs" and len(path) > 2:
        qubit, slash, line = path[1].partition("/")
        return (f"q{qubit}", (line, *path[2:])) if slash and qubit in qubits else (f"config.{path[1]}", path[2:])
    if len(path) > 2:
        return f"{path[0]}.{path[1]}", path[2:]
    return ("general", path) if len(path) == 1 else (path[0], path[1:])


def _rank(file: str, path: Path) -> tuple[int, bool]:
    """Return what goes first among figures of one name: what is played, and each section in the file it belongs to."""
    rank = RANKS.get(path[0], 3)
    return rank, (file == FILES[0]) == (rank == 1)


def _apart(same: list[tuple[tuple[int, bool], Path, Parameter]]) -> Iterator[Parameter]:
    """Yield figures that have one name, the one that is played first under it, so that none stands in for another."""
    for number, (_, path, figure) in enumerate(sorted(same, key=lambda s: s[0])):
        yield figure if not number else replace(figure, name=f"{figure.name}@{number + 1}.{path[0]}")


def _document(content: bytes, where: str) -> dict[str, Json]:
    document = decode_json(content, MAX_BYTES, where=where, nan_is_null=True)
    if not isinstance(document, dict):
        raise BadInputError("a platform's file is a JSON object", where=where)
    return document


def _elements(documents: dict[str, dict[str, Json]], sections: frozenset[str]) -> dict[str, None]:
    """Return the names of qubits or pairs, in the files' order, each once."""
    found: dict[str, None] = {}
    for document in documents.values():
        parts = [document, *(part for s in sorted(SECTIONS) if isinstance(part := document.get(s), dict))]
        for part in parts:
            for section in sorted(sections & part.keys()):
                inner = part[section]
                found |= dict.fromkeys(inner) if isinstance(inner, dict) else {}
    return found


def _numbers(document: dict[str, Json], refuse: Callable[[Path, str], None]) -> Iterator[tuple[Path, float]]:
    """Yield the numbers with their paths; their depth was bounded when they were decoded."""
    waiting: list[tuple[Path, Json]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for key in reversed(value):
                if MARKS & set(key[: LONGEST + 1]):
                    refuse((*path, key), "a key holds one of . [ ] @")
                else:
                    waiting.append(((*path, key), value[key]))
        elif isinstance(value, list):
            last = path[-1][: LONGEST + 1]
            waiting += [((*path[:-1], f"{last}[{i}]"), inner) for i, inner in reversed(list(enumerate(value)))]
        elif (number := _number(value)) is not None:
            yield path, number


def _number(value: Json) -> float | None:
    """Return a number, also one that is written as text, which Qibolab takes as well; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)[:41]) > 40:
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None
