"""Which kind of model a file is, by its bytes and never by its name, and whether it may be one at all."""

from enum import StrEnum

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import canonical
from mumetal.trust.models.files import onnx_file, safetensors_file
from mumetal.trust.models.files.onnx_file import OnnxFacts

MAX_BYTES = 64 * 2**20
MAX_JSON_DEPTH = 32

# how files begin that run code when they are loaded, or hold files that do
CARRIERS = (
    (b"PK\x03\x04", "a zip (PyTorch, Keras or numpy archive)"),
    (b"PK\x05\x06", "a zip"),
    (b"\x93NUMPY", "a numpy file, which may hold pickled objects"),
    (b"\x89HDF", "HDF5 (Keras), whose layers may hold code"),
    (b"\x1f\x8b", "gzip (joblib)"),
    (b"BZh", "bzip2 (joblib)"),
    (b"\xfd7zXZ", "xz (joblib)"),
    (b"\x04\x22\x4d\x18", "lz4 (joblib)"),
    (b"ZF", "joblib"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
)
PICKLE_STARTS = b"(}])cN"  # of protocols 0 and 1, which have no magic; both end with a full stop


class Kind(StrEnum):
    """The formats a model may have; none of them runs code when it is read."""

    ONNX = "onnx"
    SAFETENSORS = "safetensors"
    JSON = "json"


def inspect(data: bytes, where: str = "model") -> tuple[Kind, OnnxFacts | None]:
    """Say what kind of model this is; for ONNX also what is in it.

    Raises:
        RejectedError: A pickle or another file that runs code when loaded, or ONNX with what no model may have.
        BadInputError: None of the three formats, malformed, or larger than 64 MiB.
    """
    if not data or len(data) > MAX_BYTES:
        raise BadInputError(f"a model has 1 to {MAX_BYTES} bytes, not {len(data)}", where=where)
    if safetensors_file.header_size(data):  # first: its length may begin with the bytes that a pickle does
        safetensors_file.read(data, where)
        return Kind.SAFETENSORS, None
    _refuse_carriers(data, where)
    if data[:256].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{"):
        if not isinstance(canonical.decode_json(data, MAX_BYTES, MAX_JSON_DEPTH, where), dict):
            raise BadInputError("a JSON model is an object", where=where)
        return Kind.JSON, None
    return Kind.ONNX, onnx_file.read(data, where)


def _refuse_carriers(data: bytes, where: str) -> None:
    hint = "only ONNX, safetensors and JSON are models here: export to one of them"
    if data[0] == 0x80 and len(data) > 1 and data[1] <= 5:
        raise RejectedError(f"a pickle (protocol {data[1]}): it runs code when it is loaded", where=where, hint=hint)
    if data[0] in PICKLE_STARTS and data.rstrip(b"\n").endswith(b"."):
        raise RejectedError("a pickle (protocol 0 or 1): it runs code when it is loaded", where=where, hint=hint)
    for magic, what in CARRIERS:
        if data.startswith(magic):
            raise RejectedError(f"{what}: not a format that is data only", where=where, hint=hint)
