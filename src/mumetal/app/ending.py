"""What is to be done at the end of something that was begun: each step is done, whatever another one raises."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mumetal.core.logs import RoomLogger

_log = RoomLogger("app")


class Ending:
    """Steps that end what was begun; each is noted once its beginning is done."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def then(self, step: Callable[[], object]) -> None:
        """Note a step; it is done before those that were noted earlier."""
        self._steps.append(step)

    @contextmanager
    def where_it_fails(self) -> Iterator[None]:
        """Do every step where the body raises; what it raised is raised on."""
        try:
            yield
        except BaseException as error:
            self.run(error)
            raise

    def run(self, error: BaseException | None = None) -> None:
        """Do every step, the last noted first.

        Args:
            error: Why it ends; whoever caught it raises it on.

        Raises:
            BaseException: The first that a step raised, after the last step, where it does not end for another error.
        """
        first = error
        while self._steps:
            try:
                self._steps.pop()()
            except BaseException as caught:  # noqa: BLE001 - told at once, the first is raised after
                _log.failure("stop.failed", caught)
                first = first or caught
        if first is not None and first is not error:
            raise first
