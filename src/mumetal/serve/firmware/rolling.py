"""Opens what a rollout needs in a state folder: ledger, floors, the book; and closes the ledger when it is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mumetal.access.local import LocalOperator
from mumetal.core import LOCAL
from mumetal.core.clock import Clock
from mumetal.serve.firmware.book import Book, BookedLedger
from mumetal.serve.firmware.fleet import all_entries
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.firmware.rollout import INSTALL, RESTORE, Boards, Rollout
from mumetal.trust.keys.hybrid import Entropy
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.ledger.local import open_local


@contextmanager
def opened(
    book: Book,
    boards: Boards,
    root: TrustRoot,
    *,
    drifted: Callable[[str], str],
    clock: Clock,
    entropy: Entropy,
    operator: str,
    say: Callable[[str], None],
    tenant: str = LOCAL,
) -> Iterator[Rollout]:
    """Yield a rollout over a state folder; one at a time, as its ledger has one writer.

    Args:
        book: The boards' records; its folder is the state folder.
        boards: Reads and writes images.
        root: Says who may release.
        drifted: Says why a board is not as it was.
        clock: Time and waiting.
        entropy: Makes the ledger's key at the first start.
        operator: Who may order it.
        say: Takes a line of progress.
        tenant: Whose boards they are.

    Raises:
        UnavailableError: Another rollout runs here, or the folder cannot be written.
        RejectedError: The ledger was tampered with.
    """
    book.folder.mkdir(parents=True, exist_ok=True)
    ledger = open_local(book.folder / "ledger", clock=clock, entropy=entropy)
    try:
        yield Rollout(
            boards=boards,
            drifted=drifted,
            authorizer=LocalOperator(principal=operator, tenant=tenant, actions=(INSTALL, RESTORE, CONFIRMED)),
            ledger=BookedLedger(ledger, book, say),
            floors=Floors(book.folder / "floors.json", all_entries(ledger)),
            root=root,
            clock=clock,
            keep=lambda device, data: book.keep_good(tenant, device, data),
        )
    finally:
        ledger.close()
