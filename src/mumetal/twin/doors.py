"""The twin speaks as a lab does: log files, calibration files, an audit trail, and a push over HTTP."""

import os
from collections.abc import Sequence
from pathlib import Path

from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.backend_properties_encode import to_backend_properties
from mumetal.formats.ocsf import from_event
from mumetal.twin import bluefors
from mumetal.twin.push import Opener, PushClient, open_url

FRIDGE = "cryostat"
FRIDGE_FOLDER, SETS_FOLDER, TRAIL = "bluefors", "calibrations", "audit.jsonl"


class LabWriter:
    """Writes what a lab would write, under one folder.

    ``bluefors/`` is the refrigerator's log folder, ``calibrations/`` holds a BackendProperties file per calibration,
    ``audit.jsonl`` is the OCSF audit trail; all other series go to the push door.

    Args:
        directory: The folder; made when it is not there.
        push_url: Base URL of the push door; without one, series other than the refrigerator's are not sent.
        opener: Makes the connection to the door.
        push_token: Opens it.
    """

    def __init__(
        self, directory: Path, push_url: str | None = None, opener: Opener = open_url, push_token: str = ""
    ) -> None:
        self.fridge = directory / FRIDGE_FOLDER
        self.calibrations = directory / SETS_FOLDER
        self.audit = directory / TRAIL
        for folder in (self.fridge, self.calibrations):
            folder.mkdir(parents=True, exist_ok=True)
        self.audit.touch()
        self.push = PushClient(push_url, "twin", opener, push_token) if push_url else None

    def write(self, data: Sequence[Datum]) -> None:
        """Write what the twin said; files first, then the door.

        Raises:
            UnavailableError: The push door is away or full; files are written and the rest is kept for the next call.
        """
        fast: list[Series] = []
        for datum in data:
            if isinstance(datum, DeviceSnapshot):
                self._calibration(datum)
            elif isinstance(datum, Series):
                if datum.stream == FRIDGE:
                    self._log(datum)
                else:
                    fast.append(datum)
        self._append(self.audit, b"".join(from_event(e) + b"\n" for e in data if isinstance(e, Event)))
        if self.push is not None:
            self.push.push(fast)

    def close(self) -> None:
        """Let go of the connection."""
        if self.push is not None:
            self.push.close()

    def _log(self, series: Series) -> None:
        by_file: dict[str, list[str]] = {}
        for path, line in bluefors.lines(series):
            by_file.setdefault(path, []).append(line)
        for path, found in by_file.items():
            target = self.fridge / path
            target.parent.mkdir(exist_ok=True)
            self._append(target, "".join(found).encode("ascii"))

    def _calibration(self, snapshot: DeviceSnapshot) -> None:
        """Write beside the target and rename, so that a reader sees all of it or nothing."""
        target = self.calibrations / f"{snapshot.device}-{snapshot.t_ns}.json"
        draft = target.with_suffix(".part")
        draft.write_bytes(to_backend_properties(snapshot))
        draft.replace(target)

    @staticmethod
    def _append(target: Path, data: bytes) -> None:
        """Append whole lines in one write, as loggers do."""
        if data:
            handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            with os.fdopen(handle, "ab", buffering=0) as file:
                file.write(data)
