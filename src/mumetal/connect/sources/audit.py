"""Audit and job events: OCSF and CloudTrail, as JSON lines or as JSON documents, a file or a folder, tailed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.tail import Position, read_lines, start
from mumetal.connect.sources.tree import Found, files, require, unread
from mumetal.connect.sources.unpacked import SUFFIX as PACKED
from mumetal.connect.sources.unpacked import unpack
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.formats.canonical import Json, decode_json
from mumetal.formats.ocsf import event_of, read_event

PLAIN = (".json", ".jsonl", ".ndjson", ".log")
SUFFIXES = (*PLAIN, *(suffix + PACKED for suffix in PLAIN))
Record: TypeAlias = "Json | bytes"
MAX_DOCUMENT = 64 * 2**20
MAX_FILES = 10_000


class _Cursor(msgspec.Struct, array_like=True):
    """Where to go on, as the store keeps it."""

    files: dict[str, Position] = {}


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What one poll has read so far."""

    data: list[Datum]
    quarantined: list[Quarantined]
    left: int


class AuditSource:
    """Reads events.

    A ``.json`` file that is one document (an array, or CloudTrail's ``Records``) is read as a document, again from
    its start when it is replaced; anything else is JSON lines. An event without an id gets the digest of its canonical
    form, so the same line twice counts once.

    Args:
        spec: Place and option ``tenant``.

    Raises:
        UnavailableError: There is no such place.
    """

    info = PluginInfo(
        plugin_id="connect.sources.audit",
        title="OCSF and CloudTrail events",
        reference="OCSF schema 1.6, AWS CloudTrail record contents 1.11",
    )

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._place = Path(spec.place)
        require(self._place)

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` events that the cursor has not seen.

        Raises:
            UnavailableError: The place is away.
            BadInputError: The cursor is not this source's, or there are more than 10,000 files.
        """
        try:
            state = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        found = files(self._place, () if self._place.is_file() else SUFFIXES)
        if len(found) > MAX_FILES:
            raise BadInputError(f"more than {MAX_FILES} event files", where=self.name, hint="split the folder")
        batch = _Batch(data=[], quarantined=[], left=max(1, limit))
        batch.quarantined += unread(self._place, SUFFIXES) if not cursor else ()
        positions = {f.relative: state.files[f.relative] for f in found if f.relative in state.files}
        more = False
        for file in found:
            position = start(positions.get(file.relative), file.inode, file.size)
            if position.offset >= file.size:
                positions[file.relative] = position
                continue
            if batch.left <= 0:
                more = True
                break
            positions[file.relative], again = self._file(file, position, batch)
            more = more or again
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=tuple(batch.data),
            quarantined=tuple(batch.quarantined),
            cursor=msgspec.json.encode(_Cursor(files=positions)).decode(),
            caught_up=not more,
        )

    def close(self) -> None:
        """Nothing is held between polls."""

    def _file(self, file: Found, position: Position, batch: _Batch) -> tuple[Position, bool]:
        try:
            # A document is read anew when it grows; ``skipping`` marks its position, which no line reader follows.
            packed = file.path.name.lower().endswith(PACKED)
            if position.skipping or (position.offset == 0 and (packed or file.path.suffix.lower() == ".json")):
                try:
                    records = _packed(file) if packed else _document(file)
                except BadInputError as error:
                    batch.quarantined.append(Quarantined.of(file.relative, error.message))
                    return msgspec.structs.replace(position, offset=file.size, skipping=True), False
                if records is not None:
                    return self._records(records, file, position, batch)
                position = msgspec.structs.replace(position, skipping=False)
            read = read_lines(file.path, position, batch.left, where=file.relative)
        except (UnavailableError, OSError):
            require(self._place)
            return position, False
        batch.quarantined += read.quarantined
        for number, line in enumerate(read.lines, read.first):
            if line.strip():
                where = f"{file.relative}:{number}"
                try:
                    batch.data.append(read_event(line, tenant=self._spec.tenant, where=where))
                except BadInputError as error:
                    batch.quarantined.append(Quarantined.of(where, error.message, line))
        batch.left -= max(1, len(read.lines))
        return read.position, read.more

    def _records(
        self, records: Sequence[Record], file: Found, position: Position, batch: _Batch
    ) -> tuple[Position, bool]:
        """Take the records from number ``position.line`` on."""
        stop = min(len(records), position.line + batch.left)
        for index in range(position.line, stop):
            where = f"{file.relative}#{index}"
            try:
                record = records[index]
                tenant = self._spec.tenant
                if isinstance(record, bytes):
                    batch.data.append(read_event(record, tenant=tenant, where=where))
                else:
                    batch.data.append(event_of(record, tenant=tenant, where=where))
            except BadInputError as error:
                batch.quarantined.append(Quarantined.of(where, error.message))
        batch.left -= max(1, stop - position.line)
        if stop < len(records):
            return msgspec.structs.replace(position, line=stop, offset=0, skipping=True), True
        return msgspec.structs.replace(position, line=stop, offset=file.size, skipping=True), False


def _document(file: Found) -> list[Json] | None:
    """Return the records of a JSON document; None when the file is JSON lines.

    Raises:
        BadInputError: It is neither, or a document that is not complete yet.
    """
    with file.path.open("rb") as opened:
        content = opened.read(MAX_DOCUMENT + 1)
    return _of_document(content, file)


def _packed(file: Found) -> Sequence[Record]:
    """Return the records of a file that gzip packed, which does not grow: a document's, or the lines themselves.

    Raises:
        BadInputError: It is none, or unpacks to more than 64 MiB.
    """
    content = unpack(file.path, MAX_DOCUMENT)
    records = _of_document(content, file)
    return [line for line in content.splitlines() if line.strip()] if records is None else records


def _of_document(content: bytes, file: Found) -> list[Json] | None:
    if _is_object(content.split(b"\n", 1)[0]):
        return None
    value = decode_json(content, MAX_DOCUMENT, where=file.relative)
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(records := value.get("Records"), list):
        return records
    return [value]


def _is_object(line: bytes) -> bool:
    """Whether a line is a whole JSON object other than a document of records."""
    try:
        value = decode_json(line)
    except BadInputError:
        return False
    return isinstance(value, dict) and not isinstance(value.get("Records"), list)


def _open(spec: SourceSpec) -> Source:
    return AuditSource(spec)


FACTORY = SourceFactory(info=AuditSource.info, example="audit:/var/log/quantum/", options={}, open=_open)
