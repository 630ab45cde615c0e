"""Attacks injected into real daily calibrations, against ±30% a day, ±3σ and generic peers (D4).

The background is the QPROV figures: 57 days of ibmq_athens and ibmq_valencia, 2020. The constants of the day-to-day
detector and its joint model were set on these very days.
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.watch.equal_recall import LIMITS, OURS, Trial, blocks, strengths
from mumetal.core.errors import BadInputError
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
MOST_BYTES = 10_000_000  # of a table; no more is read
Score = Callable[[Series, Series], Array]


def background(folder: Path, device: str) -> Series:
    """Read one device's days; a figure without data is not observed.

    Args:
        folder: Holds ``<device>_<kind>.csv``.
        device: Which.

    Raises:
        BadInputError: A file is missing or not such a table.
    """
    days: dict[date, dict[str, float]] = {}
    channels: dict[str, str] = {}
    for file, name, unit in KINDS:
        path = folder / f"{device}_{file}.csv"
        try:
            with path.open("rb") as file_:
                lines = file_.read(MOST_BYTES).decode().splitlines()
            found = FIGURE.findall(lines[1])
            names = [f"cx.{c[1:-1].replace(',', '_')}.{name}" if "(" in c else f"{c}.{name}" for c in found]
            channels |= dict.fromkeys(names, unit)
            for row in csv.reader(lines[2:]):
                if row:
                    known = days.setdefault(date.fromisoformat(row[0]), {})
                    cells = zip(names, row[1:], strict=True)
                    known |= {n: float(v) for n, v in cells if v.strip() not in {"", "no data"}}
        except (OSError, ValueError, IndexError, csv.Error) as error:
            raise BadInputError(
                f"not a table of daily figures: {error}", where=str(path), hint="needs a QPROV export, a day a line"
            ) from error
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
    """Squared Mahalanobis distance of ln figures with a shrunk covariance."""
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


METHODS: dict[str, Score] = {
    OURS: ours, LIMITS[0]: percent, LIMITS[1]: sigmas, "T² of logs": whitened, "3rd nearest day": nearest,
}  # fmt: skip


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


def trials(folder: Path, progress: Callable[[str], None]) -> Iterator[Trial]:
    """Attack each device from every later day on and score by every method what it had learnt until then.

    Args:
        folder: Of QPROV tables.
        progress: Told what is being scored.

    Raises:
        BadInputError: A file is missing or not what it should be.
    """
    frozen = strengths()
    learnt, lasting = frozen["run"]["days_learnt"], frozen["run"]["days_lasting"]
    known = [background(folder, device) for device in DEVICES]
    for device, days in zip(DEVICES, known, strict=True):
        if len(days) < learnt + 2 * lasting:
            raise BadInputError(f"{len(days)} days of {device} are too few", where=str(folder))
    quiet = {m: np.concatenate([score(w.rows(0, learnt), w.rows(learnt, len(w))) for w in known]) for m, score in METHODS.items()}  # fmt: skip
    quiet_groups = np.concatenate([blocks(len(w) - learnt, lasting, 1_000 * i) for i, w in enumerate(known)])
    peak_groups = np.concatenate([blocks(len(w) - learnt - lasting + 1, lasting, 1_000 * i) for i, w in enumerate(known)])  # fmt: skip
    for kind in ("misreport", "unauthorised_recalibration"):
        for factor in frozen[kind]["factors"]:
            progress(f"daily calibrations/{kind} {factor:g}")
            peaks: dict[str, list[float]] = {m: [] for m in METHODS}
            for whole in known:
                rng = np.random.default_rng(frozen["run"]["seed"])
                for start in range(learnt, len(whole) - lasting + 1):
                    under = attacked(whole.rows(start, start + lasting), kind, factor, rng)
                    for method, score in METHODS.items():
                        peaks[method].append(float(score(whole.rows(0, start), under).max()))
            yield Trial(
                background="daily calibrations",
                attack=kind,
                strength=factor,
                quiet=quiet,
                peaks={m: np.array(p) for m, p in peaks.items()},
                quiet_groups=quiet_groups,
                peak_groups=peak_groups,
            )
