"""The twin's client of the push door: columnar JSON over HTTP, with what could not be sent kept for later."""

from collections import deque
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.series import Series
from mumetal.formats.columnar import to_columnar_json

PATH = "/api/v1/push/columnar"
MAX_ROWS = 2_000
MAX_WAITING = 1_024
TIMEOUT_S = 10.0
Opener = Callable[[str], HTTPConnection]


def open_url(url: str) -> HTTPConnection:
    """Return an unopened connection to the host of an ``http`` or ``https`` URL.

    Raises:
        BadInputError: Not such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInputError(f"{url[:80]!r} is no http or https URL", hint="such as http://127.0.0.1:8470")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname, parts.port, timeout=TIMEOUT_S)


class PushClient:
    """Posts series in order; what fails waits and goes out first the next time.

    Args:
        url: Base of the door, such as ``http://127.0.0.1:8470``.
        source: Source id that goes into the body.
        opener: Makes the connection.
        token: Opens the door; empty where certificates do.
    """

    def __init__(self, url: str, source: str, opener: Opener = open_url, token: str = "") -> None:
        self._url, self._source, self._opener = url, source, opener
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._path = urlsplit(url).path.rstrip("/") + PATH
        self._connection: HTTPConnection | None = None
        self._waiting: deque[bytes] = deque()
        self.sent = 0
        self.lost = 0

    @property
    def waiting(self) -> int:
        """How many bodies wait to be sent."""
        return len(self._waiting)

    def push(self, series: list[Series]) -> None:
        """Queue ``series`` and send all that waits.

        Raises:
            UnavailableError: The door is away or full; everything is kept, up to 1,024 bodies, oldest lost first.
            BadInputError: The door refused a body for good; that body is dropped.
        """
        for body in _bodies(series, self._source):
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(body)
        while self._waiting:
            status = self._post(self._waiting[0])
            if status in {408, 425, 429} or status >= 500:
                raise UnavailableError(f"the push door answered {status}", where=self._url, hint="will be sent again")
            self._waiting.popleft()
            if not 200 <= status < 300:
                raise BadInputError(f"the push door refused a body with {status}", where=self._url)
            self.sent += 1

    def _post(self, body: bytes) -> int:
        try:
            connection = self._connection or self._opener(self._url)
            self._connection = connection
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException) as error:
            self.close()
            raise UnavailableError(f"the push door is away: {error}", where=self._url, hint="is it up?") from None
        return response.status

    def close(self) -> None:
        """Let go of the connection; what waits stays."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _bodies(series: list[Series], source: str) -> Iterator[bytes]:
    """Yield bodies of at most 2,000 rows a stream."""
    if series and max(len(one) for one in series) <= MAX_ROWS:
        yield to_columnar_json(series, source)
        return
    for one in series:
        for first in range(0, len(one), MAX_ROWS):
            yield to_columnar_json([one.rows(first, first + MAX_ROWS)], source)
