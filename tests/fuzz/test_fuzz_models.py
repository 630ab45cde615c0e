"""Random and mutated bytes into every reader of model files and documents: refused, never anything else."""

import random
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model_files import background, pca_model, promises, safetensors_model

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.models import lineage, manifest, record, report, table
from mumetal.trust.models.files import onnx_file, safetensors_file
from mumetal.trust.models.files.inspect import Kind, inspect

ONNX = pca_model(background(100))
PROMISED = manifest.manifest_of("m", ONNX, Kind.ONNX, promises())
GOOD = (
    ONNX,
    safetensors_model(),
    manifest.encode(PROMISED),
    record.encode(record.add(record.Record(name="m"), manifest.version_of(PROMISED), 1).after),
    b"a,anomalous\n1,0\n2.5,1\n",
)


def fuzz_one(data: bytes) -> None:
    """A verdict of the security checks is an answer; any other error than bad input is a defect."""
    for read in (inspect, onnx_file.read):
        with suppress(BadInputError, RejectedError):
            read(data)
    for decode in (
        safetensors_file.read, manifest.decode, manifest.decode_promises, record.decode, report.decode, lineage.decode,
    ):  # fmt: skip
        with suppress(BadInputError):
            decode(data)
    with suppress(BadInputError):
        table.read(data, ["a"], "f", labelled=True)


def mutated(rng: random.Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                data[at:at] = bytes(rng.choices(b'[]{}"=.,0e-\n\\', k=rng.randrange(1, 9)))
            case _:
                data = data[at:] + data[:at]
        data = data or bytearray(b"x")
    return bytes(data)


def test_ten_thousand_inputs() -> None:
    rng = random.Random(7)
    for n in range(10_000):
        fuzz_one(mutated(rng, GOOD[n % len(GOOD)]) if n % 10 else rng.randbytes(rng.randrange(1, 200)))


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    fuzz_one(data)
