"""An act is permitted, then on the ledger, then done; its outcome is a second entry. One way to do all four."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mumetal.core import check
from mumetal.core.clock import Clock
from mumetal.core.errors import MumetalError, RejectedError
from mumetal.core.logs import LogValue, RoomLogger
from mumetal.core.ports import Authorizer, Decision, DeniedError, Ledger, LedgerEntry, Request

_log = RoomLogger("app")
LONGEST = 1_500  # a ledger's text has at most 2,000 characters


def permitted(authorizer: Authorizer, request: Request, keeps: Collection[str] = ()) -> Decision:
    """Return the decision that permits a request whose every obligation is kept.

    Args:
        authorizer: Who decides.
        request: What is asked.
        keeps: Duties that the caller keeps, whatever their parameters say.

    Raises:
        DeniedError: It is not permitted, or on a condition that nobody here keeps.
    """
    try:
        decision = authorizer.authorize(request)
        answered = decision.request == request
        left = sorted({o.duty for o in decision.obligations} - set(keeps))
    except RejectedError:
        raise
    except Exception as error:
        raise DeniedError("denied: the decision failed", where="authorizer") from error
    if decision.permitted is not True or not answered or left:
        why = f"permitted only with {', '.join(left)}, which is not kept here" if left else "denied"
        raise DeniedError(why, decision, where=decision.policy)
    return decision


@dataclass(slots=True, kw_only=True)
class Begun:
    """An act that may be done now.

    Args:
        decision: What permitted it.
        index: Index of its ledger entry.
        said: What came of it, in one line; the body may set it, and the outcome then is ``done: …``.
        outcome: How it ended, in a word; the body may set it.
    """

    decision: Decision
    index: int
    said: str = ""
    outcome: str = "done"


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
    def act(self, request: Request, why: str, keeps: Collection[str] = ()) -> Iterator[Begun]:
        """Run the body as an act: it begins when the entry is durable, and how it ends is entered too.

        Args:
            request: Who wants to do what to what, for whom.
            why: What called for it, in one line.
            keeps: Duties that the body keeps.

        Raises:
            RejectedError: It is not permitted, or on a condition that the body does not keep; that is entered as well.
            UnavailableError: The ledger cannot be written; then the body does not run. Where only the outcome cannot be
                written the body has run, and its entry stays without one.
        """
        why = check.readable(why)[:LONGEST]
        decision = self.ask(request, why, keeps)
        begun = Begun(decision=decision, index=self._enter(request, why, "", decision))
        about: dict[str, LogValue] = {
            "action": request.action,
            "actor": request.principal.name,
            "ledger": begun.index,
        }
        if request.action.startswith("incident."):
            about["incident"] = request.resource.name
        _log.info("act.permitted", **about, subject=request.resource.text, policy=decision.policy)
        try:
            yield begun
        except Exception as error:
            _log.warning("act.failed", **about, error=type(error).__name__)
            with suppress(
                MumetalError
            ):  # the first error is what its caller must hear; the entry stays without an outcome
                self._enter(request, why, f"failed: {str(error) or type(error).__name__}", decision)
            raise
        except BaseException as error:  # the process is ending: what came of it is not known, so no outcome is claimed
            _log.warning("act.failed", **about, error=type(error).__name__)
            raise
        said = f"{begun.outcome}: {begun.said}" if begun.said else begun.outcome
        self._enter(request, why, said, decision)
        _log.debug("act.done", **about)

    def ask(self, request: Request, why: str, keeps: Collection[str] = ()) -> Decision:
        """Return the decision that permits; a denial is entered.

        Raises:
            RejectedError: It is not permitted, or on a condition that nobody here keeps.
        """
        try:
            return permitted(self._authorizer, request, keeps)
        except RejectedError as error:
            decided = error.decision if isinstance(error, DeniedError) else None
            self.deny(request, f"{why[:LONGEST]}: {error.message[:300]}", decided)
            raise

    def deny(self, request: Request, why: str, decision: Decision | None = None) -> None:
        """Enter that something was refused.

        Args:
            request: What was asked.
            why: Why not, in one line.
            decision: The decision; None where something other than a policy refused.
        """
        denied = self._enter(request, why[: LONGEST + 300], "denied", decision)
        _log.warning(
            "act.denied", action=request.action, actor=request.principal.name, ledger=denied, reason=why[:LONGEST]
        )

    def _enter(self, request: Request, why: str, outcome: str, decision: Decision | None) -> int:
        who, sender = request.principal, request.principal.on_behalf_of
        return self._ledger.append(
            LedgerEntry(
                tenant=request.tenant,
                t_ns=self._clock.now_ns(),
                actor=who.name,
                action=request.action,
                subject=request.resource.text,
                why=check.readable(why)[: LONGEST + 300],
                outcome=check.readable(outcome)[: LONGEST + 100],
                on_behalf_of=sender.name if sender else "",
                token=who.token_id or (sender.token_id if sender else ""),
                policy=decision.policy if decision else "",
                decision=decision.digest if decision else "",
            )
        )
