"""The key of a store's ledger, replaced by the operating system's user while no stack runs."""

from pathlib import Path

from mumetal.access.api import LocalOperator, os_user, person_scope
from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.ports import Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.api import LedgerRotation, find_ledger, opened_ledger, replace_ledger_key

ROTATE = "ledger.rotate_key"


def rotate(store: Path, clock: Clock, key: str = "") -> LedgerRotation:
    """Replace the key, as an act: permitted, entered, done, its outcome entered under the new key.

    Args:
        store: The store's folder.
        clock: Time.
        key: URI of the new key; without one a new key of its own is made.

    Raises:
        UnavailableError: There is no ledger, a running stack holds it, or a key cannot be reached.
        BadInputError: The log has or had that key.
        RejectedError: They may not.
    """
    find_ledger(store)
    who = person_scope(LOCAL, os_user()).principal
    allowed = LocalOperator(principal=who.name, tenant=LOCAL, actions=(ROTATE,))
    request = Request(
        tenant=LOCAL, principal=who, action=ROTATE, resource=Subject(kind=SubjectKind.LEDGER, name="ledger")
    )
    with opened_ledger(store, clock) as ledger:
        former = ledger.public.key_id
        with Acts(ledger, allowed, clock).act(request, f"in place of the key {former}"):
            return replace_ledger_key(store, ledger, clock, key=key)
