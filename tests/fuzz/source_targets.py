"""Fuzz targets of the formats and the sources: each takes any bytes and raises nothing but ``BadInputError``."""

import atexit
import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path

import numpy as np

from mumetal.connect.sources import open_source, parse_spec
from mumetal.connect.sources.bluefors_names import LogName, log_name
from mumetal.connect.sources.bluefors_parse import LogReader
from mumetal.connect.sources.edge_plan import decode as decode_plan
from mumetal.connect.sources.local_time import LocalTime
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.arrow import from_arrow_stream, to_arrow_stream
from mumetal.formats.backend_properties import from_backend_properties
from mumetal.formats.canonical import decode_json, encode
from mumetal.formats.columnar import from_columnar_json, to_columnar_json
from mumetal.formats.foreign import told_by
from mumetal.formats.git_commit import read_commit
from mumetal.formats.moments import parse_iso
from mumetal.formats.npy import to_npy
from mumetal.formats.ocsf import from_event, read_event
from mumetal.formats.qibolab import FILES, Authored, from_qibolab
from mumetal.formats.rows import Refusals
from mumetal.formats.units import to_si

FOLDER = Path(tempfile.mkdtemp(prefix="mumetal-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
DAY = date(2026, 3, 2)


def bluefors(data: bytes) -> None:
    lines = data.split(b"\n")
    for kind, unit in (("value", "K"), ("maxigauge", "1"), ("pairs", "1"), ("heaters", "1"), ("errors", "1")):
        refusals = Refusals(where="f")
        reader = LogReader(
            name=LogName(kind=kind, stream="s", day=DAY, unit=unit),
            origin="fuzz",
            tenant="local",
            device="d",
            clock=LocalTime(UTC),
            last_ns=0,
            refusals=refusals,
        )
        rows = sum(len(series) for series in reader.read(lines, 1))
        refused = {q.where.split(" ")[0] for q in refusals.all()}
        # Every line is a row, empty, or refused by its number.
        assert rows + len(refused) >= sum(bool(line.strip()) for line in lines) or refusals.count > 100


def csv_file(data: bytes) -> None:
    path = FOLDER / "t.csv"
    path.write_bytes(data)
    open_source(f"csv:{path}").poll("", 1_000)


def csv_packed(data: bytes) -> None:
    path = FOLDER / "t.csv.gz"
    path.write_bytes(data)
    source = open_source(f"csv:{path}")
    try:
        source.poll("", 1_000)
    finally:
        source.close()


def log_folder(data: bytes) -> None:
    day = FOLDER / "logs" / f"{DAY:%y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for name in ("Status_", "Errors ", "CH6 T "):
        (day / f"{name}{DAY:%y-%m-%d}.log").write_bytes(data)
    open_source(f"bluefors:{day.parent}").poll("", 1_000)


def foreign(data: bytes) -> None:
    told_by(decode_json(data, nan_is_null=True))


def parquet_file(data: bytes) -> None:
    path = FOLDER / "t.parquet"
    path.write_bytes(data)
    open_source(f"parquet:{path}").poll("", 1_000)


def numpy_file(data: bytes) -> None:
    path = FOLDER / "t.npz"
    path.write_bytes(data)
    open_source(f"npy:{path}?rate_hz=100&start=2026-03-02T08:00:00Z").poll("", 1_000)


def hdf5_file(data: bytes) -> None:
    path = FOLDER / "t.h5"
    path.write_bytes(data)
    open_source(f"hdf5:{path}").poll("", 1_000)


def edge_file(data: bytes) -> None:
    decode_plan(data, "edge.toml")


def audit_file(data: bytes) -> None:
    path = FOLDER / "t.json"
    path.write_bytes(data)
    source = open_source(f"audit:{path}")
    delivery = source.poll("", 1_000)
    assert delivery.caught_up or delivery.data or delivery.quarantined


def mapping(data: bytes) -> None:
    path = FOLDER / "m.csv"
    path.write_text("time,a\n2026-03-02T00:00:00Z,1\n")
    (FOLDER / "m.toml").write_bytes(data)
    open_source(f"csv:{path}").poll("", 10)


def event(data: bytes) -> None:
    found = read_event(data, where="f:1")
    assert read_event(from_event(found)).event_id == found.event_id


def text(data: bytes) -> None:
    words = data.decode("utf-8", "replace")
    for read in (to_si, parse_iso, parse_spec):
        with suppress(BadInputError):
            read(words)
    log_name(words)
    cursor_source = open_source(f"ibm:{FOLDER}")
    with suppress(BadInputError):
        cursor_source.poll(words, 1)


def canonical(data: bytes) -> None:
    value = decode_json(data)
    assert encode(decode_json(encode(value))) == encode(value)


def platform(data: bytes) -> None:
    """Any bytes as either file of a platform, beside a good other one."""
    written = Authored(t_ns=1_772_434_800 * 10**9, revision="0" * 40)
    for name in FILES:
        files = {"calibration.json": b'{"single_qubits": {"0": {"t1": 20000}}}'} | {name: data}
        snapshot, refused = from_qibolab(files, written, device="chip", where="fuzz")
        assert snapshot.parameters
        assert all(isinstance(q, Quarantined) for q in refused)
        assert all(np.isfinite(p.value) for p in snapshot.parameters)


def git_commit(data: bytes) -> None:
    commit = read_commit(data, where="fuzz")
    assert (commit.author + commit.committer + commit.subject + "".join(v for _, v in commit.trailers)).isprintable()


def properties(data: bytes) -> None:
    snapshot, refused = from_backend_properties(data)
    assert snapshot.parameters
    assert all(isinstance(q, Quarantined) for q in refused)


def columnar(data: bytes) -> None:
    from_columnar_json(data)


def arrow(data: bytes) -> None:
    from_arrow_stream(data)


@dataclass(frozen=True)
class Target:
    """``fuzz_one`` with good inputs to start from."""

    fuzz_one: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _series() -> Series:
    return Series(
        device="d",
        stream="s",
        channels=(Channel(name="a", unit="K"), Channel(name="b", unit="Hz")),
        t_ns=1_772_434_800 * 10**9 + np.arange(4),
        values=np.arange(8.0).reshape(4, 2),
    )


def _parquet() -> bytes:
    from arro3.core import Array, DataType, Field, RecordBatch, Schema
    from arro3.io import write_parquet

    schema = Schema([Field("t_ns", DataType.int64()), Field("a", DataType.float64())])
    arrays = [Array.from_numpy(_series().t_ns.copy()), Array.from_numpy(np.arange(4.0))]
    path = FOLDER / "seed.parquet"
    write_parquet(RecordBatch.from_arrays(arrays, schema=schema), str(path))
    return path.read_bytes()


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, t_ns=_series().t_ns, iq=np.arange(8).reshape(4, 2) * 1j)
    return buffer.getvalue()


def _npz_packed() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, t_ns=_series().t_ns, a=np.arange(4.0))
    return buffer.getvalue()


