"""What the simulator gives: a trace with its label, and the nouns in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.foreign.draws import Split

Kind = Literal["attack", "innocent", "quiet"]
DETECTABLE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceChannel:
    """One column.

    Args:
        heading: What the lab's own file calls it.
        name: What the mapping calls it: a plain name.
        unit: As the lab writes it.
    """

    heading: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What the lab's log says somebody did, would do, or the machine said of itself.

    Args:
        start_ns, end_ns: When.
        activity: What, two dotted words.
        detail: In the lab's words.
    """

    start_ns: int
    end_ns: int
    activity: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One stream of one lab, and what happened in it.

    Args:
        name: Says lab and seed, and nothing of the label.
        seed: Makes it again.
        split: ``tuned`` or ``held``, by the seed's hash.
        lab: Which layout.
        rate_hz: Nominal rows a second.
        channels: The columns, length C.
        t_ns: Times as the lab's clock says them, in order of arrival: a few traces hold repeated rows and rows that
            change places with a near one. Shape (n,).
        values: In the lab's units; NaN is lost or not scanned. Shape (n, C).
        kind: Attack, innocent or quiet.
        label: Id of the kind of attack or of the innocent cause; empty when quiet.
        technique: The catalogue's id of the attack's technique; empty where it has none, and unless an attack.
        start_ns, end_ns: The event; both the time of the last row when quiet.
        deadline_ns: Telling it until then is in time.
        deadline_reason: Why then.
        detectable: AUC of the matched detector between start and deadline (``bench.foreign.matched``); NaN unless an attack.
        announced: What the lab's log holds; empty when nothing was written down.
        truth: What happened, one sentence.
    """

    name: str
    seed: int
    split: Split
    lab: str
    rate_hz: float
    channels: tuple[TraceChannel, ...]
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    kind: Kind
    label: str
    technique: str
    start_ns: int
    end_ns: int
    deadline_ns: int
    deadline_reason: str
    detectable: float
    announced: tuple[Announcement, ...]
    truth: str

    @property
    def counts(self) -> bool:
        """Whether it counts: an attack only if a matched detector tells it apart."""
        return self.kind != "attack" or self.detectable >= DETECTABLE
