"""For every kind of source: how to make a place it reads, and how to make that place grow."""

import datetime as dt
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

START = dt.datetime(2026, 3, 2, 10, 0, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Place:
    """``fill(folder, first, stop)`` writes samples ``first`` to ``stop`` and returns the place to read."""

    fill: Callable[[Path, int, int], Path]
    per_item: int
    rewrites: bool = False  # a place that grows is written anew from sample 0


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def bluefors(folder: Path, first: int, stop: int) -> Path:
    place = folder / "logs"
    for i in range(first, stop):
        t = START + dt.timedelta(minutes=i * 30)
        day, stamp = f"{t:%y-%m-%d}", f"{t:%d-%m-%y,%H:%M:%S}"
        _append(place / day / f"CH6 T {day}.log", f"{stamp},{0.01 + i * 1e-5:.6e}\n")
        gauges = "".join(f"CH{g},        ,1,{g + i}.00e-02,0,1," for g in range(1, 7))
        _append(place / day / f"maxigauge {day}.log", f"{stamp},{gauges}\n")
    return place


def csv(folder: Path, first: int, stop: int) -> Path:
    place = folder / "plc.csv"
    if not place.exists():
        _append(place, "time,supply [degC]\n")
    for i in range(first, stop):
        _append(place, f"{(START + dt.timedelta(seconds=i)).isoformat()},{20 + i}\n")
    return place


def parquet(folder: Path, first: int, stop: int) -> Path:
    import numpy as np
    from arro3.core import Array, DataType, Field, RecordBatch, Schema
    from arro3.io import write_parquet

    place = folder / "archive.parquet"
    n = np.arange(stop)
    schema = Schema([Field("t_ns", DataType.int64()), Field("flow [l/min]", DataType.float64())])
    t = int(START.timestamp()) * 10**9 + n * 10**9
    write_parquet(RecordBatch.from_arrays([Array.from_numpy(t), Array.from_numpy(n * 0.5)], schema=schema), str(place))
    return place


def npy(folder: Path, first: int, stop: int) -> Path:
    import numpy as np

    place = folder / "capture.npz"
    t = int(START.timestamp()) * 10**9 + np.arange(stop) * 10**9
    np.savez_compressed(place, **{"t_ns": t, "flow [l/min]": np.arange(stop) * 0.5})  # type: ignore[arg-type]
    return place


def hdf5(folder: Path, first: int, stop: int) -> Path:
    import h5py
    import numpy as np

    place = folder / "capture.h5"
    with h5py.File(place, "w") as file:
        file["t_ns"] = int(START.timestamp()) * 10**9 + np.arange(stop) * 10**9
        flow = file.create_dataset("plant/flow", data=np.arange(stop) * 0.5, compression="gzip")
        flow.attrs["units"] = "l/min"
    return place


def ibm(folder: Path, first: int, stop: int) -> Path:
    place = folder / "calibrations"
    place.mkdir(exist_ok=True)
    for i in range(first, stop):
        date = (START + dt.timedelta(days=i)).isoformat()
        t1 = {"date": date, "name": "T1", "unit": "us", "value": 100.0 + i}
        document = {"backend_name": "ibm_test", "last_update_date": date, "qubits": [[t1]], "gates": [], "general": []}
        (place / f"c{i:04d}.json").write_text(json.dumps(document))
    return place


def audit(folder: Path, first: int, stop: int) -> Path:
    place = folder / "events.jsonl"
    for i in range(first, stop):
        event = {
            "class_uid": 6003,
            "time": (int(START.timestamp()) + i) * 1000,
            "activity_name": "RunJob",
            "metadata": {"uid": f"e{i}"},
            "unmapped": {"quantum": {"job_id": f"j{i}", "backend": "ibm_test", "shots": 100}},
        }
        _append(place, json.dumps(event) + "\n")
    return place


def platforms(folder: Path, first: int, stop: int) -> Path:
    place = folder / "platforms"
    if not place.exists():
        subprocess.run(["git", "init", "-q", "-b", "main", str(place)], check=True)
    lines: list[str] = []
    for i in range(first, stop):
        seconds = int(START.timestamp()) + i * 60
        content = json.dumps({"native_gates": {"single_qubit": {"0": {"RX": {"amplitude": 0.1 + i * 1e-4}}}}})
        lines += [
            f"commit refs/heads/main\ncommitter A <a@lab> {seconds} +0000\ndata 2\nc\n",
            "from refs/heads/main^0" if i == first and first else "",
            f"M 100644 inline chip/parameters.json\ndata {len(content)}\n{content}\n",
        ]
    text = "\n".join(line for line in lines if line)
    subprocess.run(["git", "-C", str(place), "fast-import", "--quiet"], input=text.encode(), check=True)
    return place


PLACES = {
    "audit": Place(fill=audit, per_item=1),
    "bluefors": Place(fill=bluefors, per_item=13),
    "csv": Place(fill=csv, per_item=1),
    "hdf5": Place(fill=hdf5, per_item=1, rewrites=True),
    "ibm": Place(fill=ibm, per_item=1),
    "npy": Place(fill=npy, per_item=1, rewrites=True),
    "parquet": Place(fill=parquet, per_item=1, rewrites=True),
    "platforms": Place(fill=platforms, per_item=2),
}