def _hdf5() -> bytes:
    import h5py

    path = FOLDER / "seed.h5"
    with h5py.File(path, "w") as file:
        file["t_ns"] = _series().t_ns
        file.create_dataset("g/a", data=np.arange(4.0), compression="gzip").attrs["units"] = "K"
    return path.read_bytes()


_EDGE = b"""window_s = 0.5
[groups.q0]
kind = "iq"
channels = ["q0.I", "q0.Q"]
prepared = "q0.p"
[groups.m]
kind = "field"
channels = ["m*"]
bands_hz = [[1, 2.5]]
"""
_GAUGES = "".join(f"CH{g},        ,1,{g}.00e-02,0,1," for g in range(1, 7))
_LOG = (
    f"02-03-26,10:00:00,1.2e-2\n02-03-26,10:00:01,{_GAUGES}\n02-03-26,10:00:02,1,v1,1,cpatempwi,16.7,htr,0\n".encode()
)
_FIGURE = {"date": "2026-03-02T08:00:00Z", "name": "T1", "unit": "us", "value": 90.5}
_PROPERTIES = {
    "backend_name": "b", "last_update_date": "2026-03-02T08:00:00Z", "qubits": [[_FIGURE, {**_FIGURE, "name": "T2"}]],
    "gates": [{"qubits": [0], "gate": "sx", "parameters": [{**_FIGURE, "name": "gate_error", "unit": "", "value": 1}]}],
    "general": [{**_FIGURE, "name": "dt", "unit": ""}],
}  # fmt: skip
_OCSF = {
    "class_uid": 6003, "time": 1_772_434_800_000, "activity_name": "RunJob", "status_id": 1, "actor": {"user": {"uid": "u"}},
    "unmapped": {"quantum": {"job_id": "j", "backend": "b", "shots": 100, "uses_pulse": True}}, "metadata": {"uid": "1"},
}  # fmt: skip
_TRAIL = {"eventName": "CreateQuantumTask", "eventTime": "2026-03-02T08:00:00Z", "requestParameters": {"shots": 10}}
_MAPPING = (
    b'device = "d"\n[time]\ncolumn = "time"\nformat = "iso"\ntz = "UTC"\n[channels.a]\nunit = "degC"\nname = "x"\n'
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_PLATFORM = {
    "native_gates": {"single_qubit": {"0": {"RX": {"amplitude": 0.1, "frequency": 5e9}}}, "two_qubit": {"0-1": {"CZ": [{"duration": 30}]}}},
    "characterization": {"single_qubit": {"0": {"T1": 2e4, "mean_gnd_states": [1e-3, -1e-3]}}}, "configs": {"0/drive": {"frequency": 5e9}},
}  # fmt: skip
_COMMIT = (
    f"tree {'a' * 40}\nparent {'b' * 40}\nauthor Ana <a@lab> 1700000000 +0000\ncommitter Ana <a@lab> 1700000000 +0000\n"
    "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n\nTune q2\n\nChange-Ticket: QC-1\n"
).encode()


TARGETS = {
    "arrow": Target(arrow, (to_arrow_stream([_series()]), to_arrow_stream([_series()], listed=False))),
    "audit_file": Target(
        audit_file, (_json(_OCSF) + b"\n" + _json(_TRAIL), _json({"Records": [_TRAIL]}), _json([_OCSF]))
    ),
    "bluefors": Target(bluefors, (_LOG,)),
    "canonical": Target(canonical, (_json(_OCSF), b'[1e3,-0.0,"\\u20ac\\n",null,true,{"a":[]}]')),
    "columnar": Target(columnar, (to_columnar_json([_series()]), to_columnar_json([_series(), _series()]))),
    "csv_file": Target(
        csv_file,
        (
            b'time,a [degC],"b"\n2026-03-02T00:00:00Z,1,2\n1772434800,"3",\n',
            b"sep=;\nDate;Time;a;b;\n2026.03.02;10:00:00;1,5;2;\n",
            b"#datatype,string,long,double\n,result,table,_time,_value,_field,h\n,,0,2026-03-02T00:00:00Z,1,a,b\n",
            b"# time,a\n1772434800,5\n1772434801,nan\n",
        ),
    ),
    "csv_packed": Target(csv_packed, (gzip.compress(b"time,a\n1772434800,5\n" * 9),)),
    "foreign": Target(foreign, (_json(_PLATFORM), _json({"a": {"braketSchemaHeader": {}}}), _json([_OCSF]))),
    "log_folder": Target(
        log_folder,
        (
            b"02-03-26,10:00:00,cptempwi,1.69E+1,cpavgh,268,cpttime,5\n" * 6,
            b" 02-03-26,10:00:00,Ch6,T. OVER\n02-03-26,10:00:00,4.2\n",
        ),
    ),
    "edge_file": Target(edge_file, (_EDGE,)),
    "event": Target(event, (_json(_OCSF), _json(_TRAIL))),
    "mapping": Target(mapping, (_MAPPING,)),
    "hdf5_file": Target(hdf5_file, (_hdf5(),)),
    "numpy_file": Target(numpy_file, (_npz(), _npz_packed(), to_npy(np.arange(12.0).reshape(4, 3)))),
    "parquet_file": Target(parquet_file, (_parquet(),)),
    "properties": Target(properties, (_json(_PROPERTIES),)),
    "git_commit": Target(git_commit, (_COMMIT,)),
    "platform": Target(platform, (_json(_PLATFORM), _json(_PLATFORM["native_gates"]))),
    "text": Target(
        text, (b"2026-03-02T08:00:00.5+01:00", b"CH6 T 26-03-02.log", b"l/min", b"csv:a?tz=UTC&x=y", b'[{"a":[1,2]}]')
    ),
}


def mutate(seed: bytes, rng: np.random.Generator) -> bytes:
    """Change a good input a little: flip, cut, repeat, insert, or replace by noise."""
    data = bytearray(seed)
    for _ in range(int(rng.integers(1, 5))):
        at, span = (int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 9)))
        match int(rng.integers(0, 7)):
            case 0 | 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                del data[at : at + span]
            case 3:
                data[at:at] = rng.bytes(span)
            case 4:
                other = int(rng.integers(0, len(data) + 1))
                data[at:at] = data[other : other + span * 4]
            case 5:
                tokens = (
                    b'"',
                    b"[",
                    b"]",
                    b"{",
                    b",",
                    b"\n",
                    b"null",
                    b"1e999",
                    b"-1",
                    b"NaN",
                    b"9" * 25,
                    b"\\ud800",
                    b"\xff",
                )
                data[at:at] = tokens[int(rng.integers(0, len(tokens)))]
            case _:
                data = data[:at] if rng.random() < 0.3 else data
    return bytes(data) if rng.random() < 0.95 else rng.bytes(int(rng.integers(0, 300)))
