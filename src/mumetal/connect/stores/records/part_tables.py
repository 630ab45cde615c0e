"""A part's own tables, in the records' database: reached by statements that name no other table."""

import re
from collections.abc import Sequence

from sqlalchemy import Engine, text

from mumetal.connect.stores.records.engine import session
from mumetal.core.errors import BadInputError

NAMED = re.compile(r"\b(?:from|join|into|update(?!\s+set\b)|table)\s+([a-z_][a-z0-9_]*)", re.IGNORECASE)
VERBS = {"read": ("select",), "write": ("insert", "update", "delete")}


class SqlPartTables:
    """Runs single statements on the tables of one part. It keeps a part honest; code in this process could do otherwise.

    Args:
        engine: The records' database.
        prefix: The tables' names are it, or begin with it and ``_``.
    """

    def __init__(self, engine: Engine, prefix: str) -> None:
        self._engine, self._prefix = engine, prefix

    def read(self, statement: str, **values: object) -> Sequence[tuple[object, ...]]:
        """Return the rows of a ``SELECT``; values are bound by name.

        Raises:
            BadInputError: It is no such statement, or names a table of somebody else.
        """
        self._refuse_others(statement, "read")
        with session(self._engine, reads=True) as db:
            return [tuple(row) for row in db.execute(text(statement), values)]

    def write(self, statement: str, **values: object) -> None:
        """Run one statement in a transaction of its own.

        Raises:
            BadInputError: It is no such statement, or names a table of somebody else.
        """
        self._refuse_others(statement, "write")
        with session(self._engine) as db:
            db.execute(text(statement), values)

    def _refuse_others(self, statement: str, verb: str) -> None:
        first = statement.split(None, 1)[0].lower() if statement.strip() else ""
        if first not in VERBS[verb] or ";" in statement:
            raise BadInputError(f"a part's {verb} is one {' or '.join(VERBS[verb])}", where=statement[:80])
        named = {name.lower() for name in NAMED.findall(statement)}
        alien = [n for n in named if n != self._prefix and not n.startswith(f"{self._prefix}_")]
        if alien or not named:
            raise BadInputError(
                f"the part {self._prefix} has no table {', '.join(sorted(alien))}", where=statement[:80]
            )
