"""A TUF repository in a folder (The Update Framework 1.0.33; Samuel et al. 2010, doi:10.1145/1866307.1866315).

``metadata/`` holds ``N.root.json``, ``N.targets.json``, ``N.snapshot.json`` and ``timestamp.json``; ``targets/`` the
images under their digest. The timestamp is written last, so a client sees the old state or the new one, never half.
Root and targets belong to the makers, snapshot and timestamp to the machine that publishes: it refreshes those by itself
every day, and a mirror that is frozen shows within that time. Nothing is written that clients would not accept.
"""

import contextlib
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.updates.signers import Team

CUSTOM = "custom"
ROLES = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """How long metadata hold, days."""

    root: float = 365.0
    targets: float = 90.0
    snapshot: float = 7.0
    timestamp: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to publish.

    Args:
        name: Name of the target, stable over versions.
        data: Its bytes.
        board: The board it is for.
        security_version: Never published lower than before.
    """

    name: str
    data: bytes
    board: str
    security_version: int

    def __post_init__(self) -> None:
        check.name(self.name, "target")
        check.name(self.board, "board")
        if "/" in self.name or self.security_version < 1:
            raise BadInputError("a target's name has no slash, and its security version counts from 1", where=self.name)


class UpdateRepository:
    """Writes a repository.

    Args:
        folder: Where it lies; made when it is new.
        makers: Who signs root and targets.
        publisher: Who signs snapshot and timestamp.
        lives: How long metadata hold.
    """

    def __init__(self, folder: Path, *, makers: Team, publisher: Team, lives: Lives | None = None) -> None:
        self._folder = folder
        self._makers = makers
        self._publisher = publisher
        self._lives = lives or Lives()

    def create(self, now: datetime) -> bytes:
        """Write the first metadata and return the root that clients are given.

        Raises:
            BadInputError: There is a repository already.
            RejectedError: Fewer owners sign than their thresholds ask for.
            UnavailableError: It cannot be written.
        """
        if (self._folder / "metadata").exists():
            raise BadInputError("there is a repository already", where=str(self._folder))
        root = Root(expires=self._until(now, self._lives.root), consistent_snapshot=True)
        for role in ROLES:
            team = self._team(role)
            root.roles[role].threshold = team.keys_needed
            for signer in team.signers:
                root.add_key(signer.public_key, role)
        data = self._signed("root", Metadata(root), root)
        self._write("metadata/1.root.json", data)
        self._publish(Targets(expires=self._until(now, self._lives.targets)), 1, now)
        return data

    def publish(self, items: list[Item], now: datetime) -> None:
        """Add targets and publish a new version of all metadata but the root.

        Raises:
            RejectedError: A target's security version is lower than the one published, or fewer owners sign than the
                root asks for; nothing was published.
            BadInputError: There is no repository here, or it cannot be read.
            UnavailableError: It cannot be written.
        """
        version = self._version()
        before = self._targets()
        before.version, before.expires = before.version + 1, self._until(now, self._lives.targets)
        for item in items:
            known = before.targets.get(item.name)
            if known is not None and security_version(known) > item.security_version:
                raise RejectedError("a security version never falls", where=item.name)
            target = TargetFile.from_data(item.name, item.data, ["sha384"])
            target.unrecognized_fields[CUSTOM] = {"board": item.board, "security_version": item.security_version}
            before.targets[item.name] = target
        signed = self._signed("targets", Metadata(before))
        for item in items:
            self._write(f"targets/{before.targets[item.name].hashes['sha384']}.{item.name}", item.data)
        self._publish(before, version + 1, now, signed)

    def refresh(self, now: datetime) -> None:
        """Publish snapshot and timestamp anew before they expire; the makers are not needed.

        Raises:
            RejectedError: The targets have expired: the makers must publish.
            BadInputError: There is no repository here.
            UnavailableError: It cannot be written.
        """
        version, targets = self._version(), self._targets()
        if targets.expires <= now:
            raise RejectedError("the targets have expired", where=str(self._folder), hint="the makers publish anew")
        self._vouch(targets.version, version + 1, now)

    def _publish(self, targets: Targets, version: int, now: datetime, signed: bytes = b"") -> None:
        data = signed or self._signed("targets", Metadata(targets))
        self._write(f"metadata/{targets.version}.targets.json", data)
        self._vouch(targets.version, version, now)

    def _vouch(self, targets: int, version: int, now: datetime) -> None:
        """Write a snapshot of the targets' version, then the timestamp that names it."""
        snapshot = Snapshot(version=version, expires=self._until(now, self._lives.snapshot))
        snapshot.meta["targets.json"] = MetaFile(targets)
        self._write(f"metadata/{version}.snapshot.json", self._signed("snapshot", Metadata(snapshot)))
        timestamp = Timestamp(version=version, expires=self._until(now, self._lives.timestamp))
        timestamp.snapshot_meta = MetaFile(version)
        self._write("metadata/timestamp.json", self._signed("timestamp", Metadata(timestamp)))

    def _team(self, role: str) -> Team:
        return self._makers if role in {"root", "targets"} else self._publisher

    def _signed(
        self,
        role: str,
        metadata: "Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]",
        root: Root | None = None,
    ) -> bytes:
        for signer in self._team(role).signers:
            metadata.sign(signer, append=True)
        self._enough(root or self._root(), role, metadata)
        return metadata.to_bytes()

    def _enough(
        self,
        root: Root,
        role: str,
        metadata: "Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]",
    ) -> None:
        try:
            root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except UnsignedMetadataError:
            needed = root.roles[role].threshold // 2
            raise RejectedError(
                f"{role} needs {needed} of its owners' keys, and these do not suffice",
                where=str(self._folder),
                hint="sign with the keys that `updates create` was given",
            ) from None

    def _root(self) -> Root:
        """Return the newest root."""
        number = 1
        while (self._folder / f"metadata/{number + 1}.root.json").exists():
            number += 1
        path = self._folder / f"metadata/{number}.root.json"
        try:
            return Metadata[Root].from_bytes(path.read_bytes()).signed
        except (OSError, DeserializationError) as error:
            raise BadInputError(f"its root cannot be read: {error}"[:300], where=str(path)) from None

    def _version(self) -> int:
        try:
            data = (self._folder / "metadata/timestamp.json").read_bytes()
            return Metadata[Timestamp].from_bytes(data).signed.version
        except (OSError, DeserializationError) as error:
            raise BadInputError(f"there is no repository here: {error}"[:300], where=str(self._folder)) from None

    def _targets(self) -> Targets:
        """Return the targets that the newest snapshot names."""
        path = self._folder / f"metadata/{self._version()}.snapshot.json"
        try:
            number = Metadata[Snapshot].from_bytes(path.read_bytes()).signed.meta["targets.json"].version
            path = self._folder / f"metadata/{number}.targets.json"
            return Metadata[Targets].from_bytes(path.read_bytes()).signed
        except (OSError, DeserializationError) as error:
            raise BadInputError(f"its targets cannot be read: {error}"[:300], where=str(path)) from None

    def _write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        fresh = path.with_name(path.name + ".new")
        try:
            for folder in (self._folder, path.parent):
                if not folder.is_dir():
                    folder.mkdir(parents=True, exist_ok=True)
                    folder.chmod(0o755)
            with fresh.open("wb") as file:
                os.fchmod(file.fileno(), 0o644)  # a repository is published, whatever the account keeps to itself
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # what could not be written may not be removable either
                fresh.unlink(missing_ok=True)
            raise UnavailableError(f"the repository cannot be written: {error.strerror}", where=str(path)) from None

    @staticmethod
    def _until(now: datetime, days: float) -> datetime:
        return (now + timedelta(days=days)).replace(microsecond=0)


def security_version(target: TargetFile) -> int:
    """Return what a target says of its security version; 0 when it says nothing."""
    custom = target.unrecognized_fields.get(CUSTOM)
    value = custom.get("security_version") if isinstance(custom, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def board_of(target: TargetFile) -> str:
    """Return the board a target is for; empty when it says nothing."""
    custom = target.unrecognized_fields.get(CUSTOM)
    value = custom.get("board") if isinstance(custom, dict) else None
    return value if isinstance(value, str) else ""
