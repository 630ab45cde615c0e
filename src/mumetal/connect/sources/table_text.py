"""Text of a table to cells, numbers and its head, in the dialects that machines write; what is ambiguous is refused with words."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mumetal.core.errors import BadInputError

WHITESPACE = "whitespace"
ABSENT = frozenset({"", "nan", "+nan", "-nan", "null", "none", "n/a", "na", "-", "--", "---", "#n/a"})
SEP = re.compile(r'"?sep=(.)"?\s*', re.ASCII | re.IGNORECASE)
ANNOTATIONS = ("#datatype", "#group", "#default")
INFLUX_OWN = frozenset({"", "result", "table", "_start", "_stop", "_field", "_value", "_time"})
COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII)
POINT = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([.,'\u2019\u00a0\u202f ])\d{3})(?:[.,'\u2019\u00a0\u202f ]\d{3})*(?:[.,]\d+)?")
STAMP = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*|\d{1,2}:\d{2}.*", re.ASCII)
MAX_HEAD = 100  # lines in which the header must come


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a table begins.

    Args:
        names: Its columns.
        lines: How many lines stand before the first row; None where the first row is not there yet.
        first: Cells of the first row.
        influx: Whether each row is one value, with its channel's name in a column.
        delimiter: What stands between cells.
    """

    names: Sequence[str]
    lines: int
    first: Sequence[str]
    influx: bool
    delimiter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableText:
    """One dialect.

    Args:
        delimiter: One character, or ``whitespace``.
        decimal: ``.`` or ``,``.
    """

    delimiter: str
    decimal: str = "."

    def cells(self, line: bytes) -> list[str]:
        """Split a line.

        Raises:
            BadInputError: It is no UTF-8, or a quote does not end.
        """
        try:
            text = line.decode()
            if self.delimiter == WHITESPACE:
                return text.split()
            if '"' not in text:
                return text.split(self.delimiter)
            return next(csv.reader([text], delimiter=self.delimiter, strict=True), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInputError(f"no line of a table: {str(error)[:100]}") from None

    def row(self, line: bytes, width: int) -> list[str]:
        """Split a line into ``width`` cells; blank ones beyond are what a comma at the end of a line makes.

        Raises:
            BadInputError: It has another number of cells.
        """
        found = self.cells(line)
        while len(found) > width and not found[-1].strip():
            found.pop()
        if len(found) != width:
            hint = ": decimal comma?" if len(found) == 2 * width - 1 and self.delimiter == "," else ""
            raise BadInputError(f"{len(found)} fields where {width} are expected{hint}")
        return found

    def number(self, text: str) -> float:
        """Read one cell; what stands for nothing is NaN.

        Raises:
            BadInputError: It is no finite number; says what it looks like.
        """
        plain = text.strip()
        if plain.lower() in ABSENT:
            return math.nan
        if self.decimal == "," and "." in plain:
            why = f"{plain[:40]!r} is no number with a decimal comma; thousands separators are not read"
            raise BadInputError(why, hint="write numbers without them")
        try:
            value = float(plain.replace(",", ".") if self.decimal == "," else plain)
        except ValueError:
            raise _no_number(plain) from None
        if "_" in plain or math.isinf(value):
            raise BadInputError("a value is no finite number")
        return value

    def stands(self, text: str) -> bool:
        """Whether a cell is a number or stands for nothing."""
        try:
            self.number(text)
        except BadInputError:
            return False
        return True


def _no_number(text: str) -> BadInputError:
    if COMMA.fullmatch(text) and not THOUSANDS.fullmatch(text):
        hint = 'say decimal = "," in the mapping, or ?decimal=, in the source'
        return BadInputError(f"{text[:40]!r} is no number: decimal comma?", hint=hint)
    if THOUSANDS.fullmatch(text):
        return BadInputError(
            f"{text[:40]!r} is no number: a thousands separator or a decimal comma?",
            hint='write numbers without thousands separators; say decimal = "," for a decimal comma',
        )
    return BadInputError("a value is no number")


def head_of(lines: Sequence[bytes], delimiter: str, named: Sequence[str]) -> Head | None:
    """Find a table's columns and first row; None until both are there.

    ``sep=;`` and the annotations of an InfluxDB export are taken at their word; other lines that begin with ``#`` are
    comments, the last of which is the header where numbers follow at once and it has as many columns.

    Args:
        lines: The file's first lines.
        delimiter: As named by the mapping or the source.
        named: Columns that the mapping names for a file without a header.

    Raises:
        BadInputError: There is no header, or it does not split.
    """
    text, influx, comment = TableText(delimiter=delimiter), False, b""
    header: list[str] | None = list(named) or None
    for at, line in enumerate(lines[:MAX_HEAD]):
        bare = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not bare:
            continue
        if at == 0 and (said := SEP.fullmatch(bare.decode("utf-8", "replace"))):
            text = TableText(delimiter=said[1])
        elif bare.startswith(b"#") and header is None:
            influx = influx or bare.decode("utf-8", "replace").lower().startswith(ANNOTATIONS)
            comment = bare.lstrip(b"# \t")
        elif bare.startswith(b"#"):
            continue
        elif header is None:
            cells = text.cells(line.removeprefix(b"\xef\xbb\xbf"))
            if all(text.stands(c) or STAMP.fullmatch(c.strip()) for c in cells):
                header = text.cells(comment) if comment else []
                if len(header) != len(cells):
                    raise BadInputError(
                        "the first line holds numbers and no names",
                        hint='name the columns in a mapping file: header = ["time", "T1"]',
                    )
                return Head(names=header, lines=at, first=cells, influx=influx, delimiter=text.delimiter)
            header = cells
        else:
            try:
                first = text.cells(line)
            except BadInputError:
                first = []  # the row is quarantined when it is read
            while (
                header and not header[-1].strip() and not named and not any(c.strip() for c in first[len(header) - 1 :])
            ):
                header.pop()
            _splits(header, text.delimiter, lines)
            return Head(names=header, lines=at, first=first, influx=influx, delimiter=text.delimiter)
    if len(lines) > MAX_HEAD:
        raise BadInputError(f"no header and first row within {MAX_HEAD} lines")
    return None


def _splits(header: Sequence[str], delimiter: str, lines: Sequence[bytes]) -> None:
    """Refuse a table that is one column by this delimiter and several by another."""
    if len(header) != 1:
        return
    others = [d for d in (";", "\t", "|", WHITESPACE, ",") if d != delimiter]
    sample = [line for line in lines[:MAX_HEAD] if line.strip() and not line.startswith(b"#")]
    for other in others:
        widths = {len(TableText(delimiter=other).cells(line)) for line in sample if b'"' not in line}
        if len(widths) == 1 and min(widths) > 1:
            name = {"\t": "%09", ";": "%3B"}.get(other, other)
            raise BadInputError(
                f"the table is one column by {delimiter!r} and several by {other!r}",
                hint=f"say delimiter={name} in the source, or delimiter = {other!r} in the mapping",
            )
