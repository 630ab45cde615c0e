"""Bytes to look into, and pointers that can be opened again."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A file, a blob in history, a notebook cell, a firmware image, a certificate or a model.

    It has no slots, so that its digest is reckoned when it is first asked for: of most files it never is.

    Args:
        tenant: Who owns it.
        uri: Where it came from: a path, ``git:COMMIT:PATH``, ``notebook.ipynb#cell3``.
        kind: What it is: ``"file"``, ``"blob"``, ``"cell"``, ``"log"``, ``"firmware"``, ``"certificate"``, ``"model"``.
        data: The bytes themselves.
        facts: Short facts for attribution, such as ``("commit", "…")``.
    """

    tenant: str = LOCAL
    uri: str
    kind: str = "file"
    data: bytes = field(repr=False)
    facts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check.text(self.uri, "artefact uri", 4_096)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ``data``, hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A pointer to what was seen, with the digest of the bytes as they were committed.

    Args:
        uri: ``series:DEVICE/STREAM?start=…&stop=…``, ``event:ID``, ``snapshot:DEVICE?t=…``, ``file:PATH#L12``,
            ``ledger:INDEX``.
        digest: SHA-256 hex over the committed bytes; empty only until they are committed.
        note: What the reader will find there.
    """

    uri: str
    digest: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check.text(self.uri, "evidence uri", 4_096)
        check.text(self.note, "evidence note", 1_000)
        if ":" not in self.uri:
            raise BadInputError(f"evidence {self.uri[:80]!r} has no scheme")
        if self.digest and not SHA256.fullmatch(self.digest):
            raise BadInputError("an evidence digest is 64 hex digits", where=self.uri)

    @classmethod
    def of_series(
        cls, device: str, stream: str, start_ns: int, stop_ns: int, *, digest: str = "", note: str = ""
    ) -> "Evidence":
        """Point at a stream's samples with ``start_ns <= t_ns < stop_ns``."""
        query = urlencode({"start": start_ns, "stop": stop_ns})
        return cls(uri=f"series:{quote(device, safe='')}/{quote(stream, safe='')}?{query}", digest=digest, note=note)

    @property
    def scheme(self) -> str:
        """What kind of thing is pointed at."""
        return self.uri.split(":", 1)[0]

    @property
    def query(self) -> dict[str, str]:
        """The part after ``?``, decoded."""
        return dict(parse_qsl(urlsplit(self.uri).query))

    def series_place(self) -> tuple[str, str]:
        """Return (device, stream) of a ``series:`` pointer.

        Raises:
            BadInputError: It points at something else.
        """
        device, slash, stream = urlsplit(self.uri).path.partition("/")
        if self.scheme != "series" or not slash:
            raise BadInputError("the evidence is no range of samples", where=self.uri[:200])
        return unquote(device), unquote(stream)
