"""The technique cards: ways to attack a quantum stack, from ``techniques.toml`` beside this file."""

from functools import lru_cache
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError
from mumetal.core.technique import Grade, Technique

FILE = "techniques.toml"
Line = Annotated[str, Meta(min_length=3, max_length=300)]
Lines = Annotated[tuple[Line, ...], Meta(max_length=20)]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One card as written in the file; see :class:`mumetal.core.technique.Technique`."""

    id: Line
    title: Line
    layer: Line
    grade: Grade
    effects: Lines
    observables: Lines
    mitigations: Lines
    preconditions: Lines = ()
    references: Lines = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    technique: tuple[Card, ...]


def decode(data: bytes, where: str = FILE) -> tuple[Technique, ...]:
    """Read technique cards from TOML, in the order of the file.

    Raises:
        BadInputError: Not such a file, an id without a tactic, or one id twice.
    """
    try:
        cards = msgspec.toml.decode(data, type=_File).technique
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=where) from None
    seen: set[str] = set()
    found: list[Technique] = []
    for card in cards:
        tactic, dot, name = card.id.partition(".")
        if not (tactic and dot and name) or card.id in seen:
            raise BadInputError(f"technique id {card.id!r} is not dotted, or is given twice", where=where)
        seen.add(card.id)
        found.append(
            Technique(
                technique_id=card.id,
                title=card.title,
                tactic=tactic,
                layer=card.layer,
                preconditions=card.preconditions,
                effects=card.effects,
                observables=card.observables,
                mitigations=card.mitigations,
                grade=card.grade,
                references=card.references,
            )
        )
    return tuple(found)


@lru_cache(maxsize=1)
def techniques() -> tuple[Technique, ...]:
    """Return all packaged techniques, in the order of the catalogue."""
    return decode(files("mumetal.catalog").joinpath(FILE).read_bytes())


def technique(technique_id: str) -> Technique:
    """Return one technique.

    Raises:
        BadInputError: There is none of that id.
    """
    for one in techniques():
        if one.technique_id == technique_id:
            return one
    raise BadInputError(
        f"no technique has the id {technique_id!r}", hint="known: " + ", ".join(t.technique_id for t in techniques())
    )
