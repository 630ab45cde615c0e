"""Where models come from, and what can act on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mumetal.core.artefact import Artefact
    from mumetal.core.incident import Action
    from mumetal.core.ports.plugin import PluginInfo


class ModelSource(Protocol):
    """Where models are loaded from."""

    def load(self, name: str) -> Artefact:
        """Return a verified model.

        Raises:
            RejectedError: Its digest or signature does not hold.
            BadInputError: There is no such model.
        """


class Controller(Protocol):
    """Something that can act on a device."""

    info: PluginInfo

    def apply(self, action: Action) -> None:
        """Do it, within its bound. The action is permitted and on the ledger already.

        Raises:
            RejectedError: The action is outside its bound or still a dry run.
        """

    def undo(self, action: Action) -> None:
        """Take it back."""
