"""Opens what changes the boards' book: its ledger, floors and acts; closes the ledger when it is over.

The book has a ledger of its own, STATE/ledger: boards are brought out and attested while ``mumetal up`` runs and holds
the stack's ledger, whose one writer it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import UnavailableError
from mumetal.core.identity import Principal
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Request
from mumetal.trust.firmware.book import Book, BookedLedger
from mumetal.trust.firmware.fleet import all_entries
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.firmware.record import RECORD
from mumetal.trust.firmware.rollout import INSTALL, RESTORE, ROLLOUT, Boards, Rollout, board_subject
from mumetal.trust.keys.hybrid import Entropy
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.ledger.local import open_local
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.signing.demand import Demand

ATTEST = "firmware.attest"
ACTIONS = (INSTALL, RESTORE, CONFIRMED, ROLLOUT, ATTEST, RECORD)


@dataclass(slots=True, kw_only=True)
class Entering:
    """Acts on boards, for one operator: permitted, on the book's ledger, done, and how it ended on the ledger too.

    Args:
        ledger: The book's ledger.
        acts: Holds acts to the order.
        authorizer: Who decides.
        operator: Who does them.
        tenant: Whose boards they are.
    """

    ledger: Ledger
    acts: Acts
    authorizer: Authorizer
    operator: Principal
    tenant: str

    def enter(self, action: str, device: str, why: str, do: Callable[[], str]) -> None:
        """Run ``do`` as an act on a device; what it returns is told in the outcome.

        Raises:
            RejectedError: Not permitted.
            UnavailableError: The ledger cannot be written; then it does not run.
        """
        request = Request(tenant=self.tenant, principal=self.operator, action=action, resource=board_subject(device))
        with self.acts.act(request, why) as begun:
            begun.said = do()


@contextmanager
def entering(
    book: Book, *, clock: Clock, entropy: Entropy, authorizer: Authorizer, operator: Principal, tenant: str = LOCAL
) -> Iterator[Entering]:
    """Yield the acts on a book's boards.

    Args:
        book: The boards' records; its folder is the state folder.
        clock: Time.
        entropy: Makes the ledger's key at the first start.
        authorizer: Who decides.
        operator: Who acts.
        tenant: Whose boards they are.

    Raises:
        UnavailableError: A rollout or another command holds the ledger, or the folder cannot be written.
        RejectedError: The ledger was tampered with.
    """
    ledger = _ledger(book, clock, entropy)
    try:
        acts = Acts(ledger, authorizer, clock)
        yield Entering(ledger=ledger, acts=acts, authorizer=authorizer, operator=operator, tenant=tenant)
    finally:
        ledger.close()


def rollout_of(
    book: Book,
    boards: Boards,
    root: TrustRoot,
    entered: Entering,
    *,
    drifted: Callable[[str], str],
    clock: Clock,
    say: Callable[[str], None],
    demand: Demand | None = None,
) -> Rollout:
    """Return a rollout over a state folder; one at a time, as its ledger has one writer.

    Args:
        book: The boards' records; its folder is the state folder.
        boards: Reads and writes images.
        root: Says who may release.
        entered: The book's ledger, and who orders it.
        drifted: Says why a board is not as it was.
        clock: Time and waiting.
        say: Takes a line of progress.
        demand: Signed approvals that it needs at this lab.
    """
    return Rollout(
        boards=boards,
        drifted=drifted,
        authorizer=entered.authorizer,
        ledger=BookedLedger(entered.ledger, book, say),
        floors=Floors(book.folder / "floors.json", all_entries(entered.ledger)),
        root=root,
        clock=clock,
        keep=lambda device, data: book.keep_good(entered.tenant, device, data),
        demand=demand,
    )


def confirmed(book: Book, tenant: str, device: str) -> int:
    """Return the highest security version that a device ever confirmed, by record, floors or ledger; 0 for none.

    Raises:
        RejectedError: The ledger of rollouts was tampered with.
        BadInputError: A file of the state folder cannot be read.
    """
    entries: list[LedgerEntry] = []
    if (book.folder / "ledger").exists():
        entries = list(all_entries(LedgerReader(book.folder / "ledger")))
    known = book.board(tenant, device)
    return max(known.confirmed if known else 0, Floors(book.folder / "floors.json", entries).of(device))


def _ledger(book: Book, clock: Clock, entropy: Entropy) -> MerkleLedger:
    book.folder.mkdir(parents=True, exist_ok=True)
    try:
        return open_local(book.folder / "ledger", clock=clock, entropy=entropy)
    except UnavailableError as error:
        raise UnavailableError(
            error.message,
            where=error.where,
            hint=error.hint or "a rollout or another firmware command holds it: try again when it has ended",
        ) from None
