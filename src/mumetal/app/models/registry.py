"""The registry of models, changed by the operating system's user while no stack runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mumetal.access.api import LocalOperator, os_user, person_scope
from mumetal.app.models.wired import reaches_hardware
from mumetal.app.parts import parts
from mumetal.core import LOCAL
from mumetal.trust.api import MODEL_ACTIONS, READ_TRAINING_DATA, ApprovalDemand, ModelDesk, changing_models


@contextmanager
def changing(
    store: Path,
    *,
    allow: Sequence[str] = (),
    root: Path | None = None,
    key: str = "",
    make: bool = False,
    demand: ApprovalDemand | None = None,
) -> Iterator[ModelDesk]:
    """Open a store's registry to be changed by whoever runs this process.

    Args:
        store: The store's folder.
        allow: Plug-ins that the settings allow: an agent of theirs may act on a device.
        root: Trust root; without it the registry's own.
        key: URI of the key to sign with; without it the registry's own.
        make: Make the registry's own key and root where there are none.
        demand: Signed approvals that a promotion needs at this lab.

    Raises:
        UnavailableError: A running stack holds the ledger.
        RejectedError: Root or key do not hold.
    """
    who = person_scope(LOCAL, os_user()).principal
    allowed = LocalOperator(principal=who.name, tenant=LOCAL, actions=(*MODEL_ACTIONS, READ_TRAINING_DATA))
    with changing_models(
        store,
        principal=who,
        authorizer=allowed,
        root=root,
        key=key,
        make=make,
        hardware=reaches_hardware(parts(allow)),
        demand=demand,
    ) as desk:
        yield desk
