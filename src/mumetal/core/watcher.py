"""A watcher that does nothing yet: what most watchers answer where they have nothing to say."""

from collections.abc import Iterable, Sequence

from mumetal.core.delivery import Datum
from mumetal.core.ports import DatumKind, Observed, PluginInfo, Span, WatcherState
from mumetal.core.stream_health import StreamHealth
from mumetal.core.subject import Subject
from mumetal.core.technique import Conditions, Power

BLIND = float("inf")


class PlainWatcher:
    """Base of watchers; each overrides what it does. It keeps the port ``Watcher``.

    What it finds is asked of the innocent causes, and held against the alert budget where it says how often ordinary
    data would do as much.
    """

    info: PluginInfo
    has_causes = True
    budgeted = False

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say whether it looks at such data."""
        raise NotImplementedError

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look at data of one subject."""
        raise NotImplementedError

    def late(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Rows that came out of order tell it nothing."""
        del data, now_ns
        return Observed()

    def tick(self, now_ns: int) -> Observed:
        """Nothing happens by time alone."""
        del now_ns
        return Observed()

    def prime(self, history: Iterable[Datum], exclude: Sequence[Span]) -> None:
        """Nothing is learnt from the past."""
        del history, exclude

    def bar(self, spans: Sequence[Span]) -> None:
        """Nothing is learnt that would have to be forgotten."""
        del spans

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """It says nothing of streams."""
        del now_ns
        return ()

    def save(self) -> WatcherState:
        """Nothing is worth keeping."""
        return WatcherState(version=0)

    def restore(self, state: WatcherState) -> bool:
        """Say that nothing is missing, where nothing was kept."""
        return state.version == 0

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say that it answers no technique."""
        del conditions
        nan = float("nan")
        why = f"{self.info.plugin_id} is blind to it: it states no power"
        return Power(technique=technique, smallest=BLIND, bound=nan, unit="1", reason=why)
