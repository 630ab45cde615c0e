"""Holds each calibration set that comes in against what was signed: the set itself, or recalibrations that explain it.

Steps for a set: (1) one that the role ``calibration`` has signed as it is, is accepted; (2) else it is compared with the
set before it; (3) what a recalibration, signed by that role, declares is taken off; (4) what is left is a finding. A
trust root that does not hold explains nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError, MumetalError, RejectedError, UnavailableError
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed, PluginInfo
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.subject import Subject
from mumetal.core.watcher import PlainWatcher
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.ledger.disk import read_whole
from mumetal.trust.signing import root_chain as chain
from mumetal.trust.signing.calibration import (
    Change,
    Recalibration,
    finding_of,
    read_recalibration,
    unexplained_changes,
    verify_set,
)

SET = ".set.json"
RECALIBRATION = ".recalibration.json"
MAX_ENVELOPE = 2**20
MAX_FILES = 5_000
SnapshotsOf = Callable[[str, str, int, int], Sequence[DeviceSnapshot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFolder:
    """Signed calibration sets and recalibrations, and who may sign them.

    Args:
        folder: Files named ``*.set.json`` and ``*.recalibration.json``.
        roots: Folder of the trust root's versions.
        pin: SHA-256 of the first version, as ``mumetal keys root`` printed it.
    """

    folder: Path
    roots: Path
    pin: str

    def root(self, now_ns: int) -> TrustRoot:
        """Return the trust root as it is now, so that a rotation or a revocation counts at once.

        Raises:
            RejectedError: It does not hold.
            UnavailableError: It is not there.
        """
        return load_root(self.roots, self.pin, now_ns)

    def is_signed(self, snapshot: DeviceSnapshot, root: TrustRoot, now_ns: int) -> bool:
        """Say whether the set is signed as it is."""
        data = read_whole(self.folder / set_name(snapshot), MAX_ENVELOPE)
        if data is None:
            return False
        try:
            verify_set(snapshot, data, root=root, now_ns=now_ns)
        except RejectedError:
            return False  # nothing more than a set nobody signed: what changed is told by the comparison
        return True

    def recalibrations(self, root: TrustRoot, now_ns: int) -> tuple[list[Recalibration], list[str]]:
        """Return what was declared and signed, and why other files do not count.

        Raises:
            UnavailableError: The folder cannot be read.
        """
        found, refused = [], []
        try:
            places = sorted(p for p in self.folder.iterdir() if p.name.endswith(RECALIBRATION))
        except OSError as error:
            raise UnavailableError(f"cannot be read: {error.strerror}", where=str(self.folder)) from None
        for place in places[:MAX_FILES]:
            try:
                data = read_whole(place, MAX_ENVELOPE) or b""
                found.append(read_recalibration(data, root=root, now_ns=now_ns, where=place.name))
            except MumetalError as error:
                refused.append(str(error))
        if len(places) > MAX_FILES:
            refused.append(f"{len(places) - MAX_FILES} files past the first {MAX_FILES} were not read")
        return found, refused


def set_name(snapshot: DeviceSnapshot) -> str:
    """Return what a signed set's file is called."""
    return f"{snapshot.device}-{snapshot.t_ns}{SET}"


def load_root(folder: Path, pin: str, now_ns: int) -> TrustRoot:
    """Return the newest trust root of a folder of versions, ``1.root.json`` and on.

    Raises:
        RejectedError: A link does not hold.
        UnavailableError: There is none.
    """
    versions: list[bytes] = []
    while (data := read_whole(folder / f"{len(versions) + 1}.root.json", MAX_ENVELOPE)) is not None:
        versions.append(data)
    if not versions:
        raise UnavailableError("there is no trust root", where=str(folder), hint="make one with `mumetal keys root`")
    try:
        return chain.load(versions, pinned=pin, now_ns=now_ns)
    except BadInputError as error:
        raise RejectedError(f"the trust root cannot be read: {error.message}", where=str(folder)) from None


def signed_folder(spec: str) -> SignedFolder | None:
    """Read the setting ``calibrations``, ``FOLDER?roots=FOLDER&pin=SHA256``; None when it is empty.

    Raises:
        BadInputError: It is not of that form, or the folder is not there.
    """
    if not spec:
        return None
    folder, _, query = spec.partition("?")
    options = dict(parse_qsl(query))
    if not folder or set(options) != {"roots", "pin"}:
        raise BadInputError(
            "signed recalibrations are named FOLDER?roots=FOLDER&pin=SHA256", where=f"calibrations: {spec[:200]}"
        )
    if not Path(folder).is_dir():
        raise BadInputError("there is no such folder", where=f"calibrations: {folder[:200]}")
    return SignedFolder(folder=Path(folder), roots=Path(options["roots"]), pin=options["pin"])


class SignedSetWatcher(PlainWatcher):
    """Holds every calibration set that was committed against what was signed.

    Args:
        signed: What was signed.
        snapshots_of: Returns the newest sets of (tenant, device), at most so many, before a time, oldest first.
        clock: Time that signatures are checked at.
    """

    info = PluginInfo(
        plugin_id="trust.signing.sets",
        title="Calibration sets against what was signed",
        techniques=("impair.config_edit",),
    )
    has_causes = False  # a signature is there or not

    def __init__(self, signed: SignedFolder, snapshots_of: SnapshotsOf, clock: Clock) -> None:
        self._signed = signed
        self._snapshots_of = snapshots_of
        self._clock = clock

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to snapshots."""
        del subject
        return kind == "snapshot"

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Say what of each set nothing signed explains."""
        del now_ns
        return Observed(findings=tuple(finding for datum in data for finding in self.inspect(datum)))

    def inspect(self, datum: Datum) -> list[Finding]:
        """Return the finding of a set whose changes nothing signed explains; nothing for other data."""
        if not isinstance(datum, DeviceSnapshot):
            return []
        earlier = self._snapshots_of(datum.tenant, datum.device, 1, datum.t_ns)
        if not earlier:
            return []
        changes, words = self._unexplained(earlier[-1], datum)
        if not changes:
            return []
        found = finding_of(datum, changes)
        return [replace(found, detail=" ".join((found.detail, *words))[:4_000])]

    def _unexplained(self, before: DeviceSnapshot, after: DeviceSnapshot) -> tuple[Sequence[Change], list[str]]:
        now_ns = self._clock.now_ns()
        try:
            root = self._signed.root(now_ns)
            if self._signed.is_signed(after, root, now_ns):
                return (), []
            declared, refused = self._signed.recalibrations(root, now_ns)
        except (RejectedError, UnavailableError) as error:
            return unexplained_changes(before, after, ()), [f"Nothing signed could be read: {error}."]
        words = [f"Not counted: {'; '.join(refused[:3])}."] if refused else []
        return unexplained_changes(before, after, declared), words
