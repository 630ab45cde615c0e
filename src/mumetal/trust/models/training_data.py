"""Who may read the data a model was made from: decided by policy, entered in the ledger, then read and checked."""

import hashlib
import hmac
from pathlib import Path

from mumetal.core import LOCAL
from mumetal.core.acts import Acts
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.identity import Principal
from mumetal.core.ports import Authorizer, Ledger, Request
from mumetal.core.regular import open_regular
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.models.manifest import DataSet

READ = "model.read_training_data"
MAX_BYTES = 512 * 2**20


class TrainingData:
    """The door to training data.

    Args:
        ledger: Where every reading is entered first.
        authorizer: Decides who may.
        clock: Time.
        tenant: For whom.
    """

    def __init__(self, *, ledger: Ledger, authorizer: Authorizer, clock: Clock, tenant: str = LOCAL) -> None:
        self._acts = Acts(ledger, authorizer, clock)
        self._tenant = tenant

    def read(self, who: Principal, name: str, promised: DataSet, path: Path) -> bytes:
        """Return a data set's bytes: permitted, on the ledger, then read and held against the promised digest.

        Raises:
            RejectedError: They may not (that is on the ledger too), or the bytes are not those the model was made from.
            UnavailableError: The ledger or the file cannot be used.
            BadInputError: More than 512 MiB.
        """
        request = Request(
            tenant=self._tenant,
            principal=who,
            action=READ,
            resource=Subject(kind=SubjectKind.DATA_SET, name=promised.digest),
            context=(("model", name),),
        )
        with self._acts.act(request, f"for model {name}, {promised.use}"):
            try:
                with open(path, "rb", opener=open_regular) as file:
                    data = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise UnavailableError(f"cannot be read: {error.strerror}", where=str(path)) from None
            if len(data) > MAX_BYTES:
                raise BadInputError(f"more than {MAX_BYTES} bytes", where=str(path))
            if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), promised.digest):
                raise RejectedError("these are not the data the model was made from", where=str(path))
        return data
