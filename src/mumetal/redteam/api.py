"""The front door of redteam: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.redteam.range import Seal, StackAddress, TwinRange

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
