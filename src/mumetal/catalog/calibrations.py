"""Calibration figures of real quantum devices, as IBM published them (see ``SOURCES.md`` beside this file).

The packaged table has three kinds of lines, made by ``scripts/make_calibrations.py``:

- ``S,backend,time,qubits,version,source`` opens a snapshot; ``time`` is seconds since 1970 UTC.
- ``Q,index,(value,age) × 5`` gives T1 (s), T2 (s), frequency (Hz), anharmonicity (Hz) and readout error (1) of a
  qubit; ``age`` is how long before the snapshot the figure was measured, s.
- ``G,gate,first,second,(value,age) × 2`` gives error (1) and length (s) of a two-qubit gate.

An empty field was not published. A gate error of 1 and a frequency or anharmonicity of 0 are sentinels for
"not measured": they come out as NaN with a flag.
"""

import gzip
import math
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot, Parameter

TABLE = "calibrations.csv.gz"
QUBIT_FIGURES = (("T1", "s"), ("T2", "s"), ("frequency", "Hz"), ("anharmonicity", "Hz"), ("readout_error", "1"))
GATE_FIGURES = (("gate_error", "1"), ("gate_length", "s"))
NS = 10**9


def _sentinel(name: str, value: float) -> str:
    if name == "gate_error" and value >= 1.0:
        return f"sentinel: gate_error {value:g}"
    if name in {"frequency", "anharmonicity"} and value == 0.0:
        return f"sentinel: {name} 0"
    return ""


def _figures(component: str, named: tuple[tuple[str, str], ...], fields: list[str], now_s: int) -> Iterator[Parameter]:
    for (name, unit), value_text, age_text in zip(named, fields[::2], fields[1::2], strict=True):
        if not value_text:
            continue
        value, flag = float(value_text), ""
        flag = _sentinel(name, value)
        yield Parameter(
            component=component,
            name=name,
            value=math.nan if flag else value,
            unit=unit,
            t_ns=(now_s - int(age_text)) * NS,
            flag=flag,
        )


def _snapshot(lines: list[str]) -> DeviceSnapshot:
    _, backend, now_text, qubits, version, source = lines[0].split(",")
    now_s = int(now_text)
    parameters: list[Parameter] = []
    coupling: list[tuple[int, int]] = []
    for line in lines[1:]:
        kind, *fields = line.split(",")
        if kind == "Q":
            parameters += _figures(f"q{fields[0]}", QUBIT_FIGURES, fields[1:], now_s)
        else:
            gate, first, second = fields[:3]
            coupling.append((int(first), int(second)))
            parameters += _figures(f"{gate}.{first}_{second}", GATE_FIGURES, fields[3:], now_s)
    return DeviceSnapshot(
        device=backend,
        t_ns=now_s * NS,
        qubits=int(qubits),
        coupling=tuple(dict.fromkeys(coupling)),
        parameters=tuple(parameters),
        provenance=f"catalog: IBM {backend} {version}, from {source} (Apache-2.0)",
    )


@lru_cache(maxsize=1)
def _blocks() -> dict[str, tuple[tuple[str, ...], ...]]:
    text = gzip.decompress(files("mumetal.catalog").joinpath(TABLE).read_bytes()).decode("ascii")
    blocks: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("S,"):
            blocks.setdefault(line.split(",")[1], []).append([])
            backend = line.split(",")[1]
        blocks[backend][-1].append(line)
    return {name: tuple(tuple(block) for block in found) for name, found in sorted(blocks.items())}


def backends() -> tuple[str, ...]:
    """Return the names of all packaged backends, sorted."""
    return tuple(_blocks())


def dates(backend: str) -> tuple[int, ...]:
    """Return when a backend's snapshots were published, nanoseconds since 1970 UTC, oldest first.

    Raises:
        BadInputError: No such backend is packaged.
    """
    return tuple(int(block[0].split(",")[2]) * NS for block in _of(backend))


def snapshots(backend: str) -> tuple[DeviceSnapshot, ...]:
    """Return all packaged snapshots of one backend, oldest first.

    Raises:
        BadInputError: No such backend is packaged.
    """
    return tuple(_snapshot(list(block)) for block in _of(backend))


def _of(backend: str) -> tuple[tuple[str, ...], ...]:
    try:
        return _blocks()[backend]
    except KeyError:
        raise BadInputError(
            f"no packaged calibration of a backend called {backend!r}", hint="known: " + ", ".join(backends())
        ) from None
