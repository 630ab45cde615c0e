"""Reads an image of any known format into one :class:`FirmwareImage`.

A container that is cut short or damaged is refused as a whole; a damaged part inside one is a promise not kept and the
rest is read on. Nothing in an image is ever run.
"""

import hashlib
from collections.abc import Callable

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.firmware import FirmwareImage, Region
from mumetal.scan.firmware import contents, elf, fdt, hwh, option_rom, raw, uboot, uefi, xilinx
from mumetal.scan.firmware.parsed import MAX_FACTS, MAX_IMAGE, Parsed

UNKNOWABLE = (
    "whether the code does only what it should: checks of form cannot tell an implant from a feature",
    "whether the maker's own build was sound: only a reproducible build or its source can tell",
)
UNKNOWABLE_BY_FORMAT = {
    "xilinx-bit": "what the logic in the frames does: the mapping of frame bits to logic is not read",
    "xilinx-bin": "what the logic in the frames does: the mapping of frame bits to logic is not read",
    "raw": "where code and data lie: a raw image has no table of its parts",
}
FORMATS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("xilinx-bit", xilinx.is_bit),
    ("elf", elf.is_elf),
    ("uboot-fit", uboot.is_fit),
    ("fdt", fdt.is_fdt),
    ("uboot-legacy", uboot.is_legacy),
    ("option-rom", option_rom.is_rom),
    ("xilinx-bin", xilinx.is_bin),
    ("uefi", lambda data: bool(uefi.find_volumes(data))),
    ("raw", lambda _data: True),
)


def format_of(data: bytes) -> str:
    """Return the name of the format, ``"raw"`` when none is recognised."""
    return next(name for name, matches in FORMATS if matches(data))


def inspect(artefact: Artefact, *, board: str = "", handoff: bytes | None = None) -> FirmwareImage:
    """Read an image.

    Args:
        artefact: The image.
        board: The board it is meant for, when known from elsewhere.
        handoff: The ``.hwh`` file that came with a bitstream.

    Raises:
        BadInputError: Empty, larger than 256 MiB, cut short or damaged, or a hand-off that is none.
    """
    draft = draft_of(artefact)
    name = draft.format
    for piece in (artefact.data, *draft.texts):
        # the frames of a configuration are mostly filling: what stands in it there means nothing
        more = () if name.startswith("xilinx") else contents.islands(piece)
        for fact in (*contents.read(piece), *more):
            if fact not in draft.facts and len(draft.facts) < MAX_FACTS:
                draft.fact(*fact)
    promises = list(draft.promises)
    if handoff is not None:
        said = hwh.parse(handoff, artefact.uri)
        promises += hwh.compare(said, tuple(draft.facts))
        board = board or said.board
    facts = tuple(dict.fromkeys(draft.facts))
    return FirmwareImage(
        tenant=artefact.tenant,
        uri=artefact.uri,
        format=name,
        size=len(artefact.data),
        sha256=artefact.digest,
        sha384=hashlib.sha384(artefact.data).hexdigest(),
        board=board,
        version=next((t for k, t in facts if k == "version"), ""),
        regions=tuple(draft.regions),
        promises=tuple(promises),
        facts=facts,
        unknowable=_unknowable(name, facts),
    )


def draft_of(artefact: Artefact) -> Parsed:
    """Read an image's structure; what was packed in it is in the draft's ``texts``.

    Raises:
        BadInputError: As :func:`inspect`.
    """
    if not 0 < len(artefact.data) <= MAX_IMAGE:
        raise BadInputError(f"an image has 1 to {MAX_IMAGE} bytes, not {len(artefact.data)}", where=artefact.uri)
    name = format_of(artefact.data)
    draft = Parsed(format=name, data=artefact.data, where=artefact.uri)
    _parse(name, draft)
    return draft


def _parse(name: str, draft: Parsed) -> None:
    if name == "uboot-fit":
        _parts(draft, uboot.parse_fit(draft))
    elif name == "uboot-legacy":
        _parts(draft, [uboot.parse_legacy(draft)])
    elif name == "elf":
        elf.parse(draft)
        raw.trees(draft)
    elif name == "uefi":
        uefi.parse_all(draft)
    else:
        {
            "xilinx-bit": xilinx.parse_bit,
            "xilinx-bin": xilinx.parse_bin,
            "fdt": fdt.parse,
            "option-rom": option_rom.parse,
            "raw": raw.parse,
        }[name](draft)


def _parts(draft: Parsed, parts: list[Region]) -> None:
    """Read the images inside a U-Boot image; a part that cannot be read is a promise not kept."""
    for part in parts:
        body = draft.data[part.start : part.stop]
        plain = uboot.unpacked(body)
        inner = draft.unpack(part, body if plain is None else plain)
        name = format_of(inner.data) if inner.data else "raw"
        if name == "raw" and plain is None:
            continue
        try:
            _parse(name, inner)
        except BadInputError as error:
            draft.promise(f"{part.name}.structure", False, error.message)
        draft.take(inner, fresh=plain is not None)


def _unknowable(name: str, facts: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    special = UNKNOWABLE_BY_FORMAT.get(name)
    encrypted = any(kind == "encrypted" for kind, _ in facts)
    return (
        *UNKNOWABLE,
        *((special,) if special else ()),
        *(("anything about the frames: they are encrypted",) if encrypted else ()),
    )
