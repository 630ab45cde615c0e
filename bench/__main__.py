"""``make bench``: the bars of the watch loop, one table. The other rooms have benches of their own beside this file."""

import argparse
import os
import platform
from datetime import UTC, datetime

from bench import doors, pipeline, store, tier1

if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--kills", type=int, default=20, help="how often the writer is killed (W6)")
    p.add_argument("--minutes", type=float, default=0.5, help="how long memory is watched (W5)")
    a = p.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| measure | figure |\n|---|---|")
    for name, figure in pipeline.run():
        print(f"| {name} | {figure} |", flush=True)
    for key, value in tier1.run().items():
        print(f"| D12 tier 1, {key} | {value:,.3g} |", flush=True)
    for what, speed, read in doors.run():
        print(f"| W3 parse, {what} ({read}) | {speed:.3g} M values per CPU-s |", flush=True)
    for name, figure in store.run(kill=a.kills, minutes=a.minutes):
        print(f"| {name} | {figure} |", flush=True)
