"""in-toto statements (Statement v1): a predicate about subjects that are named by SHA-384 digest."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.formats import canonical
from mumetal.formats.canonical import Json, Plain

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
SHA384 = re.compile(r"[0-9a-f]{96}")
MAX_SUBJECTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Bytes that a statement is about.

    Args:
        name: What the signer calls them.
        sha384: Their digest, 96 hex digits.
    """

    name: str
    sha384: str

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= 4_096:
            raise BadInputError("a subject's name has 1 to 4096 characters")
        if not SHA384.fullmatch(self.sha384):
            raise BadInputError("a subject's SHA-384 is 96 hex digits", where=self.name[:200])

    @classmethod
    def of(cls, name: str, data: bytes) -> "Subject":
        """Name ``data`` by its digest."""
        return cls(name=name, sha384=hashlib.sha384(data).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said of the subjects.

    Args:
        subjects: 1 to 10,000, no name twice.
        predicate_type: URI of the predicate's kind.
        predicate: Plain JSON.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check.text(self.predicate_type, "predicate type", 500)
        if ":" not in self.predicate_type:
            raise BadInputError("a predicate type is a URI", where=self.predicate_type)
        if not 0 < len(self.subjects) <= MAX_SUBJECTS:
            raise BadInputError(f"a statement has 1 to {MAX_SUBJECTS} subjects")
        if len({s.name for s in self.subjects}) != len(self.subjects):
            raise BadInputError("a subject is named twice")


def encode(statement: Statement) -> bytes:
    """Return the statement as canonical JSON, the payload of an envelope."""
    subjects: list[Plain] = [{"name": s.name, "digest": {"sha384": s.sha384}} for s in statement.subjects]
    return canonical.encode(
        {
            "_type": STATEMENT,
            "subject": subjects,
            "predicateType": statement.predicate_type,
            "predicate": statement.predicate,
        }
    )


def decode(data: bytes, where: str = "statement") -> Statement:
    """Read a statement.

    Raises:
        BadInputError: Not a statement of version 1, or a subject lacks its SHA-384.
    """
    value = canonical.decode_json(data, where=where)
    if not isinstance(value, dict) or value.get("_type") != STATEMENT:
        raise BadInputError("not an in-toto statement of version 1", where=where)
    kind, predicate, listed = value.get("predicateType"), value.get("predicate", {}), value.get("subject")
    if not isinstance(kind, str) or not isinstance(predicate, dict) or not isinstance(listed, list):
        raise BadInputError("a statement has subject, predicateType and predicate", where=where)
    if len(listed) > MAX_SUBJECTS:
        raise BadInputError(f"a statement has at most {MAX_SUBJECTS} subjects", where=where)
    return Statement(subjects=tuple(_subject(item, where) for item in listed), predicate_type=kind, predicate=predicate)


def _subject(item: Json, where: str) -> Subject:
    name = item.get("name") if isinstance(item, dict) else None
    digests = item.get("digest") if isinstance(item, dict) else None
    digest = digests.get("sha384") if isinstance(digests, dict) else None
    if not isinstance(name, str) or not isinstance(digest, str):
        raise BadInputError("a subject has a name and a SHA-384", where=where)
    return Subject(name=name, sha384=digest)
