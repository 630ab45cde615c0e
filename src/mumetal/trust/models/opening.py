"""Opens a store's model registry: its keys, its ledger, and who may change it.

A running stack opens it with :func:`attach`, on the stack's own ledger and authorizer; commands open it for themselves
while no stack runs.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mumetal.core import LOCAL
from mumetal.core.clock import Clock, SystemClock
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Principal
from mumetal.core.ports import Authorizer, Ledger
from mumetal.formats import dsse
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import Signer, SoftKey
from mumetal.trust.keys.root import Role, TrustedKey, TrustRoot
from mumetal.trust.keys.uri import Secrets, open_key
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.models.chronicle import Chronicle
from mumetal.trust.models.gates import REQUIRED
from mumetal.trust.models.lifecycle import Lifecycle, settle
from mumetal.trust.models.registry import ModelRegistry
from mumetal.trust.models.signed import ROLE, SignedSeal
from mumetal.trust.signing import root_chain as chain
from mumetal.trust.signing.demand import Demand

YEAR_NS = 365 * 86_400 * 10**9
FOLDER = "models"
ROOT_FILE = "root.json"
KEY_FILE = "models.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDesk:
    """A registry with everything that is needed to change it."""

    registry: ModelRegistry
    lifecycle: Lifecycle
    ledger: Ledger
    authorizer: Authorizer
    clock: Clock
    principal: Principal


def make_trust(folder: Path, clock: Clock, owner: str) -> None:
    """Make a key and a root for a registry of one's own: whoever can read the key file can sign.

    A house with several people keeps a root of its own (``mumetal keys``) and names it with ``--root`` and ``--key``.
    """
    key = SoftKey.generate(os.urandom)
    now = clock.now_ns()
    known = TrustedKey(public=key.public, owner=owner, created_ns=now, expires_ns=now + YEAR_NS)
    roles = tuple(Role(name=name, keys=(key.public.key_id,), threshold=1) for name in ("root", ROLE))
    root = TrustRoot(version=1, issued_ns=now, expires_ns=now + YEAR_NS, keys=(known,), roles=roles)
    sealed.write(folder / KEY_FILE, sealed.plain(key, created_ns=now))
    sealed.write(folder / ROOT_FILE, chain.sign_root(root, [key]))


def read_root(path: Path, clock: Clock) -> TrustRoot:
    """Return the trust root in a file; the file itself is what is trusted.

    Raises:
        BadInputError: It cannot be read.
        RejectedError: It is not signed by itself, or has expired.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            error.strerror or "cannot be read", where=str(path), hint="register a model first"
        ) from None
    dsse.decode(data, str(path))
    return chain.load([data], pinned=chain.digest(data), now_ns=clock.now_ns())


@contextmanager
def reading(store: Path, *, root: Path | None = None) -> Iterator[ModelRegistry]:
    """Open a store's registry to be read, also beside a running stack.

    Raises:
        BadInputError: There is no registry.
        RejectedError: The root does not hold.
    """
    clock = SystemClock()
    folder = store / FOLDER
    trusted = read_root(root or folder / ROOT_FILE, clock)
    chronicle = Chronicle(LedgerReader(store / ledgers.FOLDER), LOCAL)
    yield ModelRegistry(folder, seal=SignedSeal(trusted, clock), chronicle=chronicle)


def attach(
    store: Path,
    *,
    ledger: Ledger,
    authorizer: Authorizer,
    clock: Clock,
    principal: Principal,
    owner: str,
    hardware: bool = False,
    demand: Demand | None = None,
) -> ModelDesk:
    """Open a store's registry beside a running stack: on its very ledger, decided by its authorizer.

    Makes the registry's own key and root, which belong to ``owner``, at the first start. ``hardware`` says whether what a
    model says can reach a device where it is wired.

    Raises:
        RejectedError: Root or key do not hold.
        UnavailableError: A file cannot be read or written.
    """
    folder = store / FOLDER
    if not (folder / ROOT_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_trust(folder, clock, owner)
    signer: Signer = open_key(f"file:{folder / KEY_FILE}", Secrets(environ=os.environ))
    root = read_root(folder / ROOT_FILE, clock)
    return _desk(folder, root, signer, ledger, authorizer, clock, principal, hardware, demand)


def _desk(
    folder: Path,
    root: TrustRoot,
    signer: Signer,
    ledger: Ledger,
    authorizer: Authorizer,
    clock: Clock,
    principal: Principal,
    hardware: bool,
    demand: Demand | None,
) -> ModelDesk:
    chronicle = Chronicle(ledger, LOCAL)
    registry = ModelRegistry(folder, seal=SignedSeal(root, clock, [signer]), chronicle=chronicle)
    settle(registry, ledger, clock, chronicle)
    lifecycle = Lifecycle(
        registry, ledger=ledger, authorizer=authorizer, clock=clock, required=REQUIRED, hardware=hardware, demand=demand
    )
    return ModelDesk(
        registry=registry, lifecycle=lifecycle, ledger=ledger, authorizer=authorizer, clock=clock, principal=principal
    )


@contextmanager
def changing(
    store: Path,
    *,
    principal: Principal,
    authorizer: Authorizer,
    root: Path | None = None,
    key: str = "",
    make: bool = False,
    hardware: bool = False,
    demand: Demand | None = None,
) -> Iterator[ModelDesk]:
    """Open a store's registry to be changed while no stack runs.

    Args:
        store: The store's folder.
        principal: Who changes it.
        authorizer: Who decides.
        root: Trust root; without it the registry's own.
        key: URI of the key to sign with; without it the registry's own.
        make: Make the registry's own key and root where there are none.
        hardware: Whether what a model says can reach a device where it is wired.
        demand: Signed approvals that a promotion needs at this lab.

    Raises:
        UnavailableError: A running stack holds the ledger.
        RejectedError: Root or key do not hold.
    """
    clock = SystemClock()
    folder = store / FOLDER
    if make and root is None and not (folder / ROOT_FILE).exists():
        make_trust(folder, clock, principal.name)
    trusted = read_root(root or folder / ROOT_FILE, clock)
    signer: Signer = open_key(key or f"file:{folder / KEY_FILE}", Secrets(environ=os.environ))
    ledger = ledgers.open_ledger(store, clock)
    try:
        yield _desk(folder, trusted, signer, ledger, authorizer, clock, principal, hardware, demand)
    finally:
        ledger.close()


def stopwatch() -> int:
    """Return nanoseconds of this process's processor time, for the speed gate: others' load does not count."""
    return time.process_time_ns()
