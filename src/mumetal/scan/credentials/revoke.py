"""The revoke hook: a program or a web address of the user's own, told which credential is to end, and where it was found.

It is told the fingerprint and the places. The secret itself goes along only when the user names it by a URI on the command
line; it is written to the program's standard input or the request's body, never to its arguments or environment.
"""

import http.client
import shlex
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from mumetal.core.errors import BadInputError, UnavailableError

TIMEOUT_S = 30.0
MAX_COMMAND = 4_096


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a hook is told, as JSON.

    Args:
        fingerprint: Of the secret.
        rule: Which rule found it.
        vendor: Who issued it.
        places: Where.
        secret: The secret, when the user named it.
    """

    fingerprint: str
    rule: str
    vendor: str = ""
    places: tuple[str, ...] = ()
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Who is told.

    Args:
        command: A program with its arguments, run without a shell; empty when ``webhook`` is set.
        webhook: An ``https:`` address, or ``http:`` on this machine.
    """

    command: str = ""
    webhook: str = ""

    def __post_init__(self) -> None:
        if bool(self.command) == bool(self.webhook):
            raise BadInputError("a revoke hook is either a command or a webhook")
        if len(self.command) > MAX_COMMAND or len(self.webhook) > MAX_COMMAND:
            raise BadInputError(f"a revoke hook has at most {MAX_COMMAND} characters")
        place = urlsplit(self.webhook)
        local = place.scheme == "http" and place.hostname in {"127.0.0.1", "::1", "localhost"}
        if self.webhook and not (place.hostname and (place.scheme == "https" or local)):
            raise BadInputError("a webhook is an https: address", where=self.webhook[:80])

    @property
    def bound(self) -> str:
        """The limit it stays within, in words."""
        return f"one call of {'the command' if self.command else urlsplit(self.webhook).hostname}, {TIMEOUT_S:g} s"

    def call(self, order: Order, run: Callable[..., "subprocess.CompletedProcess[bytes]"] = subprocess.run) -> str:
        """Tell the hook; returns how it ended in a few words, without its output, which could hold the secret.

        Raises:
            UnavailableError: It could not be run or reached, took too long, or said no.
        """
        body = msgspec.json.encode(order)
        return self._run(body, run) if self.command else self._post(body)

    def _run(self, body: bytes, run: Callable[..., "subprocess.CompletedProcess[bytes]"]) -> str:
        try:
            words = shlex.split(self.command)
            done = run(words, input=body, capture_output=True, timeout=TIMEOUT_S, check=False)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"the revoke command did not run: {type(error).__name__}") from None
        if done.returncode:
            raise UnavailableError(f"the revoke command ended with {done.returncode}")
        return "the command ended with 0"

    def _post(self, body: bytes) -> str:
        place = urlsplit(self.webhook)
        host, path = place.hostname or "", (place.path or "/") + (f"?{place.query}" if place.query else "")
        line: http.client.HTTPConnection
        if place.scheme == "https":
            line = http.client.HTTPSConnection(
                host, place.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            line = http.client.HTTPConnection(host, place.port, timeout=TIMEOUT_S)
        try:
            line.request("POST", path, body=body, headers={"Content-Type": "application/json"})
            status = line.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"the webhook did not answer: {type(error).__name__}", where=host) from None
        finally:
            line.close()
        if status >= 300:
            raise UnavailableError(f"the webhook said {status}", where=host)
        return f"the webhook said {status}"
