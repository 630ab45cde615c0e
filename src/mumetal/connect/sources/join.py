"""Channels of several streams of one device as one stream: what is played beside what leaves, where they are recorded apart.

The rows of one channel set the times. Beside each stands the nearest row of every other channel within a stated tolerance, or
the mean of its rows since the row before, and by how much its clock was ahead or behind. A row waits until every other stream
has gone on beyond the tolerance, or for so long once nothing more is there to be read. Of two sources the one whose rows are older
is read first, so that archives of any size stay side by side. The cursor names the place in each source from which the oldest waiting row can
be read again, and up to when each join is done.
"""

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.edge_plan import Join
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Channel, Series

Array = NDArray[np.float64]
Times = NDArray[np.int64]
MAX_WAITING = 2_000_000  # rows of one channel that may wait, 32 MB
FEWEST = 16  # rows of each side that tell a rate


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cursor: where to read each source again from, and up to when (ns since 1970) each device's join is done."""

    again: tuple[str, ...]
    done: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Lane:
    """One channel's rows that may still be needed, and the poll each came with."""

    channel: str = ""
    unit: str = ""
    t_ns: Times = field(default_factory=lambda: np.empty(0, np.int64))
    values: Array = field(default_factory=lambda: np.empty(0))
    polls: Times = field(default_factory=lambda: np.empty(0, np.int64))
    newest_ns: int = 0

    def take(self, rows: Series, column: int, poll: int) -> None:
        """Add rows, kept in order of time."""
        self.channel, self.unit = rows.channels[column].name, rows.channels[column].unit
        t_ns = np.concatenate([self.t_ns, rows.t_ns])
        order = np.argsort(t_ns, kind="stable")
        self.t_ns = t_ns[order]
        self.values = np.concatenate([self.values, rows.values[:, column]])[order]
        self.polls = np.concatenate([self.polls, np.full(len(rows), poll, np.int64)])[order]
        self.newest_ns = max(self.newest_ns, int(self.t_ns[-1]) if self.t_ns.size else 0)

    def drop(self, before_ns: int) -> None:
        """Forget rows before a time."""
        keep = slice(int(np.searchsorted(self.t_ns, before_ns)), None)
        self.t_ns, self.values, self.polls = self.t_ns[keep], self.values[keep], self.polls[keep]

    @property
    def step_s(self) -> float:
        """Median step, s; 0 while it cannot be told."""
        return float(np.median(np.diff(self.t_ns))) / 1e9 if self.t_ns.size >= FEWEST else 0.0


