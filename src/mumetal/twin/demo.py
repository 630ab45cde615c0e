"""Runs a lab in real time, or a fixed number of times faster."""

from collections.abc import Callable

from mumetal.core.clock import Clock, WaitFlag
from mumetal.core.errors import UnavailableError
from mumetal.twin.doors import LabWriter
from mumetal.twin.lab import Lab

NS = 10**9
STEP_S = 0.25
BACKFILL_STEP_S = 100.0  # each step is a durable commit per stream


def backfill(lab: Lab, writer: LabWriter, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
    """Write ``seconds`` (s) of history as fast as it goes, so that watchers have something to learn from.

    Args:
        lab: The twin.
        writer: Its doors.
        seconds: How much, s.
        stop: Asked before every step.

    Returns:
        How many steps the push door was away or full; what it missed waits and goes out with the next step.
    """
    left, away = seconds, 0
    while left > 0.0 and not stop():
        try:
            writer.write(lab.advance(min(BACKFILL_STEP_S, left)))
        except UnavailableError:
            away += 1
        left -= BACKFILL_STEP_S
    return away


def run(lab: Lab, writer: LabWriter, clock: Clock, speed: float, stop: WaitFlag, step_s: float = STEP_S) -> int:
    """Let the lab live until ``stop`` is set.

    The lab's time follows the clock's monotonic time times ``speed``; after a pause it catches up, a step at a time.

    Args:
        lab: The twin.
        writer: Its doors.
        clock: Tells the time.
        speed: The twin's seconds per real second, > 0.
        stop: A flag of the clock; it gets through at once.
        step_s: The twin's seconds per step.

    Returns:
        How many steps the push door was away; what it missed was sent later, or is counted in ``writer.push.lost``.
    """
    begin_ns, lab_begin_ns, away = clock.monotonic_ns(), lab.now_ns, 0
    while not stop.is_set():
        try:
            writer.write(lab.advance(step_s))
        except UnavailableError:
            away += 1
        ahead_s = (lab.now_ns - lab_begin_ns) / NS / speed - (clock.monotonic_ns() - begin_ns) / NS
        if ahead_s > 0.0:
            stop.wait(ahead_s)
    return away
