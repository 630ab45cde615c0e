"""A finding made ready to be shown: its place, its line with everything secret masked, and a fingerprint that lasts.

The fingerprint holds when lines move: it is taken over the rule, the path and either the secret's own fingerprint or the
text of the line without its spaces, with a number that tells equal ones apart. A baseline is a list of them.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import BlobSource
from mumetal.scan.excuse import reason_in
from mumetal.scan.place import Place, first_line, place_of

MAX_SHOWN = 160
MAX_LINE = 2_000  # bytes; of a longer line, such as of minified code, nothing but what is meant is shown
MAX_COLUMN = 1 << 16
_QUOTED = re.compile(r"""(?P<quote>["'`])(?P<body>(?:\\.|(?!(?P=quote)).){9,}?)(?P=quote)""")
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.~%]{16,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One finding as it is shown.

    Args:
        finding: The finding itself.
        place: Where it is; None when it points at no line.
        line: That line with what is secret masked, at most 160 characters; empty when it is not at hand.
        mark: First and last (exclusive) character of what is meant in ``line``; (0, 0) when the whole line is.
        columns: First and last (exclusive) column in characters from 1, in the line as it is in the file; (0, 0) unknown.
        fingerprint: 32 hex digits that last when lines move.
        excuse: The reason that a comment beside it gives for leaving it there; empty when there is none.
        alike: 32 hex digits shared by findings of one rule in equal lines or of equal secrets, in whatever file.
    """

    finding: Finding
    place: Place | None = None
    line: str = ""
    mark: tuple[int, int] = (0, 0)
    columns: tuple[int, int] = (0, 0)
    fingerprint: str = field(default="")
    alike: str = field(default="")
    excuse: str = ""

    @property
    def path(self) -> str:
        """Path or uri of the artefact."""
        return self.place.path if self.place else self.finding.stream


class Remembering:
    """A blob source that remembers the artefact it gave last, so that a finding's line can be shown.

    Args:
        source: Where the artefacts come from.
    """

    def __init__(self, source: BlobSource) -> None:
        self._source = source
        self.last: Artefact | None = None

    def blobs(self) -> Iterator[Artefact]:
        """Yield what the source yields."""
        for artefact in self._source.blobs():
            self.last = artefact
            yield artefact


def plain(text: str) -> str:
    """Return text without what could move a terminal's cursor or turn its direction."""
    return _CONTROL.sub("�", text)


def entries(findings: Iterable[Finding], source: Remembering) -> Iterator[Entry]:
    """Yield each finding as it is shown, in order.

    Findings of one artefact are held back until all are known, so that a line shows none of the secrets on it.
    """
    group: list[Finding] = []
    artefact: Artefact | None = None
    twins: Counter[str] = Counter()
    for finding in findings:
        if group and source.last is not artefact:
            yield from _grouped(group, artefact, twins)
            group = []
        group.append(finding)
        artefact = source.last
    yield from _grouped(group, artefact, twins)


def _grouped(findings: list[Finding], artefact: Artefact | None, twins: Counter[str]) -> Iterator[Entry]:
    if not findings:
        return
    placed = [(f, _place(f)) for f in findings]
    spans: dict[int, list[tuple[int, int]]] = {}
    for finding, place in placed:
        if place and place.column and _secret(finding):
            spans.setdefault(place.line, []).append((place.column - 1, place.end - 1))
    lines = artefact.data.split(b"\n") if artefact and _points_inside(placed, artefact) else []
    first = first_line(artefact) if artefact else 1
    for finding, place in sorted(placed, key=lambda p: (p[1].line, p[1].column) if p[1] else (0, 0)):
        raw = above = b""
        if place and artefact and place.path == artefact.uri and 0 <= (at := place.line - first) < len(lines):
            raw, above = lines[at].removesuffix(b"\r"), lines[at - 1] if at else b""
        content = _content(finding, raw)
        stem = _stem(finding, place, content)
        twins[stem] += 1
        shown, mark = _shown(raw, place, spans.get(place.line, [])) if place and raw else ("", (0, 0))
        yield Entry(
            finding=finding,
            place=place,
            line=shown,
            mark=mark,
            columns=_columns(raw, place) if place else (0, 0),
            excuse=_excuse(finding, raw, above),
            fingerprint=hashlib.sha256(f"{stem}\0{twins[stem]}".encode()).hexdigest()[:32],
            alike=hashlib.sha256(f"{finding.rule}\0{content}".encode()).hexdigest()[:32],
        )


def _points_inside(placed: list[tuple[Finding, Place | None]], artefact: Artefact) -> bool:
    """Whether any finding points at a line of this very artefact."""
    return any(place is not None and place.path == artefact.uri for _, place in placed)


def _place(finding: Finding) -> Place | None:
    for evidence in finding.evidence:
        try:
            return place_of(evidence.uri)
        except BadInputError:
            continue
    return None


def _secret(finding: Finding) -> bool:
    return any(e.scheme == "fingerprint" for e in finding.evidence)


def _excuse(finding: Finding, raw: bytes, above: bytes) -> str:
    return reason_in((finding.rule, *finding.rule.split(".", 2)[1:], ".".join(finding.rule.split(".")[1:])), raw, above)


def _content(finding: Finding, raw: bytes) -> str:
    content = next((e.uri for e in finding.evidence if e.scheme == "fingerprint"), "")
    return content or (hashlib.sha256(b"".join(raw.split())).hexdigest() if raw else finding.title)


def _stem(finding: Finding, place: Place | None, content: str) -> str:
    path = place.path if place else finding.stream
    return "\0".join((finding.rule, re.sub(r"^git:[0-9a-f]{7,64}:", "", path), content))


def _columns(raw: bytes, place: Place) -> tuple[int, int]:
    if not raw or not 0 < place.column <= MAX_COLUMN:
        return (0, 0)
    first = len(raw[: place.column - 1].decode(errors="replace"))
    return (first + 1, first + 1 + max(1, len(raw[place.column - 1 : place.end - 1].decode(errors="replace"))))


def _shown(raw: bytes, place: Place, secret: list[tuple[int, int]]) -> tuple[str, tuple[int, int]]:
    """Return the masked line and what to mark in it."""
    meant = (place.column - 1, place.end - 1) if place.column else (0, 0)
    if len(raw) > MAX_LINE:
        said = raw[meant[0] : meant[1]][:MAX_LINE].decode(errors="replace")
        hidden = any(start < meant[1] and meant[0] < stop for start, stop in secret)
        text = plain(_head(said) if hidden else veiled(said))[: MAX_SHOWN - 2]
        return f"…{text}…", (1, 1 + len(text)) if meant[1] else (0, 0)
    pieces: list[tuple[str, bool, bool]] = []  # text, is a masked secret, is what is meant
    at = 0
    for start, stop in sorted({*secret, meant} if meant[1] else secret):
        if stop <= at or start >= len(raw):
            continue
        first = max(start, at)
        pieces.append((raw[at:first].decode(errors="replace"), False, False))
        pieces.append((raw[first:stop].decode(errors="replace"), (start, stop) in secret, (start, stop) == meant))
        at = stop
    pieces.append((raw[at:].decode(errors="replace"), False, False))
    text, mark = "", (0, 0)
    for piece, is_secret, is_meant in pieces:
        said = _head(piece) if is_secret else veiled(piece)
        if is_meant:
            mark = (len(text), len(text) + len(said))
        text += plain(said.replace("\t", " "))
    return _window(text, mark)


def _head(secret: str) -> str:
    return secret[: min(4, len(secret) // 4)] + "…"


def veiled(text: str) -> str:
    """Mask long literals and long words with digits: what no rule called a secret may be one all the same.

    Of a text longer than 2,000 characters only so many are looked at and returned: quotes without end take the square.
    """
    text = text[:MAX_LINE]

    def literal(found: re.Match[str]) -> str:
        body = found["body"]
        return f"{found['quote']}{body[:3]}…{found['quote']}" if any(c.isdigit() for c in body) else found[0]

    def token(found: re.Match[str]) -> str:
        word = found[0]
        return f"{word[:4]}…" if any(c.isdigit() for c in word) else word

    return _TOKEN.sub(token, _QUOTED.sub(literal, text))


def _window(text: str, mark: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    """Cut a long line around what is marked; leading spaces go."""
    lead = len(text) - len(text.lstrip())
    lead = min(lead, mark[0]) if mark[1] else lead
    text, mark = text[lead:].rstrip(), (mark[0] - lead, mark[1] - lead) if mark[1] else mark
    if len(text) <= MAX_SHOWN:
        return text, mark
    start = max(0, min(mark[0] - 60, len(text) - MAX_SHOWN + 1))
    cut = ("…" if start else "") + text[start : start + MAX_SHOWN - 2] + "…"
    shift = start - (1 if start else 0)
    return cut, (max(0, mark[0] - shift), min(len(cut), mark[1] - shift)) if mark[1] else mark
