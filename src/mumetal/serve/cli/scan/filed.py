"""Files what a scan found where incidents are kept: in the stack that runs there, or in its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mumetal.core.errors import BadInputError

if TYPE_CHECKING:
    from mumetal.app.pipeline.filing import Filed
    from mumetal.app.settings import Settings
    from mumetal.scan.api import ScanOutcome

_KNOWN_BY = {
    "remote": "\nits first commit is not here (a shallow clone?): the repository is known by the address of its remote",
    "path": "\nno first commit and no remote are known: what is found is kept by this folder on this machine",
}


class Keeper:
    """Files outcomes; made before the scan, so that a folder that cannot be used is told at once.

    Args:
        settings: Whose store it is.
    """

    def __init__(self, settings: "Settings") -> None:
        from mumetal.app import (
            offline,  # the server part, needed only by who keeps findings
            running,
        )

        self._settings = settings
        self._folder = Path(settings.store.directory)
        self._offline, self._running = offline, running
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(error.strerror or "cannot be used", where=str(self._folder)) from None

    def keep(self, outcome: "ScanOutcome") -> "Filed":
        """File an outcome.

        Raises:
            MumetalError: It was refused, or the stack that runs there does not answer.
        """
        from mumetal.app import wiring
        from mumetal.app.pipeline.filing import Filed
        from mumetal.app.private import private_files
        from mumetal.scan.api import report_of

        report = report_of(outcome)
        alive = self._running.read(self._folder)
        if alive is None:
            with private_files():
                return self._offline.file_offline(self._settings, report, wiring.operator_scope())
        said = self._running.ask(alive, "/api/v1/push/scan", msgspec.json.encode(report))
        return msgspec.json.decode(said, type=Filed)

    def told(self, filed: "Filed", repository: str = "") -> str:
        """Say what came of it, and of which repository where that is not known by its first commit."""
        parts = [f"{n} {word}" for n, word in (
            (filed.new, "new"), (filed.known, "known"), (filed.closed, "closed"), (filed.back, "back again"),
        ) if n]  # fmt: skip
        told = f"recorded in {self._folder}: {', '.join(parts) or 'nothing to tell'}; see `mumetal scan findings`"
        return told + _KNOWN_BY.get(repository.partition(":")[0], "")
