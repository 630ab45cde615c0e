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
    STACK = "stack"
    SETTINGS = "settings"
    INCIDENT = "incident"
    RELEASE = "firmware"
    DATA_SET = "data"
    CREDENTIAL = "credential"


_WITH_KIND = {
    SubjectKind.MODEL,
    SubjectKind.RELEASE,
    SubjectKind.DATA_SET,
}  # their names alone do not say what they are


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

    @property
    def text(self) -> str:
        """The subject in one line, as the ledger has it: ``"model:cryo@1f2e"``, ``"fridge1/cryostat"``."""
        place = self.name if self.device in {NO_DEVICE, self.name} else f"{self.device}/{self.name}"
        return f"{self.kind}:{place}" if self.kind in _WITH_KIND else place

    @classmethod
    def stream(cls, device: str, name: str) -> "Subject":
        """Return one stream of one device."""
        return cls(kind=SubjectKind.STREAM, name=name, device=device)

    @classmethod
    def path(cls, name: str, device: str = NO_DEVICE) -> "Subject":
        """Return a file or a piece of one."""
        return cls(kind=SubjectKind.PATH, name=name, device=device)
