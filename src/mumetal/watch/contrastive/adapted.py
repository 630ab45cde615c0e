"""What an encoder learnt of one stream without labels, as a small JSON file that the lab keeps beside its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.series import Series
from mumetal.watch.contrastive.encoder import Encoder
from mumetal.watch.contrastive.model import EncoderModel
from mumetal.watch.contrastive.modes import Modes

Array = NDArray[np.float64]
MOST_BYTES = 2**20
UNIT = 1e-3  # how far from length 1 a prototype may be
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Number = Annotated[float, Meta(ge=-1.01, le=1.01)]


class Adapted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Operating modes of one stream.

    Args:
        format: Version of this layout.
        model: SHA-256 of the encoder they belong to.
        device: Whose.
        stream: Of what.
        channels: Names of the stream's channels, in order.
        rows: Rows they were learnt from.
        start_ns: First of them, ns since 1970 UTC.
        stop_ns: Last of them.
        prototypes: One unit vector per mode.
    """

    format: Literal["mumetal-encoder-modes/1"] = "mumetal-encoder-modes/1"
    model: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    device: Name
    stream: Name
    channels: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=4_096)]
    rows: Annotated[int, Meta(ge=1)]
    start_ns: int
    stop_ns: int
    prototypes: Annotated[
        tuple[Annotated[tuple[Number, ...], Meta(min_length=1, max_length=1_024)], ...],
        Meta(min_length=1, max_length=64),
    ]

    def modes(self, model: EncoderModel, channels: tuple[str, ...]) -> Modes:
        """Return the modes, for the model and the channels they were learnt with.

        Raises:
            BadInputError: Another model or other channels; adapt again.
        """
        if self.model != model.digest:
            raise BadInputError(
                f"the modes of {self.device}/{self.stream} belong to encoder {self.model[:12]}, not {model.digest[:12]}",
                hint="run `mumetal model adapt` again",
            )
        if self.channels != channels:
            raise BadInputError(
                f"{self.device}/{self.stream} had {len(self.channels)} channels when it was adapted to, and has others now",
                hint="run `mumetal model adapt` again",
            )
        return Modes(prototypes=np.array(self.prototypes))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptedEncoder:
    """An encoder that watches one stream, because its lab adapted it to that stream.

    Args:
        model: The trained network.
        adapted: What was learnt of the stream; checked against the model already.
    """

    model: EncoderModel
    adapted: Adapted

    def fits(self, history: Series) -> bool:
        """Whether this is the stream, with the channels it had."""
        same = (history.device, history.stream) == (self.adapted.device, self.adapted.stream)
        return same and history.names == self.adapted.channels

    def make(self) -> Encoder:
        """Make the detector."""
        return Encoder(self.model, self.adapted.modes(self.model, self.adapted.channels))


def adapt(model: EncoderModel, history: Series) -> Adapted:
    """Learn the modes of a stream from rows that were ordinary for the most part.

    Raises:
        BadInputError: Too few rows, or too many channels.
    """
    detector = Encoder(model)
    detector.fit(history)
    return Adapted(
        model=model.digest,
        device=history.device,
        stream=history.stream,
        channels=history.names,
        rows=len(history),
        start_ns=int(history.t_ns[0]),
        stop_ns=int(history.t_ns[-1]),
        prototypes=tuple(tuple(float(v) for v in row) for row in detector.modes.prototypes),
    )


def read(path: Path) -> Adapted:
    """Read such a file.

    Raises:
        BadInputError: It cannot be read or is malformed.
        RejectedError: A prototype is no unit vector: what distances from it say could be made to say anything.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None
    if len(data) > MOST_BYTES:
        raise BadInputError(f"more than {MOST_BYTES} bytes", where=str(path))
    try:
        found = msgspec.json.decode(data, type=Adapted)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not an adaptation: {error}"[:500], where=str(path)) from None
    lengths = {len(row) for row in found.prototypes}
    if len(lengths) != 1:
        raise BadInputError("prototypes of different lengths", where=str(path))
    if np.abs(np.linalg.norm(np.array(found.prototypes), axis=1) - 1).max() > UNIT:
        raise RejectedError("a prototype is no unit vector", where=str(path), hint="run `mumetal model adapt` again")
    return found
