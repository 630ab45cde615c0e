"""From a standard log record to one line: the steps that structlog's formatter runs, for our rooms and for libraries alike."""

import re
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Any, Literal

import msgspec
from structlog.stdlib import ProcessorFormatter

from mumetal.app.logs.clean import Mask, cleaned, cleaned_text
from mumetal.core.errors import MumetalError
from mumetal.core.logs import FIELDS, ROOT, LogValue

Line = MutableMapping[str, Any]  # what structlog hands from step to step

HEAD = ("time", "level", "room", "event")
MAX_FRAMES = 30
MAX_CAUSES = 4
_BARE = re.compile(r"[^\s\"=\\]+")
_encode = msgspec.json.Encoder().encode


def formatter(form: Literal["json", "text"], mask: Mask) -> ProcessorFormatter:
    """Return what turns a record into a line, without the line feed."""
    return ProcessorFormatter(
        foreign_pre_chain=[described(mask)],
        processors=[ProcessorFormatter.remove_processors_meta, as_json if form == "json" else as_text],
    )


def described(mask: Mask) -> Callable[[Any, str, Line], Line]:
    """Return the step that makes clean fields of a record; a library's own message becomes the field ``text``."""

    def step(_logger: object, _method: str, line: Line) -> Line:
        record = line["_record"]
        fields: Mapping[str, LogValue] | None = getattr(record, FIELDS, None)
        ours = fields is not None and record.name.startswith(f"{ROOT}.")
        head: Line = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "room": record.name.removeprefix(f"{ROOT}.") if ours else record.name.partition(".")[0][:40],
            "event": line["event"] if ours else "library.message",
        }
        if not ours:
            fields = {"logger": record.name, "text": line["event"]}
        for name, value in cleaned(fields or {}, mask).items():
            head[f"{name}_" if name in HEAD else name] = value
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            head.update(error_fields(error, mask))
        return {**head, "_record": record, "_from_structlog": False}

    return step


def error_fields(error: BaseException, mask: Mask) -> dict[str, str]:
    """Return an error's class, its cleaned message and the places it came through; never a line of code or a value."""
    chain = list(islice(_chain(error), MAX_CAUSES))
    message = error.message if isinstance(error, MumetalError) else str(error)
    return {
        "error": " from ".join(type(e).__name__ for e in chain)[:200],
        "reason": cleaned_text(message, mask),
        "trace": " | ".join(_places(e.__traceback__) for e in chain),
    }


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-MAX_FRAMES:]
    return " > ".join(f"{'/'.join(f.filename.split('/')[-3:])}:{f.lineno} {f.name}" for f in frames)


def as_json(_logger: object, _method: str, line: Line) -> str:
    """Return one JSON object."""
    return _encode(line).decode()


def as_text(_logger: object, _method: str, line: Line) -> str:
    """Return ``TIME LEVEL ROOM EVENT name=value …``; a value with spaces or signs stands in double quotes."""
    head = f"{line['time']} {line['level']:<7} {line['room']:<8} {line['event']}"
    rest = (f"{name}={_worded(value)}" for name, value in line.items() if name not in HEAD)
    return " ".join((head, *rest))


def _worded(value: LogValue) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
