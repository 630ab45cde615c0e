"""Who comes over loopback, where no certificate says it: by a token in a file, or by a session that such a token opened.

1. A *token* is 32 random bytes in a file that only its owner may read (:mod:`mumetal.access.tokens`). The operator's is
   new at each start and stands for the operator; the senders' is kept, and opens the push door for rows, nothing else.
2. A *link* is asked for with the operator's token, works once, for five minutes, and opens a session in one browser.
3. A *session* lasts twelve hours, sixteen stand at a time (the oldest ends first), and all end with the process.
4. Of links and sessions only a digest is kept, and digests are compared in constant time or looked up: no secret is.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mumetal.access.tokens import TOKEN_BYTES, Tokens
from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError

LINK_S = 300.0
SESSION_S = 12 * 3_600.0
MAX_STANDING = 16
SENDER = "sender"
BY_TOKEN, BY_SENDERS = "token.operator", "token.senders"  # how the ledger names the tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody who was recognised on loopback.

    Args:
        name: The operating system's name of the operator; ``"sender"`` for a program that sends rows.
        token_id: What they came with, never the secret of it; it stands on the ledger.
        sends_only: Whether it is the push door and nothing else that is open to them.
        session: Whether they came with a browser's session.
    """

    name: str
    token_id: str
    sends_only: bool = False
    session: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    token_id: str
    until_ns: int


class Sessions:
    """The tokens, links and sessions of one process.

    Args:
        person: Whose process it is; every session is theirs.
        tokens: Those of this start.
        clock: Time.
        entropy: Returns that many random bytes.
    """

    def __init__(
        self, person: str, tokens: Tokens, clock: Clock, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._person, self._clock, self._entropy = person, clock, entropy
        self._tokens = tokens
        self._links: dict[bytes, _Standing] = {}
        self._sessions: dict[bytes, _Standing] = {}
        self._lock = threading.Lock()

    @property
    def tokens(self) -> Tokens:
        """The tokens of this start."""
        return self._tokens

    def link(self) -> str:
        """Return a secret that opens one session within five minutes."""
        return self._new(self._links, LINK_S)[0]

    def enter(self, link: str) -> tuple[str, Known]:
        """Open a session for a link's secret; return the secret of the session, and whose it is.

        Raises:
            RejectedError: There is no such link, it was used, or it is too old.
        """
        with self._lock:
            standing = self._links.pop(_digest(link), None)
        if standing is None or self._clock.monotonic_ns() >= standing.until_ns:
            raise RejectedError("this link was used, or is too old", hint="`mumetal link` prints a new one")
        secret, opened = self._new(self._sessions, SESSION_S)
        return secret, self._of(opened)

    def of_session(self, secret: str) -> Known | None:
        """Return whose session this is; None when it is none, or not any more."""
        with self._lock:
            standing = self._sessions.get(_digest(secret))
        if standing is None or self._clock.monotonic_ns() >= standing.until_ns:
            return None
        return self._of(standing)

    def of_token(self, token: str) -> Known | None:
        """Return whose token this is; None when it is nobody's."""
        given = _digest(token)
        if hmac.compare_digest(given, _digest(self._tokens.operator)):
            return Known(name=self._person, token_id=BY_TOKEN)
        if hmac.compare_digest(given, _digest(self._tokens.senders)):
            return Known(name=SENDER, token_id=BY_SENDERS, sends_only=True)
        return None

    def leave(self, secret: str) -> None:
        """End a session; one that is none is left alone."""
        with self._lock:
            self._sessions.pop(_digest(secret), None)

    def _of(self, standing: _Standing) -> Known:
        return Known(name=self._person, token_id=standing.token_id, session=True)

    def _new(self, kept: dict[bytes, _Standing], lasting_s: float) -> tuple[str, _Standing]:
        secret = self._entropy(TOKEN_BYTES).hex()
        standing = _Standing(f"session.{self._entropy(4).hex()}", self._clock.monotonic_ns() + round(lasting_s * 1e9))
        with self._lock:
            kept[_digest(secret)] = standing
            while len(kept) > MAX_STANDING:  # dictionaries keep their order: the first is the oldest
                del kept[next(iter(kept))]
        return secret, standing


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
