"""Acts on boards by the one local operator, where no finer policy is set."""

import os
from contextlib import AbstractContextManager

from mumetal.access.api import LocalOperator
from mumetal.core import LOCAL
from mumetal.core.clock import Clock
from mumetal.core.identity import Principal
from mumetal.trust.api import FIRMWARE_ACTIONS, BoardActs, FirmwareBook, board_acts


def operating(
    book: FirmwareBook, *, clock: Clock, operator: Principal, tenant: str = LOCAL
) -> AbstractContextManager[BoardActs]:
    """Open what changes a book's boards for a local operator.

    Args:
        book: The boards' records; its folder is the state folder.
        clock: Time.
        operator: Who acts.
        tenant: Whose boards they are.

    Raises:
        UnavailableError: A rollout or another command holds the ledger, or the folder cannot be written.
        RejectedError: The ledger was tampered with.
    """
    allowed = LocalOperator(principal=operator.name, tenant=tenant, actions=FIRMWARE_ACTIONS)
    return board_acts(book, clock=clock, entropy=os.urandom, authorizer=allowed, operator=operator, tenant=tenant)
