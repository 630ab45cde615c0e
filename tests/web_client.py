"""A synchronous client for an ASGI application, over httpx and without a socket; and what opens one on a socket."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from mumetal.serve.api.identity import PEER, Peer


def operator_headers(app: FastAPI) -> dict[str, str]:
    """Return what a program of the operator sends along."""
    return {"Authorization": f"Bearer {app.state.sessions.tokens.operator}"}


def token_headers(store: Path, name: str = "operator") -> dict[str, str]:
    """Return what a program sends along that reads a token of a stack's own folder, as the how-to says."""
    demonstration = store / "demo"
    folder = demonstration if demonstration.is_dir() else store
    return {"Authorization": f"Bearer {(folder / 'access' / f'{name}.token').read_text().strip()}"}


def sign_in_path(app: FastAPI) -> str:
    """Return the path of a link that signs a browser in, once."""
    return f"/sign-in/{app.state.sessions.link()}"


class WebClient:
    """Calls an application as a program of the operator on this machine would, with the operator's token.

    Args:
        app: The application.
        peer: Who is at the far end, as the server would have read it from a client certificate.
        base: Scheme and host.
        raises: Whether an error that nobody expected is raised here instead of answered.
        token: What it says it is known by; the operator's token where None, nothing where empty.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        peer: Peer | None = None,
        base: str = "http://127.0.0.1:8470",
        raises: bool = True,
        token: str | None = None,
    ) -> None:
        self._app, self._peer, self._base, self._raises = app, peer, base, raises
        known = {} if app.state.sessions is None or peer else operator_headers(app)
        self._known = known if token is None else {"Authorization": f"Bearer {token}"} if token else {}

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
                given = {**self._known, **(headers or {})}
                return await client.request(method, path, headers=given, json=json, data=data, content=content)

        return asyncio.run(call())

    def request(self, method: str, path: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._call(method, path, headers)

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
