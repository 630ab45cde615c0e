"""Edge features in front of a door: windows of raw rows become features, and the raw rows go no further.

Windows lie on the grid k·window_s since 1970, so the same rows give the same windows wherever a poll cuts them. The
cursor names the place in the inner source from which the oldest open window can be read again, and how far each stream's
windows are done; what is held in memory between polls is only a cache of that. A window is closed by the row after it.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.edge_features import Made, measure, settle
from mumetal.connect.sources.edge_plan import Plan
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Series, sorted_by_time

MAX_OPEN_VALUES = 32_000_000  # numbers one open window may hold, 256 MB
MAX_WINDOWS = 100_000  # of one stream in one poll


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The wrapper's cursor: where to read again from, and up to when (ns since 1970) each stream's windows are done."""

    again: str
    done: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Rows of one poll, the inner cursor from which they were read, and the number of that poll."""

    poll: int
    before: str
    rows: Series


@dataclass(slots=True, kw_only=True)
class Open:
    """Rows of one stream and channel map whose window is not closed."""

    groups: tuple[Made, ...]
    kept: tuple[int, ...]
    pieces: list[Piece] = field(default_factory=list)
    values: int = 0
    newest_ns: int = 0


class EdgeSource:
    """A source whose high-rate channels come out as features.

    Args:
        inner: Where the raw rows come from.
        plan: Which channels are what.
    """

    def __init__(self, inner: Source, plan: Plan) -> None:
        self.info: PluginInfo = inner.info
        self._inner, self._plan = inner, plan
        self._window_ns = round(plan.window_s * 1e9)
        self._forget("", {})
        self._last: str | None = None

    @property
    def name(self) -> str:
        """Name of this instance: another cursor than the raw source's."""
        return f"{self._inner.name}#edge"

    def close(self) -> None:
        """Close the raw source."""
        self._inner.close()

    def _forget(self, again: str, done: dict[str, int]) -> None:
        self._at, self._done = again, dict(done)
        self._open: dict[str, Open] = {}
        self._polls = 0
        self._rereading = dict(done)

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` raw values after the cursor and return the windows they close.

        Raises:
            UnavailableError: The raw source is away.
            BadInputError: The cursor is not this source's, a group does not fit, or a window holds too much.
        """
        if cursor != self._last:
            self._forget(*self._mark(cursor))
        self._last = None  # whatever goes wrong below, the next poll starts again from its cursor
        before, self._polls = self._at, self._polls + 1
        raw = self._inner.poll(before, limit)
        data: list[Datum] = []
        refused = list(raw.quarantined)
        for datum in raw.data:
            data += self._take(before, datum, refused) if isinstance(datum, Series) else [datum]
        self._at = raw.cursor
        said = msgspec.json.encode(Mark(again=self._oldest(), done=self._done)).decode()
        self._last = said
        return Delivery(
            source=self.name,
            tenant=raw.tenant,
            data=tuple(data),
            quarantined=tuple(refused),
            cursor=said,
            caught_up=raw.caught_up,
        )

    def _mark(self, cursor: str) -> tuple[str, dict[str, int]]:
        if not cursor:
            return "", {}
        try:
            mark = msgspec.json.decode(cursor, type=Mark)
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        return mark.again, mark.done

    def _oldest(self) -> str:
        """Return the inner cursor before the first row of any open window."""
        waiting = [piece for held in self._open.values() for piece in held.pieces]
        return min(waiting, key=lambda piece: piece.poll).before if waiting else self._at

    def _take(self, before: str, rows: Series, refused: list[Quarantined]) -> list[Datum]:
        key = f"{rows.device}/{rows.stream}/{rows.epoch}"
        held = self._open.get(key)
        if held is None:
            groups = tuple(m for n, g in self._plan.groups.items() if (m := settle(n, g, rows)) is not None)
            used = {c for m in groups for c in (*m.columns, *m.beside)}
            kept = tuple(c for c in range(len(rows.channels)) if c not in used)
            held = self._open[key] = Open(groups=groups, kept=kept)
        out: list[Datum] = []
        if held.kept:
            out.append(_columns(rows, held.kept))
        if not held.groups or len(rows) == 0:
            return out
        done = self._done.get(key, 0)
        late = int(np.searchsorted(rows.t_ns, done))
        if late:
            if key not in self._rereading:
                refused.append(
                    Quarantined.of(f"{rows.device}/{rows.stream}", f"{late} rows came after their window was closed")
                )
            rows = rows.rows(late, len(rows))
        if len(rows) == 0:
            return out
        self._rereading.pop(key, None)
        held.pieces.append(Piece(poll=self._polls, before=before, rows=rows))
        held.values += rows.values.size
        held.newest_ns = max(held.newest_ns, int(rows.t_ns[-1]))
        oldest_ns = int(held.pieces[0].rows.t_ns[0])
        if held.values > MAX_OPEN_VALUES and held.newest_ns // self._window_ns == oldest_ns // self._window_ns:
            raise BadInputError(
                f"a window of {self._plan.window_s:g} s holds more than {MAX_OPEN_VALUES} values",
                where=f"{rows.device}/{rows.stream}",
                hint="take a shorter window_s in the edge file",
            )
        features = self._close(key, held)
        return out if features is None else [*out, features]

    def _close(self, key: str, held: Open) -> Series | None:
        """Compute every window that a later row has closed."""
        stop_ns = held.newest_ns // self._window_ns * self._window_ns
        like = held.pieces[-1].rows
        if min(int(p.rows.t_ns[0]) for p in held.pieces) >= stop_ns:
            return None
        t_ns, values, _, _ = sorted_by_time(
            np.concatenate([p.rows.t_ns for p in held.pieces]), np.concatenate([p.rows.values for p in held.pieces])
        )
        window = t_ns // self._window_ns
        bounds = [*np.flatnonzero(np.r_[True, np.diff(window) > 0]).tolist(), t_ns.size]
        times: list[int] = []
        features: list[NDArray[np.float64]] = []
        for start, end in pairwise(bounds):
            if int(t_ns[start]) >= stop_ns or len(times) >= MAX_WINDOWS:
                break
            times.append((int(window[start]) + 1) * self._window_ns)
            rows, at = values[start:end], t_ns[start:end]
            features.append(np.concatenate([measure(m, at, rows, rate_of(at)) for m in held.groups]))
        self._done[key] = done = times[-1]
        kept = [replace(p, rows=p.rows.between(done, done + 2**62)) for p in held.pieces]
        held.pieces = [p for p in kept if len(p.rows)]
        held.values = sum(p.rows.values.size for p in held.pieces)
        return Series(
            tenant=like.tenant,
            device=like.device,
            stream=f"{like.stream}.edge",
            channels=tuple(c for m in held.groups for c in m.channels),
            t_ns=np.array(times, np.int64),
            values=np.array(features, np.float64),
        )


def rate_of(t_ns: NDArray[np.int64]) -> float:
    """Return rows a second from the median step; 1 when it cannot be told."""
    step = float(np.median(np.diff(t_ns))) if t_ns.size > 1 else 0.0
    return 1e9 / step if step > 0 else 1.0


def _columns(rows: Series, kept: tuple[int, ...]) -> Series:
    """Return the channels that belong to no group."""
    return Series(
        tenant=rows.tenant,
        device=rows.device,
        stream=rows.stream,
        channels=tuple(rows.channels[c] for c in kept),
        t_ns=rows.t_ns,
        values=rows.values[:, list(kept)],
        seq=rows.seq,
    )
