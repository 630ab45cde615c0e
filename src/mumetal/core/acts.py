"""An act is permitted, then on the ledger, then done; its outcome is a second entry. One way to do all four."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError
from mumetal.core.logs import LogValue, RoomLogger
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Permit, Request

_log = RoomLogger("app")
LONGEST = 1_500  # a ledger's text has at most 2,000 characters


@dataclass(slots=True, kw_only=True)
class Begun:
    """An act that may be done now.

    Args:
        permit: What allowed it.
        index: Index of its ledger entry.
        said: What came of it, in one line; the body may set it, and the outcome then is ``done: …``.
    """

    permit: Permit
    index: int
    said: str = ""


class Acts:
    """Holds acts to the order.

    Args:
        ledger: Where decisions are written.
        authorizer: Who decides.
        clock: Time.
    """

    def __init__(self, ledger: Ledger, authorizer: Authorizer, clock: Clock) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._clock = clock

    @contextmanager
    def act(self, request: Request, why: str) -> Iterator[Begun]:
        """Run the body as an act: it begins when the entry is durable, and how it ends is entered too.

        Args:
            request: Who wants to do what to what, for whom.
            why: What called for it, in one line.

        Raises:
            RejectedError: It is not permitted; that is entered as well.
            UnavailableError: The ledger cannot be written; then the body does not run.
        """
        try:
            permit = self._authorizer.authorize(request)
        except RejectedError as error:
            denied = self._enter(request, f"{why[:LONGEST]}: {error.message[:300]}", "denied")
            _log.warning(
                "act.denied", action=request.action, actor=request.principal, ledger=denied, reason=error.message
            )
            raise
        reason = f"{why[:LONGEST]} by policy {permit.policy}@{permit.policy_version}"
        begun = Begun(permit=permit, index=self._enter(request, reason, ""))
        about: dict[str, LogValue] = {"action": request.action, "actor": request.principal, "ledger": begun.index}
        if request.action.startswith("incident."):
            about["incident"] = request.resource
        _log.info("act.permitted", **about, subject=request.resource, policy=permit.policy)
        try:
            yield begun
        except BaseException as error:
            self._enter(request, reason, f"failed: {str(error)[:LONGEST] or type(error).__name__}")
            _log.warning("act.failed", **about, error=type(error).__name__)
            raise
        self._enter(request, reason, f"done: {begun.said[:LONGEST]}" if begun.said else "done")
        _log.debug("act.done", **about)

    def _enter(self, request: Request, why: str, outcome: str) -> int:
        return self._ledger.append(
            LedgerEntry(
                tenant=request.tenant,
                t_ns=self._clock.now_ns(),
                actor=request.principal,
                action=request.action,
                subject=request.resource,
                why=why,
                outcome=outcome,
            )
        )
