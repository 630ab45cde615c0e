"""The command line: what is going on, and what to do next."""

import sys

from mumetal.core.errors import MumetalError


def main() -> None:
    """Run the command line and end with the design's exit codes.

    0 clean, 1 findings, 2 bad input, 3 unavailable, 4 refused by a security check.
    """
    from mumetal.serve.cli.app import app

    try:
        app(standalone_mode=True)
    except MumetalError as error:
        sys.stderr.write(f"mumetal: {error}\n")
        sys.exit(error.exit_code)
