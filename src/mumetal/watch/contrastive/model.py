"""The trained encoder as it is shipped: an ONNX file that says for itself what it takes, run on one thread."""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import ModelSource

Array = NDArray[np.float64]
FACTS = "mumetal.encoder"  # the key in the file's metadata
FEATURES = 2  # level and forecast residual
BATCH = 4  # always so many windows at once: another shape rounds differently, and scores must not depend on chunks
MOST_BYTES = 2**20


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says of itself.

    Args:
        format: Version of this layout.
        width: Rows per window.
        embedding: Numbers that a window is described by.
        seed: Of its training.
        power_step: Smallest step in one channel, in deviations of its noise, caught in 80% of cases …
        power_false_alarm: … at this share of ordinary windows alarmed; both measured on backgrounds not trained on.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    width: Annotated[int, Meta(ge=16, le=4_096)]
    embedding: Annotated[int, Meta(ge=1, le=1_024)]
    seed: Annotated[int, Meta(ge=0)]
    power_step: Annotated[float, Meta(gt=0)]
    power_false_alarm: Annotated[float, Meta(gt=0, lt=1)]


class EncoderModel:
    """Runs the encoder's file; holds no state between calls, so that many detectors share one.

    Args:
        artefact: The verified bytes.

    Raises:
        BadInputError: Not an encoder: too large, unreadable, or other inputs and outputs than one has.
        UnavailableError: ONNX Runtime is not installed.
    """

    def __init__(self, artefact: Artefact) -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise UnavailableError("ONNX Runtime is not installed", hint="pip install 'mumetal[server]'") from None
        if len(artefact.data) > MOST_BYTES:
            raise BadInputError("an encoder has at most 1 MiB", where=artefact.uri)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(artefact.data, options, providers=["CPUExecutionProvider"])
            said = self._session.get_modelmeta().custom_metadata_map.get(FACTS, "")
            self.facts = msgspec.json.decode(said, type=Facts)
        except msgspec.MsgspecError as error:
            raise BadInputError(f"not an encoder: {error}", where=artefact.uri) from None
        except Exception as error:  # the runtime has a class of its own for each fault, none of them public
            if not type(error).__module__.startswith("onnxruntime"):
                raise
            raise BadInputError(f"not an ONNX model: {str(error)[:200]}", where=artefact.uri) from None
        shape = [i.shape[2:] for i in self._session.get_inputs()]
        if shape != [[self.facts.width, FEATURES]] or [o.name for o in self._session.get_outputs()] != [
            "head",
            "embedding",
        ]:
            raise BadInputError("not an encoder: other inputs or outputs", where=artefact.uri, hint="train it again")
        self.digest = artefact.digest

    @classmethod
    def of(cls, source: ModelSource, name: str = "encoder.onnx") -> "EncoderModel":
        """Load from where models come from, verified there.

        Raises:
            RejectedError: Its digest or signature does not hold.
            BadInputError: There is no such model, or it is no encoder.
            UnavailableError: ONNX Runtime is not installed.
        """
        return cls(source.load(name))

    def run(self, windows: NDArray[np.floating]) -> tuple[Array, Array]:
        """Look at windows.

        Args:
            windows: Shape (n, C, width, 2), n ≥ 0: per channel and row the level and the forecast residual, squashed.

        Returns:
            Log-odds that each window is not ordinary, shape (n,), and its description of length 1, shape (n, k).
        """
        n, channels = windows.shape[:2]
        head, embedding = np.empty(n), np.empty((n, self.facts.embedding))
        batch = np.zeros((BATCH, channels, self.facts.width, FEATURES), np.float32)
        for start in range(0, n, BATCH):
            few = min(BATCH, n - start)
            batch[:few] = windows[start : start + few]
            said, described = self._session.run(None, {"windows": batch})
            head[start : start + few] = said[:few, 0]
            embedding[start : start + few] = described[:few]
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True) + 1e-9
        return head, embedding


class Stretches:
    """The last rows by channel, so that each new row has a full window whose values lie together in memory.

    Args:
        width: Rows per window, ≥ 2.
    """

    saved = ("width", "_before")

    def __init__(self, width: int) -> None:
        self.width = width
        self._before: NDArray[np.float32] | None = None

    def push(self, features: Array) -> NDArray[np.float32]:
        """Add rows (n, C, 2), n ≥ 1, and return their windows (n, C, width, 2); before the first row stands the first."""
        rows = np.ascontiguousarray(features.transpose(1, 0, 2), np.float32)
        before = np.repeat(rows[:, :1], self.width - 1, axis=1) if self._before is None else self._before
        buffer = np.concatenate([before, rows], axis=1)
        self._before = buffer[:, -(self.width - 1) :].copy()
        return np.lib.stride_tricks.sliding_window_view(buffer, self.width, axis=1).transpose(1, 0, 3, 2)


def squash(values: Array) -> Array:
    """Return sign(x)·log(1 + |x|), shape of ``values``: large deviations stay apart without drowning small ones."""
    return np.asarray(np.copysign(np.log1p(np.abs(values)), values), np.float64)
