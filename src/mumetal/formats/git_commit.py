"""A raw Git commit object to who wrote it, when, and what they say of it; nothing in it is believed, only read.

Format: ``git cat-file commit``: header lines, continued by a leading space, an empty line, the message. Any author, date and
message can be written by anyone: only a signature that was checked says who.
"""

import re
from dataclasses import dataclass

from mumetal.core.errors import BadInputError

PERSON = re.compile(r"(?P<name>[^<>]*)<(?P<mail>[^<>]*)> (?P<seconds>-?\d{1,12}) [+-]\d{4}")
TRAILER = re.compile(r"(?P<key>[A-Za-z][A-Za-z-]{0,40}): *(?P<value>\S.{0,400})")
OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SIGNATURES = {"SSH": "ssh", "PGP": "openpgp", "SIGNED": "x509"}
MAX_BYTES = 2**20
MAX_TRAILERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit, as it says itself.

    Args:
        author: Address of the author in lower case, or the name where there is none.
        committer: The same of who committed it.
        seconds: When it was committed, s since 1970 UTC.
        parents: Ids of the commits before it.
        signature: ``"ssh"``, ``"openpgp"``, ``"x509"`` or empty: there is one, which nobody has checked here.
        subject: The first line, 200 characters at most.
        trailers: ``Key: value`` lines at the message's end, keys in lower case.
    """

    author: str
    committer: str
    seconds: int
    parents: tuple[str, ...]
    signature: str
    subject: str
    trailers: tuple[tuple[str, str], ...]

    def trailer(self, key: str) -> str:
        """Return the last value of a trailer; empty when there is none."""
        return next((v for k, v in reversed(self.trailers) if k == key), "")


def read_commit(data: bytes, where: str = "") -> Commit:
    """Read one commit object.

    Raises:
        BadInputError: It is none, or larger than 1 MiB.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"a commit of {len(data)} bytes, more than {MAX_BYTES}", where=where)
    head, _, message = data.decode("utf-8", "replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.replace("\n ", "\0").split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    author, _ = _person(fields, "author", where)
    committer, seconds = _person(fields, "committer", where)
    parents = tuple(fields.get("parent", ()))
    if any(not OBJECT_ID.fullmatch(p) for p in parents):
        raise BadInputError("a parent is no object id", where=where)
    signed = next((v[0] for k in ("gpgsig", "gpgsig-sha256") if (v := fields.get(k))), "")
    kind = signed.removeprefix("-----BEGIN ").split(" ", 1)[0]
    paragraphs = message.strip().split("\n\n")
    trailers = [
        found for line in paragraphs[-1].split("\n")[-MAX_TRAILERS:] if (found := TRAILER.fullmatch(line.strip()))
    ]
    return Commit(
        author=author,
        committer=committer,
        seconds=seconds,
        parents=parents,
        signature=SIGNATURES.get(kind, "unknown") if signed else "",
        subject=printable(message.strip().split("\n", 1)[0])[:200],
        trailers=tuple((t["key"].lower(), printable(t["value"])) for t in trailers) if len(paragraphs) > 1 else (),
    )


def printable(text: str) -> str:
    """Return a text without what a terminal or a page would take for more than text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text).strip()


def _person(fields: dict[str, list[str]], key: str, where: str) -> tuple[str, int]:
    found = PERSON.fullmatch(fields.get(key, [""])[0])
    if found is None:
        raise BadInputError(f"a commit without a readable {key}", where=where)
    return (printable(found["mail"]).lower() or printable(found["name"]) or "unknown")[:200], int(found["seconds"])
