"""What looks at data and artefacts, and the innocent causes that a finding must survive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from mumetal.core.artefact import Artefact
    from mumetal.core.event import Event
    from mumetal.core.finding import Attribution, CauseVerdict, Finding
    from mumetal.core.ports.plugin import PluginInfo
    from mumetal.core.series import Series
    from mumetal.core.snapshot import DeviceSnapshot
    from mumetal.core.technique import Conditions, Power


class Detector(Protocol):
    """Looks at one stream. Consecutive chunks give the same scores as one long series (causal, prefix-invariant).

    Listed, it watches every live stream of which :meth:`watches` says so: its threshold is learnt from the stream's own
    past and the alert budget, and what it raises is told in ``info.words``.
    """

    info: PluginInfo

    def watches(self, history: Series) -> bool:
        """Say whether it looks at a live stream with such channels, at such a rate and for so long."""

    def fit(self, history: Series) -> None:
        """Learn what is ordinary, and start afresh.

        Raises:
            BadInputError: Fewer than ``info.min_history`` usable rows; says how many more are needed.
        """

    def score(self, chunk: Series) -> NDArray[np.float64]:
        """Score the rows that follow the last chunk, shape (n,), finite and >= 0; higher is more anomalous.

        Raises:
            BadInputError: Not fitted, or the chunk has another channel map than the history.
        """

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Say which channels carry the score of the window's last row, largest share first; keeps no state."""

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest attack that would have been caught under these conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What surrounds a finding, for a cause to judge by.

    Args:
        series: The finding's stream around it first, then other streams of the device.
        events: Events of the device around it, in order of time.
        snapshots: Snapshots of the device, oldest first.
    """

    series: tuple[Series, ...] = ()
    events: tuple[Event, ...] = ()
    snapshots: tuple[DeviceSnapshot, ...] = ()


class Cause(Protocol):
    """An innocent explanation that a finding must survive."""

    info: PluginInfo

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain or decline, with a log-likelihood ratio and a reason either way."""


class Scanner(Protocol):
    """Looks into artefacts."""

    info: PluginInfo

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what is wrong with one artefact; never runs anything in it."""
