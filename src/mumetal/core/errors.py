"""The one error tree.

::

    MumetalError
    ├── BadInputError      the input is wrong; retrying will not help        exit 2
    │   ├── MissingError   it names what is not there
    │   └── TooLargeError  it is larger than what is taken
    ├── UnavailableError   something is away or full; retrying may help      exit 3
    └── RejectedError      a security check said no; never swallowed         exit 4

Each error says what was wrong, where (``file:line:column`` or a URI), and how to mend it.
"""

from typing import ClassVar


def first_line(error: BaseException) -> str:
    """Return what a library's error says before it shows what it was given: a database shows its statement from line 2 on."""
    return next(iter(str(error).splitlines()), "")[:200]


class MumetalError(Exception):
    """Root of every error Mumetal raises on purpose.

    Args:
        message: What was wrong, in one sentence, without secrets.
        where: ``file:line:column``, a URI or a setting's name; empty when there is no place.
        hint: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"


class BadInputError(MumetalError):
    """The input is wrong and will stay wrong: retrying will not help."""

    exit_code = 2


class MissingError(BadInputError):
    """What was asked for by its address is not there."""


class TooLargeError(BadInputError):
    """The input is larger than what is taken."""


class UnavailableError(MumetalError):
    """Something needed is away, full or busy: retrying may help."""

    exit_code = 3


class RejectedError(MumetalError):
    """A security check said no. Callers may report it, never swallow it."""

    exit_code = 4
