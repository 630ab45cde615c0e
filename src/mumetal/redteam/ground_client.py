"""HTTP with the stack of a ground, and with nobody else: one connection a request, no proxy, no redirect followed."""

import re
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import GroundAnswer

PATH = re.compile(r"/(?!/)[!-~]*")
TIMEOUT_S = 30.0


class BoundClient:
    """A :class:`mumetal.core.ports.GroundClient` of one address.

    Args:
        url: The stack's own address, as the ground has it.
        token: Says that it is the operator who asks.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._known = {"authorization": f"Bearer {token}"} if token else {}
        self._host, self._port = str(parts.hostname), parts.port

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> GroundAnswer:
        """Ask for ``path``.

        Raises:
            RejectedError: ``path`` is no path, so it could name another place.
            UnavailableError: The stack did not answer.
        """
        if not PATH.fullmatch(path):
            raise RejectedError(f"{path[:80]!r} is no path", where="ground", hint="such as /api/v1/incidents")
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body or None, self._known | dict(headers or {}))
            answer = connection.getresponse()
            return GroundAnswer(
                status=answer.status,
                body=answer.read(),
                headers={name.lower(): value for name, value in answer.getheaders()},
            )
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"the stack of the ground did not answer: {error}", where=path[:80]) from None
        finally:
            connection.close()
