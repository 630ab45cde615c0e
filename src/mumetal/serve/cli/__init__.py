"""The command line: what is going on, and what to do next."""

import sys

from mumetal.core.errors import MumetalError


def main() -> None:
    """Run the command line and end with the design's exit codes.

    0 clean, 1 findings, 2 bad input, 3 unavailable, 4 refused by a security check.
    """
    if sys.argv[1:2] == ["scan"]:  # a scan before every commit starts without the rest of the house
        from mumetal.serve.cli.scan.scan import alone as run
    else:
        from mumetal.serve.cli.app import app as run

    try:
        run()
    except MumetalError as error:
        sys.stderr.write(f"mumetal: {error}\n")
        sys.exit(error.exit_code)
