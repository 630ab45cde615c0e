"""The book of a site's boards: one record each, in a folder that the commands write and the pages read.

A record is replaced whole, under a lock, so that an attestation and a rollout at the same time lose nothing of each
other. Tenants have folders of their own. Beside the records lie the images to go back to and the open challenges of
attestations. Nothing here proves anything by itself: it is what the commands found, for whoever may read the folder.
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import Ledger, LedgerEntry
from mumetal.trust.firmware import record as records
from mumetal.trust.firmware.fleet import MAX_IMAGE
from mumetal.trust.firmware.floors import CONFIRMED, NOTE
from mumetal.trust.firmware.record import BoardRecord, Stage, State
from mumetal.trust.firmware.rollout import INSTALL, MAX_BOARDS, RESTORE
from mumetal.trust.ledger.disk import read_whole, write_whole

FOLDER = "firmware"
MAX_CHALLENGE = 256


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Book:
    """The records of one folder.

    Args:
        folder: The state folder, ``STORE/firmware``; made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def boards(self, tenant: str) -> list[BoardRecord]:
        """Return a tenant's records, in order of device.

        Raises:
            BadInputError: One of them cannot be read.
            UnavailableError: The disk cannot.
        """
        place = self._place(tenant)
        found = [self._read(path) for path in sorted(place.glob("*.json"))[:MAX_BOARDS]] if place.is_dir() else []
        return sorted((r for r in found if r is not None and r.tenant == tenant), key=lambda r: r.device)

    def board(self, tenant: str, device: str) -> BoardRecord | None:
        """Return one record; None when the tenant has no such board."""
        found = self._read(self._file(tenant, device))
        return found if found is not None and (found.tenant, found.device) == (tenant, device) else None

    def change(self, tenant: str, device: str, edit: Callable[[BoardRecord], BoardRecord]) -> BoardRecord:
        """Replace one record by what ``edit`` makes of it; a new board starts empty.

        Raises:
            BadInputError: The name cannot be used, or what was there cannot be read.
            UnavailableError: It cannot be written; what was there still is.
        """
        check.name(tenant, "tenant")
        check.name(device, "device")
        with self._locked():
            fresh = edit(self.board(tenant, device) or BoardRecord(tenant=tenant, device=device))
            self._write(self._file(tenant, device), records.encode(fresh))
        return fresh

    def keep_image(self, data: bytes) -> str:
        """Keep an image to go back to, and return its SHA-384.

        Raises:
            UnavailableError: It cannot be written.
        """
        digest = hashlib.sha384(data).hexdigest()
        path = self.folder / "images" / digest
        if not path.exists():
            self._write(path, data)
        return digest

    def image(self, sha384: str) -> bytes:
        """Return a kept image.

        Raises:
            UnavailableError: It is not kept here.
            RejectedError: It is not what it was.
        """
        path = self.folder / "images" / sha384
        data = read_whole(path, MAX_IMAGE) if sha384 else None
        if data is None:
            raise UnavailableError("no image to go back to is kept", where=str(path))
        if not hmac.compare_digest(hashlib.sha384(data).hexdigest(), sha384):
            raise RejectedError("the kept image was altered", where=str(path))
        return data

    def keep_good(self, tenant: str, device: str, data: bytes) -> None:
        """Keep what a device runs before it is touched; while a rollout is open the first such image stays the good one.

        Raises:
            UnavailableError: It cannot be written.
        """
        digest = self.keep_image(data)

        def edit(known: BoardRecord) -> BoardRecord:
            return known if known.open and known.last_good else msgspec.structs.replace(known, last_good=digest)

        self.change(tenant, device, edit)

    def challenge(self, tenant: str, device: str, nonce: bytes, now_ns: int) -> None:
        """Note a challenge that is handed out; an older one of the device counts no more."""
        check.name(tenant, "tenant")
        check.name(device, "device")
        with self._locked():
            self._write(self._open(tenant, device), f"{nonce.hex()} {now_ns}".encode())

    def answer(self, tenant: str, device: str) -> tuple[bytes, int]:
        """Return (nonce, when it was handed out) of the open challenge, and close it: each can be answered once.

        Raises:
            RejectedError: None is open.
        """
        path = self._open(tenant, device)
        with self._locked():
            data = read_whole(path, MAX_CHALLENGE)
            if data is None:
                raise RejectedError(
                    "no challenge is open for this device",
                    where=device[:200],
                    hint=f"hand one out: mumetal firmware challenge {device[:80]}",
                )
            path.unlink()
        nonce, _, asked = data.decode("ascii", "replace").partition(" ")
        try:
            return bytes.fromhex(nonce), int(asked)
        except ValueError:
            raise BadInputError("the open challenge cannot be read", where=str(path)) from None

    def _place(self, tenant: str) -> Path:
        return self.folder / "boards" / _name(tenant)

    def _file(self, tenant: str, device: str) -> Path:
        return self._place(tenant) / f"{_name(device)}.json"

    def _open(self, tenant: str, device: str) -> Path:
        return self.folder / "challenges" / _name(tenant) / _name(device)

    @staticmethod
    def _read(path: Path) -> BoardRecord | None:
        data = read_whole(path, records.MAX_RECORD)
        return None if data is None else records.decode(data, str(path))

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        try:
            write_whole(path, data, sync=True)
        except OSError as error:
            raise UnavailableError(f"the boards' book cannot be written: {error.strerror}", where=str(path)) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"the boards' book cannot be written: {error.strerror}", where=str(self.folder)
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


STATES: dict[tuple[str, bool], State] = {
    (INSTALL, True): "on trial",
    (RESTORE, True): "put back",
    (RESTORE, False): "stuck",
    (CONFIRMED, True): "confirmed",
}


class BookedLedger:
    """A ledger that also tells the book how a rollout stands; the entry is durable before the record changes.

    Args:
        ledger: Where entries go.
        book: Where the stages go.
        say: Takes a line for the person who waits.
    """

    def __init__(self, ledger: Ledger, book: Book, say: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._book = book
        self._say = say

    def append(self, entry: LedgerEntry) -> int:
        """Write durably, then note the stage.

        Raises:
            UnavailableError: One of them could not be written.
        """
        index = self._ledger.append(entry)
        stage = _stage(entry)
        if stage is not None:
            version = NOTE.search(entry.why) if stage.state == "confirmed" else None

            def edit(known: BoardRecord) -> BoardRecord:
                confirmed = max(known.confirmed, int(version[1]) if version else 0)
                return msgspec.structs.replace(known, stage=stage, confirmed=confirmed)

            self._book.change(entry.tenant, entry.subject, edit)
            self._say(f"{entry.subject}: {stage.state}")
        return index

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return entries from ``start``, in order."""
        return self._ledger.entries(start, limit)

    def verify(self) -> None:
        """Check the whole record; see :class:`mumetal.core.ports.Ledger`."""
        self._ledger.verify()


def _stage(entry: LedgerEntry) -> Stage | None:
    state: State | None
    if entry.action == INSTALL and not entry.outcome:
        state = "installing"
    else:
        state = STATES.get((entry.action, entry.outcome == "done")) if entry.outcome else None
    if state is None:
        return None
    why = entry.why
    return Stage(state=state, t_ns=entry.t_ns, actor=entry.actor[:1_000], why=why[:1_000])
