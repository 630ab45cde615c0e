"""A score that was given once is given again, bit for bit: from the version, its input and the machine it ran on.

A *probe* keeps an input and the output a version gave for it, with the runtime and the processor's architecture. The same
version on the same kind of machine must give the same bytes; on another one only nearly, and that is said, not passed.
"""

import base64
import binascii
import hashlib
import platform
from typing import Annotated

import msgspec
import numpy as np
import onnxruntime
from msgspec import Meta, Struct
from numpy.typing import NDArray

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import ModelSource
from mumetal.formats import canonical
from mumetal.trust.models.manifest import Sha256, Short
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.scorer import OnnxScorer

MAX_PROBE = 32 * 2**20


class Probe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input and what a version said of it.

    Args:
        model: The model's name.
        version: The version that scored.
        machine: Architecture and runtime, such as ``"x86_64 onnxruntime 1.32.0"``.
        channels: Columns of the input.
        rows: Input, float64 little endian, base64.
        scores: Output, alike.
        scores_sha256: Digest of the output's bytes.
    """

    model: Short
    version: Sha256
    machine: Short
    channels: Annotated[int, Meta(ge=1, le=4_096)]
    rows: str
    scores: str
    scores_sha256: Sha256


def machine() -> str:
    """Return what a score's bits depend on, beside model and input."""
    return f"{platform.machine()} onnxruntime {onnxruntime.__version__}"


def probe(source: ModelSource, name: str, rows: NDArray[np.float64]) -> Probe:
    """Score rows, shape (n, C), with the active version and keep both."""
    return probe_of(source.load(name), name, rows)


def probe_of(artefact: Artefact, name: str, rows: NDArray[np.float64]) -> Probe:
    """Score rows, shape (n, C), with a version from the registry and keep both."""
    scores = OnnxScorer(artefact).score(rows).astype("<f8").tobytes()
    return Probe(
        model=name,
        version=dict(artefact.facts)["version"],
        machine=machine(),
        channels=rows.shape[1],
        rows=base64.b64encode(rows.astype("<f8").tobytes()).decode(),
        scores=base64.b64encode(scores).decode(),
        scores_sha256=hashlib.sha256(scores).hexdigest(),
    )


def encode(kept: Probe) -> bytes:
    """Return a probe as canonical JSON."""
    return canonical.encode(msgspec.to_builtins(kept))


def decode(data: bytes, where: str = "probe") -> Probe:
    """Read a probe back.

    Raises:
        BadInputError: Not a probe.
    """
    try:
        return msgspec.convert(canonical.decode_json(data, MAX_PROBE, 4, where), Probe)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a probe: {error}"[:500], where=where) from None


def reproduce(registry: ModelRegistry, kept: Probe, where: str = "probe", *, nearly: float = 0.0) -> None:
    """Return nothing when the version gives the same bytes for the same input again.

    Args:
        registry: Where the version is.
        kept: Input and answer.
        where: Its place, for errors.
        nearly: Relative difference allowed where the probe was made on another kind of machine; 0 promises nothing there.

    Raises:
        RejectedError: It gives others, or the version does not verify.
        BadInputError: The probe was made on another kind of machine, where equal bits are not promised.
    """
    same = kept.machine == machine()
    if not same and not nearly:
        raise BadInputError(
            f"made on {kept.machine}, this is {machine()}", where=where, hint="reproduce it on the same kind of machine"
        )
    rows, expected = _floats(kept.rows, where), _floats(kept.scores, where).astype("<f8").tobytes()
    if rows.size % kept.channels or hashlib.sha256(expected).hexdigest() != kept.scores_sha256:
        raise BadInputError("the probe does not fit itself", where=where)
    artefact = registry.load_version(kept.model, kept.version)
    scores = OnnxScorer(artefact).score(rows.reshape(-1, kept.channels)).astype("<f8")
    known = np.frombuffer(expected, "<f8")
    if scores.size != known.size or not (
        scores.tobytes() == expected if same else np.allclose(scores, known, rtol=nearly, atol=nearly)
    ):
        raise RejectedError("the same version gives other scores for the same input", where=where)


def _floats(text: str, where: str) -> NDArray[np.float64]:
    try:
        raw = base64.b64decode(text, validate=True)
        return np.frombuffer(raw, "<f8").astype(np.float64)
    except (binascii.Error, ValueError):
        raise BadInputError("the probe's numbers cannot be read", where=where) from None
