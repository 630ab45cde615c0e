"""Reads the setting ``approvals``: whose signed approval promotions and rollouts need at this lab."""

from pathlib import Path
from urllib.parse import parse_qsl

from mumetal.core.errors import BadInputError
from mumetal.trust.signing.demand import ROLE, Demand
from mumetal.trust.signing.signed_calibrations import load_root


def demand_of(spec: str) -> Demand | None:
    """Return what the setting demands, ``ROOTS?pin=SHA256`` with ``&role=NAME`` at will; None when it is empty.

    The trust root is read for each act: a revocation counts at once, and a root that cannot be read refuses the act.

    Raises:
        BadInputError: It is not written so.
    """
    if not spec:
        return None
    folder, _, query = spec.partition("?")
    options = dict(parse_qsl(query))
    if not folder or not options.get("pin") or not set(options) <= {"pin", "role"}:
        raise BadInputError(
            "demanded approvals are named ROOTS?pin=SHA256 or ROOTS?pin=SHA256&role=NAME",
            where=f"approvals: {spec[:200]}",
            hint="`mumetal keys root` prints the pin of a folder of trust roots",
        )
    roots, pin = Path(folder), options["pin"]
    return Demand(root=lambda now_ns: load_root(roots, pin, now_ns), role=options.get("role", ROLE))
