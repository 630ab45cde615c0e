"""``python -m bench``: the same as ``mumetal bench``, from the root of the source tree."""

import sys

from bench.command import main
from mumetal.core.errors import MumetalError
from mumetal.serve.cli.guarded import complain

if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except MumetalError as error:
        complain(error, as_json="--json" in sys.argv)
        raise SystemExit(error.exit_code) from None
