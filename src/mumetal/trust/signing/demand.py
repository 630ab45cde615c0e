"""A lab's demand: an act needs an approval that people signed with their own keys, over just the bytes it is done with."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from mumetal.core.errors import RejectedError
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing import approvals

ROLE = "approval"
NAMED = 8  # approvers named on the ledger, whose lines are bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who must approve.

    Args:
        root: Returns the trust root at a time, nanoseconds since 1970 UTC; asked for each act, so that a revocation
            counts at once.
        role: Role whose threshold of owners must sign.
    """

    root: Callable[[int], TrustRoot]
    role: str = ROLE

    def met(
        self,
        envelope: bytes | None,
        data: bytes,
        *,
        action: str,
        resource: str,
        now_ns: int,
        not_by: Collection[str] = (),
        not_keys: Collection[str] = (),
    ) -> str:
        """Return who approved, names and key ids, as one line for the ledger.

        Args:
            envelope: The approval; None when there is none.
            data: The bytes that are acted on.
            action: The act.
            resource: To what.
            now_ns: Now, nanoseconds since 1970 UTC.
            not_by: Owners who made it: they cannot approve it.
            not_keys: Ids of keys that made it: neither can their owners.

        Raises:
            RejectedError: There is none, or a step of :func:`mumetal.trust.signing.approvals.verify` failed.
            UnavailableError: The trust root cannot be read.
        """
        if not envelope:
            raise RejectedError(
                "this lab demands an approval that is signed",
                where=f"{action} {resource}"[:300],
                hint=f"mumetal keys approve FILE --action {action} --resource {resource}, then give it with --approval"[
                    :500
                ],
            )
        root = self.root(now_ns)
        makers = {*not_by, *(k.owner for k in root.keys if k.public.key_id in not_keys)}
        approvals.verify(
            envelope,
            data,
            action=action,
            resource=resource,
            root=root,
            role=self.role,
            now_ns=now_ns,
            not_by=makers,
        )
        held = [k for k in approvals.signers(envelope, root, self.role, now_ns) if k.owner not in makers]
        named = ", ".join(f"{k.owner[:40]} (key {k.public.key_id[:16]})" for k in held[:NAMED])
        return f"signed approval by {named}" + (f" and {len(held) - NAMED} more" if len(held) > NAMED else "")
