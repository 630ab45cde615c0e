"""How one stream of one device is doing."""

from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import LOCAL


class StreamState(StrEnum):
    """How a stream is doing, in the order in which one outweighs another."""

    WATCHING = "watching"
    LEARNING = "learning"
    DEGRADED = "degraded"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """One stream of one device.

    Args:
        tenant: Who owns the data.
        device: Device name.
        stream: Stream name.
        state: How it is doing.
        reason: Why it is not simply watching: rows still to learn and how long that takes, what is degraded.
        budget_note: Why its share of the alert budget cannot be promised yet; empty where it can.
        channels: How many channels.
        rate_hz: Rows a second over the last minute; 0 while unknown.
        last_ns: Time of the newest row; 0 before the first.
        score: Largest current tail score, 0 (ordinary) to 1 (at the alert threshold or past it).
    """

    tenant: str = LOCAL
    device: str
    stream: str
    state: StreamState
    reason: str = ""
    budget_note: str = ""
    channels: int = 0
    rate_hz: float = 0.0
    last_ns: int = 0
    score: float = 0.0

    def joined(self, other: "StreamHealth") -> "StreamHealth":
        """Return what two watchers say of the same stream as one: the graver state, both reasons, the larger score."""
        order = list(StreamState)
        return StreamHealth(
            tenant=self.tenant,
            device=self.device,
            stream=self.stream,
            state=max(self.state, other.state, key=order.index),
            reason="; ".join(filter(None, (self.reason, other.reason))),
            budget_note=self.budget_note or other.budget_note,
            channels=max(self.channels, other.channels),
            rate_hz=max(self.rate_hz, other.rate_hz),
            last_ns=max(self.last_ns, other.last_ns),
            score=max(self.score, other.score),
        )
