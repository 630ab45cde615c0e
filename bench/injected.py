"""D4: attacks injected into real daily calibrations, against ±30% a day, ±3σ and the best generic peer.

``--data`` is the folder of the QPROV figures (57 days of ibmq_athens and ibmq_valencia, 2020). Strengths are read from
``injected_strengths.toml``, fixed before this bench first ran (``day_to_day`` had been set on the same data earlier). Each method's false alerts are days of the untouched background past
the threshold at which it finds a stated share of the attacks; how much ours finds at its own limit stands beside.
"""

import argparse
import csv
import re
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Channel, Series
from mumetal.watch.detectors.day_to_day import DayToDay

Array = NDArray[np.float64]
FIGURE = re.compile(r"q\d+|\(\d+,\d+\)")  # the pairs' commas are not quoted in the files
KINDS = (
    ("t1", "T1", "s"),
    ("t2", "T2", "s"),
    ("readout_error", "readout_error", "1"),
    ("cnot_error", "gate_error", "1"),
)
DEVICES = ("ibmq_athens", "ibmq_valencia")
Score = Callable[[Series, Series], Array]


def background(folder: Path, device: str) -> Series:
    """Read one device's days; a figure without data is not observed."""
    days: dict[date, dict[str, float]] = {}
    channels: dict[str, str] = {}
    for file, name, unit in KINDS:
        lines = (folder / f"{device}_{file}.csv").read_text().splitlines()
        rows = list(csv.reader(lines[1:]))
        names = [
            f"cx.{c[1:-1].replace(',', '_')}.{name}" if "(" in c else f"{c}.{name}" for c in FIGURE.findall(lines[1])
        ]
        channels |= dict.fromkeys(names, unit)
        for row in rows[1:]:
            if row:
                known = days.setdefault(date.fromisoformat(row[0]), {})
                known |= {n: float(v) for n, v in zip(names, row[1:], strict=True) if v.strip() not in {"", "no data"}}
    ordered = sorted(d for d in days if days[d])
    values = np.array([[days[d].get(c, np.nan) for c in channels] for d in ordered])
    t = np.array([(d - date(1970, 1, 1)).days * 86_400 * 10**9 for d in ordered], np.int64)
    listed = tuple(Channel(name=c, unit=u) for c, u in channels.items())
    return Series(device=device, stream="calibration", channels=listed, t_ns=t, values=values)


def ours(learn: Series, judge: Series) -> Array:
    """Day-to-day detector; 1 is its own limit."""
    detector = DayToDay()
    detector.fit(learn)
    return detector.score(judge)


def percent(learn: Series, judge: Series) -> Array:
    """Largest change of any figure from the day before, over 30%."""
    values = np.vstack([learn.values[-1:], judge.values])
    return np.asarray(np.nan_to_num(np.abs(values[1:] / values[:-1] - 1)).max(axis=1) / 0.3, np.float64)


def sigmas(learn: Series, judge: Series) -> Array:
    """Largest distance of any figure from its mean, over three standard deviations."""
    mean, spread = np.nanmean(learn.values, axis=0), np.nanstd(learn.values, axis=0, ddof=1)
    return np.asarray(np.nan_to_num(np.abs(judge.values - mean) / spread).max(axis=1) / 3, np.float64)


def whitened(learn: Series, judge: Series) -> Array:
    """Principal-component T² of ln figures plus the residual, with a shrunk covariance: the generic peer."""
    log, now = np.log(learn.values), np.log(judge.values)
    mean = np.nanmean(log, axis=0)
    a, b = np.nan_to_num(log - mean), np.nan_to_num(now - mean)
    cov = a.T @ a / len(a)
    cov = 0.7 * cov + 0.3 * np.diag(np.diag(cov))
    return np.asarray(np.einsum("ij,ij->i", b @ np.linalg.inv(cov), b), np.float64)


def nearest(learn: Series, judge: Series) -> Array:
    """Distance of ln figures, standardised, to the third nearest learnt day."""
    log, now = np.log(learn.values), np.log(judge.values)
    mean, spread = np.nanmean(log, axis=0), np.nanstd(log, axis=0, ddof=1)
    a, b = np.nan_to_num((log - mean) / spread), np.nan_to_num((now - mean) / spread)
    return np.asarray(np.sort(np.linalg.norm(b[:, None] - a[None], axis=2), axis=1)[:, 2])


METHODS: tuple[tuple[str, Score], ...] = (
    ("ours", ours), ("±30% a day", percent), ("±3σ", sigmas), ("T² of logs", whitened), ("3rd nearest day", nearest),
)  # fmt: skip


def attacked(series: Series, kind: str, factor: float, rng: np.random.Generator) -> Series:
    """Return ``series`` with one attack over all its days."""
    scale = np.ones(len(series.channels))
    for i, c in enumerate(series.channels):
        if kind == "misreport":
            scale[i] = factor if c.unit == "s" else 1 / factor
    if kind == "unauthorised_recalibration":
        for suffix in (".readout_error", ".gate_error"):
            own = [i for i, n in enumerate(series.names) if n.endswith(suffix)]
            scale[rng.choice(own, 2, replace=False)] = factor
    return Series(
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns,
        values=series.values * scale,
    )


def run(folder: Path) -> None:
    """Print recall of ours at its own limit, and each method's false days where it finds half and nine tenths."""
    frozen = tomllib.loads(Path(__file__).with_name("injected_strengths.toml").read_text())
    learnt, lasting = frozen["run"]["days_learnt"], frozen["run"]["days_lasting"]
    print(
        "| attack | factor | runs | recall at our own limit | at recall | "
        + " | ".join(f"{n}: false days" for n, _ in METHODS)
        + " |"
    )
    print("|---" * (5 + len(METHODS)) + "|")
    for kind in ("misreport", "unauthorised_recalibration"):
        for factor in frozen[kind]["factors"]:
            quiet: dict[str, list[Array]] = {n: [] for n, _ in METHODS}
            peaks: dict[str, list[float]] = {n: [] for n, _ in METHODS}
            for device in DEVICES:
                rng = np.random.default_rng(frozen["run"]["seed"])
                whole = background(folder, device)
                for name, score in METHODS:
                    quiet[name].append(score(whole.rows(0, learnt), whole.rows(learnt, len(whole))))
                for start in range(learnt, len(whole) - lasting + 1):
                    under = attacked(whole.rows(start, start + lasting), kind, factor, rng)
                    for name, score in METHODS:
                        peaks[name].append(float(score(whole.rows(0, start), under).max()))
            own = float(np.mean(np.array(peaks["ours"]) >= 1))
            for recall in (0.5, 0.9):
                cells = []
                for name, _ in METHODS:
                    clean = np.concatenate(quiet[name])
                    level = float(np.quantile(peaks[name], 1 - recall))
                    cells.append(f"{int((clean >= level).sum())}/{clean.size}")
                line = " | ".join(cells)
                print(f"| {kind} | {factor:g} | {len(peaks['ours'])} | {own:.2f} | {recall:g} | {line} |")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", type=Path, required=True)
    run(p.parse_args().data)
