"""Where the encoder's training data come from, and the folder a finished model is written to."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from mumetal import __version__
from mumetal.catalog import calibrations
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.twin.lab import Lab, Pace
from mumetal.watch.training.judge import Judged
from mumetal.watch.training.public_series import labelled
from mumetal.watch.training.recipe import Background, Lot, Made, synthetic

TWIN_DEVICES = ("athens", "belem", "bogota", "jakarta", "lagos", "lima")  # benches use others
TWIN_SEED = 50_000  # and other seeds
TWIN_STREAMS = ("control", "cryostat", "qubits", "queue")  # named, so that a new stream of the twin changes no model
TWIN_S, TWIN_EVERY_S = 2_600.0, 200.0
START_NS = 1_700_000_000 * 10**9
MODEL, CARD, MANIFEST = "encoder.onnx", "encoder-card.json", "manifest.json"
PURPOSE = "Tells windows of fast telemetry that were tampered with, or broken, from a device's own ordinary windows."
LIMITS = (
    "Made from synthetic telemetry and the twin: no real attack was seen in training.",
    "A window is 128 rows, whatever time they take: what is slower than that is left to the level detectors.",
    "Trained on 1 to 16 channels; more are joined by the same mean and largest, and were measured for speed only.",
    "An attack that follows the device's own forecast within its noise is not seen.",
)


class Card(Struct, frozen=True, kw_only=True):
    """What a person should know of a model, beside its file.

    Args:
        model: SHA-256 of the file, hex.
        bytes: Its size.
        purpose: What it is for.
        limits: What it is not for.
        code: Version of Mumetal that made it.
        seed: All randomness followed from it.
        steps: Batches of training.
        data: What it was made from.
        held_out: How well it does on synthetic backgrounds it was not trained on.
        power_step: Smallest step caught in 80% of cases, deviations of white noise.
        command: Makes the same again.
    """

    model: str
    bytes: int
    purpose: str = PURPOSE
    limits: tuple[str, ...] = LIMITS
    code: str = __version__
    seed: int
    steps: int
    data: tuple[Lot, ...]
    held_out: Judged
    power_step: float
    command: str


def backgrounds(seed: int, count: int, data: Path | None, sets: tuple[str, ...]) -> Iterator[Background]:
    """Yield synthetic backgrounds, quiet hours of the twin, and the histories of public series where a folder is given.

    Raises:
        BadInputError: A set is not there.
    """
    yield from synthetic(seed, count)
    yield from from_twin(seed)
    if data is not None:
        for one in labelled(data, sets):
            yield Background(source=f"history:{one.set_name}", values=one.history.values)


def from_twin(seed: int) -> Iterator[Background]:
    """Yield every stream of some quiet labs at one row a second."""
    pace = Pace(control_hz=1.0, calibration_s=float("inf"), people=False)
    for index, device in enumerate(TWIN_DEVICES):
        lab = Lab(calibrations.snapshots(device), TWIN_SEED + 100 * seed + index, START_NS, pace=pace)
        streams: dict[str, list[Series]] = {}
        done = 0.0
        while done < TWIN_S:
            for datum in lab.advance(TWIN_EVERY_S):
                if isinstance(datum, Series):
                    streams.setdefault(datum.stream, []).append(datum)
            done += TWIN_EVERY_S
        for stream in TWIN_STREAMS:
            values = np.concatenate([part.values for part in streams[stream]])
            if np.isfinite(values).all():
                yield Background(source=f"twin:{stream}", values=values)


def write(folder: Path, made: Made, command: str) -> Card:
    """Write the model, its card and the manifest of both digests; what is there under the same names is replaced.

    Raises:
        BadInputError: The folder cannot be written.
    """
    card = Card(
        model=hashlib.sha256(made.data).hexdigest(),
        bytes=len(made.data),
        seed=made.facts.seed,
        steps=made.steps,
        data=made.lots,
        held_out=made.judged,
        power_step=made.facts.power_step,
        command=command,
    )
    files = {MODEL: made.data, CARD: msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"}
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise BadInputError(
            f"cannot be written: {error.strerror}", where=str(folder), hint="name another folder"
        ) from None
    return card
