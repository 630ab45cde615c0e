"""Asks a key's own vendor whether it is still taken: one bounded HTTPS call, only when a person asks for it.

1. The endpoint is data of this package; nothing of a scanned repository can name another.
2. The key goes to that host alone, over TLS with its certificate checked; no redirect is followed, no proxy is used.
3. The answer's status decides, at most 64 KiB of its body are read, and none of it is kept or shown.
"""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError

TIMEOUT_S = 10.0
MAX_BODY = 64 * 1024
MAX_SECRET = 4_096
MAX_CALLS = 100

State = Literal["live", "dead", "unknown"]
Connect = Callable[[str], http.client.HTTPConnection]


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one vendor is asked.

    Args:
        vendor: Who issues the keys.
        rules: Ids of the rules whose secrets it knows.
        method: Of the request.
        host: The one host that is called, port 443.
        path: Of the request.
        headers: Of the request; ``{secret}`` stands for the key.
        body: Of the request.
        live: Statuses that say the key is taken.
        dead: Statuses that say it is not.
        marker: Text that the body must hold besides; without it a live status says the key is dead.
        reference: Where the vendor documents it.
    """

    vendor: str
    rules: Annotated[tuple[str, ...], Meta(min_length=1)]
    method: Literal["GET", "POST"] = "GET"
    host: Annotated[str, Meta(pattern=r"^[a-z0-9.-]+$")]
    path: Annotated[str, Meta(pattern=r"^/[^\s{}]*$")]
    headers: dict[str, str] = {}
    body: str = ""
    live: tuple[int, ...]
    dead: tuple[int, ...] = ()
    marker: str = ""
    reference: Annotated[str, Meta(pattern="^https://")]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    dated: str
    endpoint: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vendor said.

    Args:
        state: ``"live"``, ``"dead"``, or ``"unknown"``.
        said: The same in a few words, with the status; nothing of the body.
        host: Who was asked; empty when nobody was.
    """

    state: State
    said: str
    host: str = ""


@cache
def endpoints() -> dict[str, Endpoint]:
    """Return the packaged endpoints by rule id.

    Raises:
        BadInputError: The packaged file is broken.
    """
    try:
        read = msgspec.toml.decode(
            files("mumetal.scan.credentials").joinpath("endpoints.toml").read_bytes(), type=_File
        )
    except msgspec.DecodeError as error:
        raise BadInputError(str(error), where="endpoints.toml") from None
    return {rule: endpoint for endpoint in read.endpoint for rule in endpoint.rules}


def over_tls(host: str) -> http.client.HTTPConnection:
    """Return a connection to a vendor: TLS 1.2 or newer, certificate and name checked, no proxy."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(host, 443, timeout=TIMEOUT_S, context=context)


def ask(endpoint: Endpoint, secret: bytes, connect: Connect = over_tls) -> Answer:
    """Ask once; whatever goes wrong is ``"unknown"`` with the kind of error, never with its text."""
    try:
        key = secret.decode("ascii")
    except UnicodeDecodeError:
        return Answer(state="unknown", said="the key is not plain ASCII")
    if not key.isprintable() or " " in key or len(key) > MAX_SECRET:
        return Answer(state="unknown", said="the key could not be sent as it is")
    headers = {name: value.replace("{secret}", key) for name, value in endpoint.headers.items()}
    body = endpoint.body.replace("{secret}", quote(key, safe="")) if endpoint.body else None
    line = connect(endpoint.host)
    try:
        line.request(endpoint.method, endpoint.path, body=body, headers={"User-Agent": "mumetal", **headers})
        answer = line.getresponse()
        text = answer.read(MAX_BODY)
    except (OSError, http.client.HTTPException) as error:
        return Answer(state="unknown", said=f"no answer ({type(error).__name__})", host=endpoint.host)
    finally:
        line.close()
    return Answer(state=_state(endpoint, answer.status, text), said=f"status {answer.status}", host=endpoint.host)


def _state(endpoint: Endpoint, status: int, text: bytes) -> State:
    if status in endpoint.live:
        return "live" if endpoint.marker.encode() in text.replace(b" ", b"") else "dead"
    return "dead" if status in endpoint.dead else "unknown"
