"""What the ledger says of models: which record of a model is the newest, so that an old one put back is seen."""

import re
from threading import Lock

from mumetal.core.errors import RejectedError
from mumetal.core.ports import Ledger

NAMED = re.compile(r"record sha256:([0-9a-f]{64})")
PAGE = 1_000


class Chronicle:
    """Reads the ledger once, then only what is new.

    Args:
        ledger: Where every change of a model was entered before it was made.
        tenant: For whom.
    """

    def __init__(self, ledger: Ledger, tenant: str) -> None:
        self._ledger = ledger
        self._tenant = tenant
        self._read = 0
        self._done: dict[str, str] = {}
        self._begun: dict[str, str] = {}
        self._last: dict[tuple[str, str, str], int] = {}
        self._lock = Lock()

    def check(self, name: str, digest: str) -> None:
        """Return nothing when ``digest`` is the newest record of the model, or the one whose change was under way.

        Raises:
            RejectedError: The ledger names another record; an old one was put back or this one was never permitted.
        """
        with self._lock:
            self._catch_up()
            if digest not in {self._done.get(name), self._begun.get(name)}:
                raise RejectedError(
                    "the ledger names another state of this model",
                    where=name,
                    hint="an old record was put back, or this one was never permitted: restore the registry",
                )

    def names(self) -> set[str]:
        """Return every model of which a change was made."""
        with self._lock:
            self._catch_up()
            return set(self._done)

    def last(self, name: str, action: str, actor: str) -> int:
        """Return when an actor last did something to a model, nanoseconds since 1970; 0 for never."""
        with self._lock:
            self._catch_up()
            return self._last.get((name, action, actor), 0)

    def unfinished(self, name: str) -> str:
        """Return the digest of a change whose outcome was never entered (a crash); empty when there is none."""
        with self._lock:
            self._catch_up()
            return self._begun.get(name, "")

    def all_unfinished(self) -> dict[str, str]:
        """Return the digests of changes whose outcome was never entered, by model."""
        with self._lock:
            self._catch_up()
            return dict(self._begun)

    def _catch_up(self) -> None:
        while page := self._ledger.entries(self._read, PAGE):
            for index, entry in page:
                self._read = index + 1
                found = NAMED.search(entry.why)
                if (
                    entry.tenant != self._tenant
                    or not entry.action.startswith("model.")
                    or not found
                    or entry.outcome == "denied"
                ):
                    continue
                name = entry.subject.removeprefix("model:").partition("@")[0]
                if not entry.outcome:
                    self._begun[name] = found[1]
                    continue
                self._begun.pop(name, None)
                if entry.outcome.partition(":")[0] == "done":
                    self._done[name] = found[1]
                    self._last[name, entry.action, entry.actor] = entry.t_ns
