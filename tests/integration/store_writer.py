"""Appends to a store for ever, printing each row count once it was acknowledged; run by test_store_kill.py."""

import argparse
import resource
import signal
import sys
from pathlib import Path

from tests.stores_data import event, series

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--maintain", action="store_true")
    given = parser.parse_args()
    clock = SystemClock()
    store = LogStore(
        given.folder,
        StoreSettings(hot_hours=0.0001 if given.maintain else 24.0),
        clock,
        segment_bytes=300_000 if given.maintain else 2_000_000,
    )
    at = int(store.cursor("writer") or "0")
    if given.limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (given.limit, given.limit))
    for turn in range(100_000):
        # A retry of the last rows comes along each time: it must not count.
        first = max(0, at - 3)
        data = tuple(series(first, given.rows + at - first, 12, device=d) for d in ("a", "b"))
        try:
            store.append(Delivery(source="writer", data=(*data, event(f"e{at}", at)), cursor=str(at + given.rows)))
        except UnavailableError as error:
            if "wait to be committed" in error.message:
                clock.sleep(0.01)
                continue
            say(f"refused {at} {error}")
            store.close()
            sys.exit(3)
        at += given.rows
        say(f"ack {at}")
        if given.maintain and turn % 3 == 0:
            clock.sleep(0.4)
            store.maintain(clock.now_ns())


main()
