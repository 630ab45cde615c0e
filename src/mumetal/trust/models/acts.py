"""One way to act on a model: permitted, entered in the ledger durably, then done; a denial and the outcome are entered too."""

from collections.abc import Iterator
from contextlib import contextmanager

from mumetal.core import LOCAL
from mumetal.core.clock import Clock
from mumetal.core.errors import MumetalError, RejectedError
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Permit, Request

LONGEST = 500


class ModelActs:
    """Holds acts to the order.

    Args:
        ledger: Where every act is entered first.
        authorizer: Decides who may.
        clock: Time.
        tenant: For whom.
    """

    def __init__(self, *, ledger: Ledger, authorizer: Authorizer, clock: Clock, tenant: str = LOCAL) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._clock = clock
        self._tenant = tenant

    def permit(self, actor: str, action: str, subject: str, context: tuple[tuple[str, str], ...] = ()) -> Permit:
        """Return the permit.

        Raises:
            RejectedError: They may not; that is entered as well.
        """
        try:
            return self._authorizer.authorize(
                Request(tenant=self._tenant, principal=actor, action=action, resource=subject, context=context)
            )
        except RejectedError as error:
            self.deny(actor, action, subject, error.message)
            raise

    def deny(self, actor: str, action: str, subject: str, why: str) -> None:
        """Enter that something was refused."""
        self._enter(actor, action, subject, why[:LONGEST], "denied")

    @contextmanager
    def doing(self, actor: str, action: str, subject: str, why: str) -> Iterator[None]:
        """Run the body once the entry is durable; how it ends is entered too.

        Raises:
            UnavailableError: The ledger cannot be written; then the body does not run.
        """
        self._enter(actor, action, subject, why, "")
        try:
            yield
        except MumetalError as error:
            self._enter(actor, action, subject, why, f"failed: {error.message}"[:LONGEST])
            raise
        self._enter(actor, action, subject, why, "done")

    def _enter(self, actor: str, action: str, subject: str, why: str, outcome: str) -> None:
        self._ledger.append(
            LedgerEntry(
                tenant=self._tenant,
                t_ns=self._clock.now_ns(),
                actor=actor,
                action=action,
                subject=subject,
                why=why,
                outcome=outcome,
            )
        )
