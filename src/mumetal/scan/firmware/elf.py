"""ELF files: segments, sections, entry point, build id, and what lies past their end (System V gABI, chapters 4 and 5)."""

from dataclasses import dataclass

from mumetal.scan.firmware.parsed import Parsed, text

MAGIC = b"\x7fELF"
MAX_ENTRIES = 4_096
PT_LOAD, PT_INTERP = 1, 3
SHT_NOTE, SHT_NOBITS = 7, 8
SHF_WRITE, SHF_EXEC = 1, 4
PF_EXEC, PF_WRITE = 1, 2
MACHINES = {3: "x86", 8: "mips", 40: "arm", 62: "x86-64", 94: "xtensa", 183: "aarch64", 243: "riscv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Byte order and the tables' places."""

    order: str
    wide: bool
    segments: tuple[int, int, int]
    sections: tuple[int, int, int]
    names: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One section header."""

    name: int
    kind: int
    flags: int
    offset: int
    size: int


def is_elf(data: bytes) -> bool:
    """Say whether the bytes start like an ELF file."""
    return data.startswith(MAGIC) and len(data) > 6 and data[4] in {1, 2} and data[5] in {1, 2}


def parse(draft: Parsed) -> None:
    """Read headers, segments and sections.

    Raises:
        BadInputError: A table reaches past the end, or there are too many entries.
    """
    layout, entry = _layout(draft)
    draft.fact("entry", f"{entry:#x}")
    end = max(_segments(draft, layout), _sections(draft, layout))
    for offset, count, size in (layout.segments, layout.sections):
        end = max(end, offset + count * size)
    _gaps(draft, layout, end)
    rest = draft.data[min(end, len(draft.data)) :]
    draft.promise("end", len(rest) < 16 or not rest.strip(b"\0"), f"{len(rest)} bytes lie after the last part")
    if rest.strip(b"\0"):
        draft.region("after-end", "trailer", end, len(draft.data))


def _gaps(draft: Parsed, layout: _Layout, end: int) -> None:
    """Linkers fill what no section covers with zeros; without sections, what no segment covers."""
    tables = [(o, o + n * size) for o, n, size in (layout.segments, layout.sections)]
    sections = layout.sections[1] > 0
    kinds = ("section", "header") if sections else ("load", "header")
    parts = [(r.start, r.stop) for r in draft.regions if r.name.removeprefix(f"{draft.parent}/").startswith(kinds)]
    at = strange = 0
    for start, stop in sorted([*tables, *parts, (end, end)]):
        if start > at:
            gap = draft.data[at:start]
            strange += len(gap) - gap.count(0)
        at = max(at, stop)
    draft.promise("gaps", strange == 0, f"{strange} bytes lie where no part of the file is")


def _layout(draft: Parsed) -> tuple[_Layout, int]:
    wide, order = draft.data[4] == 2, "<" if draft.data[5] == 1 else ">"
    shape = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    head = draft.read(shape, 16)
    kind, machine, _, entry, ph, sh, _, head_size, ph_size, ph_count, sh_size, sh_count, names = head
    if ph_count > MAX_ENTRIES or sh_count > MAX_ENTRIES:
        raise draft.bad(f"more than {MAX_ENTRIES} headers", 16)
    draft.region("header", "header", 0, min(head_size, len(draft.data)))
    draft.fact("machine", MACHINES.get(machine, str(machine)))
    draft.fact("elf-type", str(kind))
    return _Layout(
        order=order,
        wide=wide,
        segments=(ph, ph_count, ph_size),
        sections=(sh, sh_count, sh_size),
        names=names,
    ), entry


def _segments(draft: Parsed, layout: _Layout) -> int:
    offset, count, size = layout.segments
    end = 0
    for index in range(count):
        at = offset + index * size
        if layout.wide:
            kind, flags, start, address, _, length, _ = draft.read(layout.order + "IIQQQQQ", at)
        else:
            kind, start, address, _, length, _, flags = draft.read(layout.order + "IIIIIII", at)
        if start + length > len(draft.data):
            raise draft.bad(f"segment {index} reaches past the end", at)
        end = max(end, start + length)
        if kind == PT_INTERP:
            draft.fact("interpreter", text(draft.data[start : start + length]))
        if kind == PT_LOAD:
            rights = "".join(letter for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if flags & bit)
            draft.region(f"load{index}", "code" if flags & PF_EXEC else "data", start, start + length)
            draft.fact("segment", f"{address:#x} {rights}")
            if flags & PF_EXEC and flags & PF_WRITE:
                draft.fact("writable-code", f"segment {index}")
    return end


def _sections(draft: Parsed, layout: _Layout) -> int:
    offset, count, size = layout.sections
    found = []
    for index in range(count):
        at = offset + index * size
        if layout.wide:
            name, kind, flags, _, start, length = draft.read(layout.order + "IIQQQQ", at)
        else:
            name, kind, flags, _, start, length = draft.read(layout.order + "IIIIII", at)
        if kind not in {0, SHT_NOBITS} and start + length > len(draft.data):
            raise draft.bad(f"section {index} reaches past the end", at)
        found.append(_Section(name=name, kind=kind, flags=flags, offset=start, size=length))
    if not found:
        return 0
    table = found[layout.names] if layout.names < len(found) else found[0]
    end = 0
    for section in found:
        if section.kind in {0, SHT_NOBITS}:
            continue
        label = text(draft.data[table.offset + section.name : table.offset + section.name + 100]) or "unnamed"
        kind_name = "code" if section.flags & SHF_EXEC else "data"
        draft.region(f"section{label}", kind_name, section.offset, section.offset + section.size)
        end = max(end, section.offset + section.size)
        if section.kind == SHT_NOTE and label == ".note.gnu.build-id":
            draft.fact("build-id", draft.data[section.offset + 16 : section.offset + section.size].hex())
    return end
