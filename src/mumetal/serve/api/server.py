"""Carries the application: plain HTTP on loopback, mutual TLS and nothing less anywhere else."""

import asyncio
import socket
import threading
from functools import partial
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from OpenSSL import SSL
from uvicorn.protocols.http.h11_impl import H11Protocol

from mumetal.app.settings import ServeSettings
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.logs import RoomLogger
from mumetal.serve.api.guard import is_loopback
from mumetal.serve.api.identity import PEER, peer_of_certificate
from mumetal.serve.api.tls import SealedProtocol, server_context

START_S = 10.0
STOP_S = 5.0
HEAD_S = 20.0  # longer than a connection is kept open between two requests
MAX_CONNECTIONS = 512
_log = RoomLogger("serve")


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that puts the client certificate's subject where :func:`identity.caller_of` finds it.

    A request's head must be whole within :data:`HEAD_S`, and at most :data:`MAX_CONNECTIONS` are open: what comes later, or
    beyond, is closed.
    """

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who is at the far end, once per connection."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._head = self.loop.call_later(HEAD_S, transport.abort)
        peer = peer_of_certificate(transport.get_extra_info("peer_certificate"))
        if peer is not None:
            self.app_state = {**self.app_state, PEER: peer}

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first ones of a request start the time it has for its head."""
        super().data_received(data)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Go on to the next request; one whose body was refused half-way has none."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self.transport.close()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        if self._head is not None:
            self._head.cancel()

    def _wait_for_head(self) -> None:
        waits = self.conn.their_state is h11.IDLE
        if waits and self._head is None:
            self._head = self.loop.call_later(HEAD_S, self.transport.abort)
        elif not waits and self._head is not None:
            self._head.cancel()
            self._head = None


def tls_of(settings: ServeSettings) -> SSL.Context | None:
    """Return the TLS context the settings ask for; None for plain HTTP, which only loopback may have.

    Raises:
        RejectedError: Off loopback without certificate, key and client authority, or only some of them are given.
    """
    given = {
        "serve.tls_certificate": settings.tls_certificate,
        "serve.tls_key": settings.tls_key,
        "serve.client_ca": settings.client_ca,
    }
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(given) and is_loopback(settings.host):
        return None
    if missing:
        raise RejectedError(
            f"will not listen on {settings.host!r} without TLS and an identity",
            where=", ".join(missing),
            hint="give certificate, key and client authority, or listen on 127.0.0.1",
        )
    for name, value in given.items():
        if not Path(value).is_file():
            raise RejectedError(f"{value!r} is not a file", where=name)
    try:
        return server_context(settings.tls_certificate, settings.tls_key, settings.client_ca)
    except (SSL.Error, OSError, ValueError, TypeError) as error:
        raise RejectedError(f"TLS cannot be set up: {error}"[:300], where=", ".join(given)) from None


def _sealed(context: SSL.Context, **made: Any) -> SealedProtocol:  # noqa: ANN401  # what uvicorn makes a protocol of
    return SealedProtocol(context, partial(PeerProtocol, **made))


class Server:
    """The application on a socket, in a thread of its own.

    Args:
        app: From :func:`mumetal.serve.web.create_app`.
        settings: Where to listen.

    Raises:
        RejectedError: The settings would open it without TLS and an identity off loopback.
    """

    def __init__(self, app: FastAPI, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings
        self._tls = tls_of(settings)
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None

    def start(self) -> str:
        """Listen, and return the URL once requests are answered.

        Raises:
            UnavailableError: The address is taken or does not belong to this machine.
        """
        sock = self._bind()
        tls = self._tls
        config = uvicorn.Config(
            self._app,
            http=PeerProtocol if tls is None else partial(_sealed, tls),  # type: ignore[arg-type]
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=int(STOP_S),
        )
        self._server = uvicorn.Server(config)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._server, sock, ready), name="web", daemon=True)
        self._thread.start()
        if not ready.wait(START_S) or not self._server.started:
            sock.close()
            raise UnavailableError("the web server did not start", where=self._settings.host)
        host, port = sock.getsockname()[:2]
        _log.info("web.listening", host=host, port=port, tls=tls is not None)
        return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def stop(self) -> None:
        """End live streams, finish what is being answered, and let go of the socket."""
        if self._server is None or self._thread is None:
            return
        self._app.state.stopping.set()
        self._server.should_exit = True
        self._thread.join(STOP_S + 2.0)
        self._server = self._thread = None
        _log.info("web.stopped")

    def _bind(self) -> socket.socket:
        host = self._settings.host.strip("[]")
        sock: socket.socket | None = None
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                host, self._settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            sock = socket.socket(family, kind, proto)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError as error:
            if sock is not None:
                sock.close()
            raise UnavailableError(
                f"cannot listen: {error.strerror or error}",
                where=f"{self._settings.host}:{self._settings.port}",
                hint="another program may have the port; set serve.port to 0 for a free one",
            ) from None
        return sock

    @staticmethod
    def _run(server: uvicorn.Server, sock: socket.socket, ready: threading.Event) -> None:
        async def tell() -> None:
            while not server.started and not server.should_exit:  # noqa: ASYNC110  # uvicorn offers no event
                await asyncio.sleep(0.01)
            ready.set()

        async def both() -> None:
            watch = asyncio.create_task(tell())
            await server.serve(sockets=[sock])
            await watch

        asyncio.run(both())
