"""The public sets as the benches take them: where they lie, and how alerts on each of them are counted."""

from collections.abc import Iterator
from pathlib import Path

from bench.watch.metrics import Desk
from mumetal.watch.training import public_series
from mumetal.watch.training.public_series import PUBLIC, LabelledSeries
from mumetal.watch.training.public_series import series_of as series_of  # noqa: PLC0414 - benches take it from here

DESKS = {"SKAB": Desk(tolerance=30, gap=10, deadline=60), "BATADAL": Desk(tolerance=6, gap=3, deadline=12)}


class Labelled(LabelledSeries):
    """One series of a set, and how alerts on it are counted."""

    __slots__ = ()

    @property
    def desk(self) -> Desk:
        """How alerts on this set are counted."""
        return DESKS.get(self.set_name, Desk())

    @property
    def buffer(self) -> int:
        """Largest width by which events are widened, samples; less for short series."""
        return 100 if self.labels.size >= 2_000 else 40


def found(folder: Path) -> tuple[Path, tuple[str, ...], Path | None]:
    """Return where the public sets lie, which are there, and the folder of daily calibrations, if any.

    Args:
        folder: The sets', that of the quantum data, or one that holds both as ``tsad`` and ``quantum``.
    """
    series = folder / "tsad" if (folder / "tsad").is_dir() else folder
    daily = (folder / "quantum" / "qprov", folder / "qprov", folder)
    there = tuple(name for name in PUBLIC if (series / name).is_dir())
    return series, there, next((d for d in daily if (d / "ibmq_athens_t1.csv").is_file()), None)


def labelled(folder: Path, sets: tuple[str, ...] = PUBLIC, limit: int = 0) -> Iterator[Labelled]:
    """Read the series of some sets, as :func:`mumetal.watch.training.public_series.labelled` does.

    Raises:
        BadInputError: A set is not there, or a file is not what it should be.
    """
    for one in public_series.labelled(folder, sets, limit):
        yield Labelled(set_name=one.set_name, name=one.name, history=one.history, test=one.test, labels=one.labels)
