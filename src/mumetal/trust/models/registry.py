"""The folder every model is loaded from: bytes by their digest, promises and standing under a seal.

::

    objects/ab/abcd…          the bytes, named by their SHA-256
    manifests/VERSION.sealed  what is promised of a version
    reports/DIGEST.sealed     what the gates said of it
    canaries/VERSION.sealed   an input whose answer is known since it was validated
    records/NAME.sealed       where every version of a model stands

Loading a model, each step a refusal:

1. the seal over the model's record holds, and it is the record the ledger names last;
2. it has an active version, and the seal over that version's manifest holds;
3. manifest and record name the same model and version;
4. the bytes have the size and both digests the manifest names;
5. their structure is that of a model (:mod:`mumetal.trust.models.files.inspect`).
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.regular import open_regular
from mumetal.trust.ledger.disk import write_whole
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import record as records
from mumetal.trust.models import report as reports
from mumetal.trust.models.chronicle import Chronicle
from mumetal.trust.models.files.inspect import MAX_BYTES, inspect
from mumetal.trust.models.manifest import Manifest, check_name
from mumetal.trust.models.record import Record, State
from mumetal.trust.models.refusals import Refusal
from mumetal.trust.models.report import GateReport
from mumetal.trust.models.seal import Seal

MANIFEST_KIND = "application/vnd.mumetal.model-manifest+json"
RECORD_KIND = "application/vnd.mumetal.model-record+json"
CANARY_KIND = "application/vnd.mumetal.model-canary+json"
REPORT_KIND = "application/vnd.mumetal.gate-report+json"
MAX_ENVELOPE = 16 * 2**20


class ModelRegistry:
    """Models in a folder; a :class:`~mumetal.core.ports.ModelSource`.

    Args:
        folder: Where; made when a first model is registered.
        seal: Signs and opens its documents.
        chronicle: What the ledger says; without it an old record put back is not seen.
    """

    def __init__(self, folder: Path, *, seal: Seal, chronicle: Chronicle | None = None) -> None:
        self._folder = folder
        self._seal = seal
        self._chronicle = chronicle
        self._turn = Lock()

    def names(self) -> list[str]:
        """Return every model's name, in order."""
        found = (path.name.removesuffix(".sealed") for path in (self._folder / "records").glob("*.sealed"))
        return sorted(name for name in found if manifests.NAME.fullmatch(name))

    def load(self, name: str) -> Artefact:
        """Return the active version's bytes, verified by the five steps; facts name version and revision.

        Raises:
            RejectedError: A step fails; says which.
            BadInputError: There is no such model, or none of its versions is active.
        """
        record = self.record(name)
        active = record.in_state(State.ACTIVE)
        if active is None:
            raise BadInputError("no version is active", where=name, hint="promote one")
        return self._verified(record, active.version)

    def load_version(self, name: str, version: str) -> Artefact:
        """Return any version that is not retired or was active once, verified alike: for shadow runs and gates."""
        record = self.record(name)
        return self._verified(record, record.find(version).version)

    def _verified(self, record: Record, version: str) -> Artefact:
        promised = self.manifest(record.name, version)
        data = self._object(promised)
        where = f"{record.name}@{version[:12]}"
        kind, _ = inspect(data, where)
        if kind is not promised.kind:
            raise RejectedError(f"step 5: the bytes are {kind.value}, not {promised.kind.value}", where=where)
        facts = (("version", version), ("revision", str(record.revision)), ("kind", kind.value))
        return Artefact(uri=f"model:{record.name}@{version}", kind="model", data=data, facts=facts)

    def gone(self) -> list[str]:
        """Return the models that the ledger knows and whose record is not there, in order."""
        known = self._chronicle.names() if self._chronicle is not None else set()
        return sorted(known - set(self.names()))

    def record(self, name: str) -> Record:
        """Return where a model's versions stand (step 1).

        Raises:
            BadInputError: There is no such model.
            RejectedError: The seal does not hold, or the ledger names another record.
        """
        check_name(name)
        sealed = _read(self._folder / "records" / f"{name}.sealed", name, "there is no such model")
        record = records.decode(self._seal.open(sealed, RECORD_KIND, name), name)
        if record.name != name:
            raise RejectedError("step 1: the record is another model's", where=name)
        if self._chronicle is not None:
            self._chronicle.check(name, records.digest(record))
        return record

    def record_or_new(self, name: str) -> Record:
        """Return a model's record, or an empty one for a name that was never used."""
        check_name(name)
        if (self._folder / "records" / f"{name}.sealed").exists():
            return self.record(name)
        return Record(name=name)

    def refusals(self, sha256: str) -> tuple[Refusal, ...]:
        """Return what stands against these bytes, whatever they were registered as.

        Raises:
            RejectedError: A seal does not hold.
        """
        return tuple(
            {
                refusal.report: refusal
                for name in self.names()
                for version in self.record(name).versions
                if version.standing and self.manifest(name, version.version).sha256 == sha256
                for refusal in version.standing
            }.values()
        )

    def manifest(self, name: str, version: str) -> Manifest:
        """Return what is promised of a version (steps 2 and 3).

        Raises:
            RejectedError: The seal does not hold, or it is another version's or model's.
        """
        where = f"{name}@{version[:12]}"
        sealed = _read(self._folder / "manifests" / f"{version}.sealed", where, "its manifest is gone")
        promised = manifests.decode(self._seal.open(sealed, MANIFEST_KIND, where), where)
        if promised.name != name or manifests.version_of(promised) != version:
            raise RejectedError("step 3: the manifest is of another model or version", where=where)
        return promised

    def report(self, digest: str) -> GateReport:
        """Return what the gates said.

        Raises:
            RejectedError: The seal does not hold or it is another report.
        """
        where = f"report {digest[:12]}"
        sealed = _read(self._folder / "reports" / f"{digest}.sealed", where, "the gate report is gone")
        found = reports.decode(self._seal.open(sealed, REPORT_KIND, where), where)
        if reports.digest(found) != digest:
            raise RejectedError("it is another report", where=where)
        return found

    def canary(self, name: str, version: str) -> bytes | None:
        """Return a version's window with a known answer; None when it has none.

        Raises:
            RejectedError: The seal does not hold.
        """
        path = self._folder / "canaries" / f"{version}.sealed"
        if not path.exists():
            return None
        where = f"{name}@{version[:12]}: canary"
        return self._seal.open(_read(path, where, "it is gone"), CANARY_KIND, where)

    def put_canary(self, version: str, payload: bytes) -> None:
        """Keep a window with a known answer under seal."""
        _write(self._folder / "canaries" / f"{version}.sealed", self._seal.close(payload, CANARY_KIND))

    def last(self, name: str, action: str, actor: str) -> int:
        """Return when an actor last did something to a model by the ledger, ns since 1970; 0 for never or no ledger."""
        return self._chronicle.last(name, action, actor) if self._chronicle is not None else 0

    def put_model(self, promised: Manifest, data: bytes) -> None:
        """Keep a version's bytes and its sealed manifest; what is there already stays."""
        version = manifests.version_of(promised)
        _write(self._folder / "objects" / promised.sha256[:2] / promised.sha256, data)
        sealed = self._seal.close(manifests.encode(promised), MANIFEST_KIND)
        _write(self._folder / "manifests" / f"{version}.sealed", sealed)

    def put_report(self, found: GateReport) -> str:
        """Keep a gate report under seal and return its digest."""
        digest = reports.digest(found)
        sealed = self._seal.close(reports.encode(found), REPORT_KIND)
        _write(self._folder / "reports" / f"{digest}.sealed", sealed)
        return digest

    def seal_record(self, record: Record) -> bytes:
        """Return the sealed record, to be put in place once the ledger has it."""
        return self._seal.close(records.encode(record), RECORD_KIND)

    def put_record(self, name: str, sealed: bytes) -> None:
        """Put a sealed record in place in one step: a reader sees the old one or the new one."""
        _write(self._folder / "records" / f"{name}.sealed", sealed)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other threads and other processes from changing the registry meanwhile; threads queue, processes do not.

        Raises:
            UnavailableError: Another one does, or the folder cannot be written.
        """
        with self._turn:
            yield from self._alone()

    def _alone(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(f"cannot be written: {error.strerror}", where=str(self._folder)) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise UnavailableError("another process changes the registry", where=str(self._folder)) from None
        finally:
            os.close(file)

    def _object(self, promised: Manifest) -> bytes:
        where = f"{promised.name}: object {promised.sha256[:12]}"
        data = _read(self._folder / "objects" / promised.sha256[:2] / promised.sha256, where, "its bytes are gone")
        same = (
            len(data) == promised.size
            and hmac.compare_digest(hashlib.sha256(data).hexdigest(), promised.sha256)
            and hmac.compare_digest(hashlib.sha384(data).hexdigest(), promised.sha384)
        )
        if not same:
            raise RejectedError(
                "step 4: the bytes are not those that were signed", where=where, hint="restore the file, or roll back"
            )
        return data


def _read(path: Path, where: str, missing: str) -> bytes:
    try:
        file = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise BadInputError(missing, where=where) from None
    except OSError as error:
        raise RejectedError(f"cannot be read: {error.strerror}", where=where) from None
    with os.fdopen(file, "rb") as opened:
        try:
            data = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise RejectedError(f"cannot be read: {error.strerror}", where=where) from None
    if len(data) > MAX_BYTES:
        raise RejectedError(f"more than {MAX_BYTES} bytes", where=where)
    return data


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, durable when it returns."""
    try:
        write_whole(path, data, sync=True)
    except OSError as error:
        raise UnavailableError(f"cannot be written: {error.strerror}", where=str(path)) from None
