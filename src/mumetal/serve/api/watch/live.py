"""Live samples as server-sent events: a blocking iterator, read in a thread, that ends when the reader goes."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mumetal.core.errors import UnavailableError
from mumetal.core.series import Series
from mumetal.serve.api.wire import series_out

MAX_STREAMS = 32
MAX_ROWS = 2_000
END = object()


class LiveDoor:
    """Hands out live streams, at most :data:`MAX_STREAMS` at a time.

    Args:
        stopping: Set when the server goes down; every stream ends within about a second.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._limiter = CapacityLimiter(MAX_STREAMS)
        self._open = 0
        self._lock = threading.Lock()

    def answer(self, request: Request, samples: Iterator[Series | None], stream: str) -> StreamingResponse:
        """Return a response that writes ``samples`` of ``stream`` (all when empty) as they come.

        Raises:
            UnavailableError: Too many streams are open.
        """
        with self._lock:
            if self._open >= MAX_STREAMS:
                raise UnavailableError(
                    f"{MAX_STREAMS} live streams are open already", hint="close one, or poll the series"
                )
            self._open += 1  # here, not where the first line is written: many may be asked for before that
        return _Counted(
            self._lines(request, samples, stream),
            left=self._left,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _lines(self, request: Request, samples: Iterator[Series | None], stream: str) -> AsyncIterator[bytes]:
        tap = _Tap(samples)
        try:
            yield b"retry: 2000\n\n"
            while not self._stopping.is_set() and not await request.is_disconnected():
                item = await to_thread.run_sync(tap.next, limiter=self._limiter)
                if item is END:
                    break
                if isinstance(item, Series) and (not stream or item.stream == stream):
                    yield _line(item)
                else:
                    yield b": nothing yet\n\n"
        finally:
            tap.close()

    def _left(self) -> None:
        with self._lock:
            self._open -= 1


class _Counted(StreamingResponse):
    """Says when it is over, begun or not."""

    def __init__(
        self, content: AsyncIterator[bytes], *, left: Callable[[], None], media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


class _Tap:
    """An iterator that may be closed while another thread waits for its next item; that thread then closes it."""

    def __init__(self, samples: Iterator[Series | None]) -> None:
        self._samples = samples
        self._lock = threading.Lock()
        self._closed = False

    def next(self) -> object:
        with self._lock:
            item = END if self._closed else next(self._samples, END)
        if self._closed:
            self.close()
        return item

    def close(self) -> None:
        self._closed = True
        close = getattr(self._samples, "close", None)
        if close is not None and self._lock.acquire(blocking=False):
            try:
                close()
            finally:
                self._lock.release()


def _line(series: Series) -> bytes:
    body = series_out(series.rows(max(0, len(series) - MAX_ROWS), len(series)))
    return b"event: samples\ndata: " + msgspec.json.encode(body.model_dump()) + b"\n\n"
