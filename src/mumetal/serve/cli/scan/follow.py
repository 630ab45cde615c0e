"""``mumetal scan --follow``: a log is scanned as it grows, and what is found becomes incidents at once."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mumetal.core.clock import Clock
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import UnavailableError
from mumetal.core.finding import Severity
from mumetal.core.ports import Scanner

if TYPE_CHECKING:
    from mumetal.scan.api import ScanOutcome
    from mumetal.serve.cli.scan.filed import Keeper

POLL_S = 0.25
MAX_REMEMBERED = 100_000


def followed(
    log: Path,
    looking: Sequence[Scanner],
    clock: Clock,
    least: Severity | None,
    keeper: "Keeper | None",
    target: str = "",
) -> int:
    """Tell findings in a growing log as they come, until Ctrl-C or SIGTERM; 1 when one was as severe as asked for.

    Args:
        log: What grows.
        looking: Who looks.
        clock: Time; sleeps between two looks.
        least: Severity that counts.
        keeper: Files what is found; None only tells it.
        target: What the log is called among the incidents.
    """
    from mumetal.scan.api import Follow, GivenScan, ScanCoverage, entries_text, plain, plain_name, run_scan

    name = target or plain_name(log.name)
    failed, found, lines = False, 0, 0
    filer = _Filer(keeper)
    told_to_end: list[bool] = []

    def tell(problem: Quarantined) -> None:
        _say(f"{plain(problem.where)}: {problem.reason}")

    def wait() -> bool:
        filer.again()
        clock.sleep(POLL_S)
        return not told_to_end

    _say(f"following {log}; Ctrl-C ends it")
    with _ending(lambda: told_to_end.append(True)):
        try:
            source = Follow(log, now=clock.now_ns, wait=wait, ending=lambda: bool(told_to_end), report=tell)
            for artefact in source.blobs():
                covered = ScanCoverage(target=name, mode="stream", t_ns=clock.now_ns())
                outcome = run_scan(GivenScan(artefact), looking, clock=clock, coverage=covered)
                lines += artefact.data.count(b"\n")
                found += len(outcome.entries)
                failed = failed or outcome.fails(least)
                if outcome.entries:
                    sys.stdout.write(entries_text(outcome, colour=sys.stdout.isatty()))
                    sys.stdout.flush()
                    filer.file(outcome)
        except KeyboardInterrupt:  # the second time
            pass
        filer.again()
    _say(f"{lines:,} lines, {found} found")
    return 1 if failed else 0


class _Filer:
    """Files what is new; while the stack is away it waits in memory and is tried again."""

    def __init__(self, keeper: "Keeper | None") -> None:
        self._keeper = keeper
        self._waiting: list[ScanOutcome] = []
        self._known: dict[str, None] = {}
        self._away = False

    def file(self, outcome: "ScanOutcome") -> None:
        """File an outcome's entries that were not filed before."""
        from dataclasses import replace

        fresh = tuple(e for e in outcome.entries if e.fingerprint not in self._known)
        if self._keeper is None or not fresh:  # the same line printed again and again is one finding
            return
        self._known.update(dict.fromkeys(e.fingerprint for e in fresh))
        while len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._waiting.append(replace(outcome, entries=fresh))
        self.again()

    def again(self) -> None:
        """File what waits."""
        while self._waiting and self._keeper is not None:
            try:
                _say(self._keeper.told(self._keeper.keep(self._waiting[0])))
            except UnavailableError as error:
                if not self._away:
                    _say(f"{error.message}; kept here and tried again")
                self._away = True
                return
            self._away = False
            del self._waiting[0]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def _ending(note: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM be noted, so that the last line is still scanned; the second time they interrupt."""
    noted = False

    def end(_number: int, _frame: object) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True
        note()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
