"""What something is said of: a stream, a file, an account, a board, a model."""

from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import check
from mumetal.core.errors import BadInputError

NO_DEVICE = "-"


class SubjectKind(StrEnum):
    """What kind of thing it is."""

    STREAM = "stream"
    DEVICE = "device"
    PATH = "path"
    JOB = "job"
    ACCOUNT = "account"
    BOARD = "board"
    MODEL = "model"
    SOURCE = "source"
    LEDGER = "ledger"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing that is watched, scanned or proved.

    Args:
        kind: What kind of thing it is.
        name: Its name among things of that kind, such as the stream's within its device, or a file's place.
        device: Device it belongs to; ``"-"`` when none.
    """

    kind: SubjectKind
    name: str
    device: str = NO_DEVICE

    def __post_init__(self) -> None:
        check.text(self.name, f"name of the {self.kind}", 4_096)
        check.text(self.device, "device", 200)
        if not self.name or not self.device:
            raise BadInputError(f"a {self.kind} needs a name, and '-' where it has no device")

    @classmethod
    def stream(cls, device: str, name: str) -> "Subject":
        """Return one stream of one device."""
        return cls(kind=SubjectKind.STREAM, name=name, device=device)

    @classmethod
    def path(cls, name: str, device: str = NO_DEVICE) -> "Subject":
        """Return a file or a piece of one."""
        return cls(kind=SubjectKind.PATH, name=name, device=device)
