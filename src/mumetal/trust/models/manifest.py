"""What is promised of a model: whose it is, what it was made from, what it takes and how well it did.

A manifest is canonical JSON (RFC 8785) and is what gets signed; its SHA-256 is the model's *version*. It names the bytes
by digest, so that one signature covers both. Lineage is by digest too: the data sets, the code and the parent models it
came from.
"""

import hashlib
import math
import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.formats import canonical
from mumetal.trust.models.files.inspect import Kind

FORMAT: Literal["mumetal-model/1"] = "mumetal-model/1"
MAX_MANIFEST = 1 << 20
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Sha384 = Annotated[str, Meta(pattern="^[0-9a-f]{96}$")]
Short = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=4_000)]
Place = Annotated[str, Meta(min_length=1, max_length=4_096)]
T = TypeVar("T")
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class DataSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data a model was made from.

    Args:
        uri: Where they are; who may read them is decided apart (:mod:`mumetal.trust.models.training_data`).
        digest: SHA-256 of the bytes as they were read.
        use: ``"train"``, ``"held-out"`` or ``"calibrate"``.
    """

    uri: Place
    digest: Sha256
    use: Literal["train", "held-out", "calibrate"]


class InputRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input column: its channel, SI unit and the range it was trained on."""

    channel: Short
    unit: Short
    lowest: float
    highest: float


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure the owner states, such as ``auc`` on the held-out set."""

    name: Short
    value: float


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is promised of one version.

    Args:
        format: Version of this layout.
        name: The model's name; its versions share it.
        kind: Format of the bytes.
        sha256: Digest of the bytes.
        sha384: A second, longer digest, for what is signed.
        size: Bytes.
        owner: Who answers for it.
        trainer: Who trained it: somebody else than who registers it, and than who approves it.
        purpose: What it is for.
        touches_hardware: Whether its owner says that it can move a controller; where it is wired decides beside that.
        data: What it was made from.
        code: Version of the code that made it (a commit or a package version).
        parents: Versions of the models it came from.
        seeds: Seeds of its training.
        metrics: Figures the owner states.
        inputs: Its input columns, in order.
        card: What a reader must know: limits, intended use, what it was not tried on; Markdown.
    """

    format: Literal["mumetal-model/1"] = FORMAT
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
    kind: Kind
    sha256: Sha256
    sha384: Sha384
    size: Annotated[int, Meta(ge=1, le=64 * 2**20)]
    owner: Short
    trainer: Annotated[str, Meta(max_length=200)] = ""
    purpose: Annotated[str, Meta(min_length=1, max_length=1_000)]
    touches_hardware: bool
    data: Annotated[tuple[DataSet, ...], Meta(max_length=256)] = ()
    code: Short
    parents: Annotated[tuple[Sha256, ...], Meta(max_length=32)] = ()
    seeds: Annotated[tuple[Seed, ...], Meta(max_length=64)] = ()
    metrics: Annotated[tuple[Metric, ...], Meta(max_length=256)] = ()
    inputs: Annotated[tuple[InputRange, ...], Meta(min_length=1, max_length=4_096)]
    card: Text = ""

    def __post_init__(self) -> None:
        check.name(self.owner, "owner")
        if len({i.channel for i in self.inputs}) != len(self.inputs):
            raise BadInputError("an input channel is named twice", where=self.name)
        for item in self.inputs:
            if not (math.isfinite(item.lowest) and math.isfinite(item.highest) and item.lowest < item.highest):
                raise BadInputError(f"the range of {item.channel!r} is empty or infinite", where=self.name)


class Promises(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person writes to register a model; the rest is derived from the bytes."""

    owner: Short
    trainer: Annotated[str, Meta(max_length=200)] = ""
    purpose: Annotated[str, Meta(min_length=1, max_length=1_000)]
    touches_hardware: bool
    data: Annotated[tuple[DataSet, ...], Meta(max_length=256)] = ()
    code: Short
    parents: Annotated[tuple[Sha256, ...], Meta(max_length=32)] = ()
    seeds: Annotated[tuple[Seed, ...], Meta(max_length=64)] = ()
    metrics: Annotated[tuple[Metric, ...], Meta(max_length=256)] = ()
    inputs: Annotated[tuple[InputRange, ...], Meta(min_length=1, max_length=4_096)]
    card: Text = ""


def check_name(name: str) -> None:
    """Refuse what is no model's name.

    Raises:
        BadInputError: Not 1 to 64 lower-case letters, digits, ``_`` or ``-``.
    """
    if not NAME.fullmatch(name):
        raise BadInputError(f"{name[:80]!r} is not a model's name", hint="lower-case letters, digits, _ and -")


def manifest_of(name: str, data: bytes, kind: Kind, promises: Promises) -> Manifest:
    """Return the manifest of some bytes."""
    check_name(name)
    kept = {field: getattr(promises, field) for field in Promises.__struct_fields__}
    return Manifest(
        name=name,
        kind=kind,
        sha256=hashlib.sha256(data).hexdigest(),
        sha384=hashlib.sha384(data).hexdigest(),
        size=len(data),
        **kept,
    )


def encode(manifest: Manifest) -> bytes:
    """Return the canonical bytes that are signed; a version from before trainers were named has the bytes it had."""
    fields = msgspec.to_builtins(manifest)
    if not manifest.trainer:
        del fields["trainer"]
    return canonical.encode(fields)


def decode(data: bytes, where: str = "manifest") -> Manifest:
    """Read a manifest back.

    Raises:
        BadInputError: Too long, malformed, or not in canonical form.
    """
    manifest = _decode(data, Manifest, where)
    if encode(manifest) != data:
        raise BadInputError("the manifest is not in canonical form", where=where)
    return manifest


def decode_promises(data: bytes, where: str = "promises") -> Promises:
    """Read what a person wrote, as JSON or TOML.

    Raises:
        BadInputError: Too long or malformed; says which field.
    """
    if len(data) > MAX_MANIFEST:
        raise BadInputError(f"more than {MAX_MANIFEST} bytes", where=where)
    if data.lstrip()[:1] == b"{":
        return _decode(data, Promises, where)
    try:
        return msgspec.toml.decode(data, type=Promises)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(str(error)[:500], where=where, hint="see docs/how-to/models.md") from None


def version_of(manifest: Manifest) -> str:
    """Return the version: SHA-256 of the canonical manifest, hex."""
    return hashlib.sha256(encode(manifest)).hexdigest()


def _decode(data: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(canonical.decode_json(data, MAX_MANIFEST, 8, where), kind)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise BadInputError(f"malformed: {error}"[:500], where=where, hint="see docs/how-to/models.md") from None
