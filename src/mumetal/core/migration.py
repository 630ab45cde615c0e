"""Numbered changes to the database: each room or part gives its own, under its own prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mumetal.core import check
from mumetal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection  # for the type only: the ground floor needs no database

PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change, run once and in one transaction. What was given out once is never changed: a later one mends it.

    Args:
        prefix: Whose, lower case: ``"core"``, or the part's; its tables' names begin so.
        number: From 1, without a gap within the prefix.
        name: What it does, in a few words.
        work: SQL statements that SQLite and PostgreSQL both take, or a function of the connection and of the time,
            nanoseconds since 1970 UTC. It neither commits nor rolls back.
    """

    prefix: str
    number: int
    name: str
    work: tuple[str, ...] | Callable[[Connection, int], None]

    def __post_init__(self) -> None:
        if not PREFIX.fullmatch(self.prefix):
            raise BadInputError(
                f"{self.prefix[:40]!r} is no prefix of migrations", hint="use a-z, 0-9 and _, from a letter, at most 40"
            )
        if not 1 <= self.number < 10_000:
            raise BadInputError(f"migration number {self.number} is not from 1 to 9999", where=self.prefix)
        check.text(self.name, "name of the migration", 200)
        if not self.work:
            raise BadInputError("a migration without work", where=f"{self.prefix}/{self.number}", hint="leave it out")
