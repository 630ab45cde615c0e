"""Images without a header of their own: cut into pages, with the device trees, ELF files and volumes inside them."""

from mumetal.core.errors import BadInputError
from mumetal.scan.firmware import fdt
from mumetal.scan.firmware.parsed import Parsed

PAGE = 4_096
MAX_TREES = 64


def parse(draft: Parsed) -> None:
    """Name runs of padding and of content, page by page, and read device trees inside.

    Raises:
        BadInputError: More runs than regions are allowed.
    """
    for start, stop, blank in runs(draft.data):
        draft.region(f"{'padding' if blank else 'content'}@{start:#x}", "padding" if blank else "content", start, stop)
    trees(draft)


def runs(data: bytes) -> list[tuple[int, int, bool]]:
    """Return (start, stop, blank) of the longest runs of pages that hold nothing but 0x00 or nothing but 0xff."""
    found: list[tuple[int, int, bool]] = []
    for start in range(0, len(data), PAGE):
        page = data[start : start + PAGE]
        blank = page.count(0) == len(page) or page.count(0xFF) == len(page)
        if found and found[-1][2] == blank:
            found[-1] = (found[-1][0], start + len(page), blank)
        else:
            found.append((start, start + len(page), blank))
    return found


def trees(draft: Parsed) -> None:
    """Read the device trees that lie inside; one that cannot be read is a promise not kept, the rest stays."""
    at, count = draft.data.find(fdt.MAGIC), 0
    while at >= 0 and count < MAX_TREES:
        length = int.from_bytes(draft.data[at + 4 : at + 8], "big")
        if at and fdt.is_fdt(draft.data, at):
            count += 1
            region = draft.region(f"fdt{count}", "container", at, at + length)
            inner = draft.unpack(region, draft.data[at : at + length])
            try:
                fdt.parse(inner)
            except BadInputError as error:
                draft.promise(f"fdt{count}.structure", False, error.message)
            draft.take(inner, fresh=False)
            at += max(length, 4)
        at = draft.data.find(fdt.MAGIC, at + 4)