class JoinSource:
    """Sources whose streams come out as they are, and joined.

    Args:
        sources: One or two; what they say of one device is joined.
        joins: Which channels, by the name of the joined stream.
    """

    def __init__(self, sources: tuple[Source, ...], joins: dict[str, Join]) -> None:
        self.info: PluginInfo = sources[0].info
        self._sources, self._joins = sources, joins
        self._last: str | None = None
        self._forget(("",) * len(sources), {})

    @property
    def name(self) -> str:
        """Name of this instance: another cursor than that of its sources."""
        return "+".join(source.name for source in self._sources) + "#join"

    def close(self) -> None:
        """Close the sources."""
        for source in self._sources:
            source.close()

    def _forget(self, again: tuple[str, ...], done: dict[str, int]) -> None:
        self._at, self._done = again, dict(done)
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._polls = 0
        self._before: dict[int, tuple[str, ...]] = {}
        self._rereading = set(done)
        self._newest = [0] * len(self._sources)
        self._caught = [False] * len(self._sources)

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values of each source after the cursor, and join what need not wait.

        Raises:
            UnavailableError: A source is away.
            BadInputError: The cursor is not this source's, the sources have different tenants, or two rates cannot be joined.
        """
        if cursor != self._last:
            self._forget(*self._mark(cursor))
        self._last = None  # whatever goes wrong below, the next poll starts again from its cursor
        self._polls += 1
        self._before[self._polls] = self._at
        raw = self._read(limit)
        if len({delivery.tenant for delivery in raw.values()}) != 1:
            raise BadInputError("joined sources have one tenant", where=self.name, hint="give both the same ?tenant=")
        data: list[Datum] = [datum for delivery in raw.values() for datum in delivery.data]
        refused = [item for delivery in raw.values() for item in delivery.quarantined]
        rows = [datum for datum in data if isinstance(datum, Series) and len(datum)]
        for name, join in self._joins.items():
            for device in sorted({series.device for series in rows}):
                data += self._join(name, join, [s for s in rows if s.device == device], refused)
        self._at = tuple(raw[k].cursor if k in raw else at for k, at in enumerate(self._at))
        self._last = msgspec.json.encode(Mark(again=self._oldest(), done=self._done)).decode()
        return Delivery(
            source=self.name, tenant=next(iter(raw.values())).tenant, data=tuple(data), quarantined=tuple(refused), cursor=self._last,
            caught_up=all(self._caught),
        )  # fmt: skip

    def _read(self, limit: int) -> dict[int, Delivery]:
        """Poll the sources that lag behind, and those ahead of them where these have no more."""
        behind = [k for k, newest in enumerate(self._newest) if newest == min(self._newest)]
        ahead = all(self._caught[k] for k in behind)
        raw: dict[int, Delivery] = {}
        for k, source in enumerate(self._sources):
            if k in behind or ahead:
                raw[k] = source.poll(self._at[k], limit)
                self._caught[k] = raw[k].caught_up
                times = [int(d.t_ns[-1]) for d in raw[k].data if isinstance(d, Series) and len(d)]
                self._newest[k] = max([self._newest[k], *times])
        return raw

    def _mark(self, cursor: str) -> tuple[tuple[str, ...], dict[str, int]]:
        if not cursor:
            return ("",) * len(self._sources), {}
        try:
            mark = msgspec.json.decode(cursor, type=Mark)
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        if len(mark.again) != len(self._sources):
            raise BadInputError("the cursor is of another number of sources", where=self.name)
        return mark.again, mark.done

    def _oldest(self) -> tuple[str, ...]:
        """Return the cursors before the first row that is still needed, and forget older ones."""
        first = min((int(lane.polls.min()) for lane in self._lanes.values() if lane.polls.size), default=0)
        self._before = {poll: at for poll, at in self._before.items() if first and poll >= first}
        return self._before[first] if first else self._at

    def _join(self, name: str, join: Join, rows: list[Series], refused: list[Quarantined]) -> list[Series]:
        device, key = rows[0].device, f"{rows[0].device}/{name}"
        lanes = [self._lanes.setdefault((key, wanted), Lane()) for wanted in (join.rows, *join.beside)]
        for wanted, lane in zip((join.rows, *join.beside), lanes, strict=True):
            stream, _, channel = wanted.partition("/")
            for series in rows:
                if series.stream == stream and channel in series.names:
                    lane.take(series, series.names.index(channel), self._polls)
            if lane.t_ns.size > MAX_WAITING:
                raise BadInputError(
                    f"join {name!r}: more than {MAX_WAITING} rows of {wanted} wait",
                    where=device,
                    hint="take a shorter wait_s in the edge file",
                )
        self._late(key, lanes[0], refused)
        _check_rates(name, join, lanes, device)
        ready = self._ready(join, lanes)
        return [] if ready == 0 else [self._joined(name, key, join, lanes, ready, rows[0])]

    def _late(self, key: str, base: Lane, refused: list[Quarantined]) -> None:
        late = int(np.searchsorted(base.t_ns, self._done.get(key, 0), side="right"))
        if late and key not in self._rereading:
            refused.append(Quarantined.of(key, f"{late} rows came after their time was joined"))
        elif base.t_ns.size > late:
            self._rereading.discard(key)
        base.drop(self._done.get(key, 0) + 1)

    def _ready(self, join: Join, lanes: list[Lane]) -> int:
        """Return how many of the oldest rows need not wait any longer."""
        base, within = lanes[0], round(join.within_s * 1e9)
        gone_on = min(lane.newest_ns for lane in lanes[1:]) - (within if join.how == "nearest" else 0)
        live = all(self._caught)
        waited = base.newest_ns - round(join.wait_s * 1e9) if live else 0
        if live and base.t_ns.size == 0:  # rows that come so much later find nothing beside them
            for lane in lanes[1:]:
                lane.drop(lane.newest_ns - round((join.wait_s + join.within_s) * 1e9))
        return int(np.searchsorted(base.t_ns, max(gone_on, waited)))

    def _joined(self, name: str, key: str, join: Join, lanes: list[Lane], ready: int, like: Series) -> Series:
        base = lanes[0]
        t_ns = base.t_ns[:ready]
        began = self._done.get(key, int(t_ns[0]) - round((base.step_s or join.within_s) * 1e9))
        columns, channels = [base.values[:ready]], [Channel(name=base.channel, unit=base.unit, provenance=join.rows)]
        for wanted, lane in zip(join.beside, lanes[1:], strict=True):
            near = _nearest if join.how == "nearest" else _mean
            columns += near(lane, t_ns, began, round(join.within_s * 1e9))
            said = f"{join.how} of {wanted} within {join.within_s:g} s"
            called = lane.channel or wanted.partition("/")[2]
            channels += [
                Channel(name=called, unit=lane.unit or "1", provenance=said),
                Channel(name=f"{called}.lag", unit="s", provenance=f"clock of {wanted} less that of {join.rows}"),
            ]
        self._done[key] = int(t_ns[-1])
        base.drop(int(t_ns[-1]) + 1)
        for lane in lanes[1:]:
            lane.drop(int(t_ns[-1]) - round(join.within_s * 1e9))
        return Series(
            tenant=like.tenant, device=like.device, stream=name, channels=tuple(channels), t_ns=t_ns,
            values=np.stack(columns, axis=1),
        )  # fmt: skip


def _nearest(lane: Lane, t_ns: Times, began: int, within: int) -> list[Array]:
    """Return the value of the row nearest to each time and how much later it is, s; NaN where none is near enough."""
    del began
    if lane.t_ns.size == 0:
        return [np.full(t_ns.size, math.nan)] * 2
    after = np.clip(np.searchsorted(lane.t_ns, t_ns), 0, lane.t_ns.size - 1)
    before = np.maximum(after - 1, 0)
    at = np.where(np.abs(lane.t_ns[after] - t_ns) < np.abs(lane.t_ns[before] - t_ns), after, before)
    lag = lane.t_ns[at] - t_ns
    near = np.abs(lag) <= within
    return [np.where(near, lane.values[at], math.nan), np.where(near, lag / 1e9, math.nan)]


def _mean(lane: Lane, t_ns: Times, began: int, within: int) -> list[Array]:
    """Return the mean of the rows after the time before and up to each time, and how much later the last of them is, s.

    NaN where there is none, or where the last one is further away than the tolerance.
    """
    stop = np.searchsorted(lane.t_ns, t_ns, side="right")
    start = np.searchsorted(lane.t_ns, np.concatenate([[began], t_ns[:-1]]), side="right")
    seen = np.isfinite(lane.values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(seen, lane.values, 0.0), seen))
    held = counts[stop] - counts[start]
    last = lane.t_ns[np.maximum(stop - 1, 0)] - t_ns if lane.t_ns.size else np.zeros(t_ns.size, np.int64)
    near = (held > 0) & (np.abs(last) <= within)
    means = (sums[stop] - sums[start]) / np.maximum(held, 1)
    return [np.where(near, means, math.nan), np.where(near, last / 1e9, math.nan)]


def _check_rates(name: str, join: Join, lanes: list[Lane], device: str) -> None:
    """Refuse rates at which most rows would stay alone."""
    base = lanes[0].step_s
    for wanted, lane in zip(join.beside, lanes[1:], strict=True):
        step = lane.step_s
        most = 2 * join.within_s if join.how == "nearest" else 1.5 * base
        if base > 0 and step > most * (1 + 1e-6):
            what = (
                f"the tolerance of {join.within_s:g} s"
                if join.how == "nearest"
                else f"a mean since the row before, {base:g} s"
            )
            raise BadInputError(
                f"join {name!r}: rows of {wanted} are {step:g} s apart, too far for {what}",
                where=device,
                hint=f"take within_s of {step / 2:g} or more"
                if join.how == "nearest"
                else 'record it faster, or take how = "nearest"',
            )
