"""A synchronous client for an ASGI application, over httpx and without a socket."""

import asyncio
from collections.abc import AsyncIterable, Mapping

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from mumetal.serve.api.identity import PEER, Peer


class WebClient:
    """Calls an application as a program on this machine would.

    Args:
        app: The application.
        peer: Who is at the far end, as the server would have read it from a client certificate.
        base: Scheme and host.
        raises: Whether an error that nobody expected is raised here instead of answered.
    """

    def __init__(
        self, app: FastAPI, *, peer: Peer | None = None, base: str = "http://127.0.0.1:8470", raises: bool = True
    ) -> None:
        self._app, self._peer, self._base, self._raises = app, peer, base, raises

    def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        *,
        json: object = None,
        data: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
    ) -> httpx.Response:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if self._peer is not None:
                scope = {**scope, "state": {PEER: self._peer}}
            await self._app(scope, receive, send)

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=self._raises)
            async with httpx.AsyncClient(transport=transport, base_url=self._base) as client:
                return await client.request(method, path, headers=headers, json=json, data=data, content=content)

        return asyncio.run(call())

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._call("GET", path, headers)

    def post(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
    ) -> httpx.Response:
        return self._call("POST", path, headers, json=json, data=data, content=content)
