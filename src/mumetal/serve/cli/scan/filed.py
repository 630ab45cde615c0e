"""Files what a scan found where incidents are kept: in the stack that runs there, or in its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mumetal.core.errors import BadInputError

if TYPE_CHECKING:
    from mumetal.app.pipeline.filing import Filed
    from mumetal.app.settings import Settings
    from mumetal.scan.api import ScanOutcome


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

    def told(self, filed: "Filed") -> str:
        """Say in one line what came of it."""
        parts = [f"{n} {word}" for n, word in (
            (filed.new, "new"), (filed.known, "known"), (filed.closed, "closed"), (filed.back, "back again"),
        ) if n]  # fmt: skip
        return f"recorded in {self._folder}: {', '.join(parts) or 'nothing to tell'}; see `mumetal scan findings`"
