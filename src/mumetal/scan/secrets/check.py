"""Structure that a match must have: each check returns how much it believes, in [0, 1]; 0 refuses."""

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from mumetal.scan.secrets import shape
from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.rule import shipped

_NAME = re.compile(rb"([A-Za-z_][\w.\-]*)[^A-Za-z0-9_]*(?:(?:string|str|const|is|value|String)[^A-Za-z0-9_]*)?$")
# Names that end so hold something about a key, not the key.
_ABOUT = re.compile(
    rb"(?i)(?:id|ids|name|names|url|uri|urls|path|file|files|dir|folder|type|types|size|length|len|count|index|idx|field|"
    rb"header|version|date|time|hash|digest|sha\d*|md5|checksum|fingerprint|format|alg|algorithm|method|mode|scheme|label|"
    rb"title|text|description|hint|prompt|placeholder|regex|pattern|prefix|suffix|class|selector|input|button|form|"
    rb"endpoint|host|domain|server|expiry|expires|expiration|ttl|timeout|limit|enabled|required|policy|vault|ref|"
    rb"reference|store|ring|board|map|list|set|spec|uid|uuid|number|register|bits?|curve|usage|location)$"
)
_PUBLIC = re.compile(
    rb"(?i)public|pubkey|websocket-key|pub_key|publickey|primary[_-]?key|foreign|partition|sort[_-]?key|cache[_-]?key|keyboard|keyword|monkey"
    rb"|keystore|keytab|author$|authority|tokeniz|accessor|accessib|access_id|credentials?_?-?id|csrf|xsrf|authenticity|nonce"
    rb"|integrity|sha\d|digest|checksum|commit|revision|etag|test_?id|object_?key|hidden_?(?:string|key)|bitstring|(?:alice|bob)_(?:key|bits|bases)"
    rb"|shared_key|event-bus|libcpp|uuid|keyframe|chars$|charset|alphabet|_string$"
)
_TYPES = re.compile(
    rb"(?i)^(?:str|string|bytes|int|any|optional\[.*|none|null|nil|true|false|undefined|object|self|this|function|lambda|new|"
    rb"await|async|return|process|os|env|getenv|config|settings|request|req|params|args|kwargs|data|input|value)\b"
)
_CALL = re.compile(
    rb"^[\w.\->:]+[(\[]|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|^\$|^@|^%\w|^&|^<|^\{|::|->|^self\.|^[\w-]+/[\w/-]+$"
)
_DOTTED_KEY = re.compile(rb"^[\w\-]+(?:\.[\w\-]+)+$(?<=[a-z0-9]{12})")
_URL = re.compile(rb"(?i)^(?:https?:)?//|^[a-z]+://|^/|^\.\.?/|^~|^arn:|^crn:|^urn:|^data:")
_CIRCUIT = re.compile(
    rb"^(?:ssh|ecdsa|rsa|aes|hmac|sha|sk-ssh)-[a-z]|^UUlTS0lU|^iVBORw0KGgo|^/9j/4AAQ|^R0lGOD"
)  # base64 of QPY, PNG, JPEG and GIF
_NEAR_TOKEN = re.compile(rb"[A-Za-z0-9_\-]{12,400}")
_NEAR_NAME = re.compile(
    rb"(?i)^(?:[_\-]*(?:api|app|auth|secret|private|access|service|client|user|key|token|pat|id))*[_\-]+"
)
_DIGEST = re.compile(rb"(?i)(?:sha-?\d{1,3}|md5|digest|integrity|commit|checksum|rev|blob|tree|/|@|\.git)[\"':=#/ ]*$")
_INSIDE_DIGEST = re.compile(rb"(?:sha-?\d{1,3}|md5)[=:\-][A-Za-z0-9+/_\-]*$")
_SPOKEN = re.compile(rb"(?i)key|tok|secret|private|access|auth|passw|cred|login|tkn|pat\b")
_DATE = re.compile(rb"(?:19|20)\d{2}-?[01]\d-?[0-3]\d")
_NUMBER = re.compile(rb"[-+\d.eEjJ_]+")
_LONG = re.compile(rb"[A-Za-z0-9_\-]{20,}")
_ALPHABET62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def name_of(candidate: Candidate) -> bytes:
    """Return the identifier that the value is assigned to; empty when none is seen."""
    found = _NAME.search(candidate.lead)
    return found[1] if found else b""


@cache
def _formats() -> tuple["re.Pattern[bytes]", dict[bytes, "re.Pattern[bytes]"]]:
    known = {word.encode(): re.compile(expression.encode()) for word, expression in shipped().formats.items()}
    return re.compile(rb"(?i)" + b"|".join(known)), known


def fits_vendor(lead: bytes, value: bytes) -> bool:
    """Whether the value has the format of the vendor named last in ``lead``; true where no known vendor is named."""
    words, known = _formats()
    named = words.findall(lead[-80:])
    return not named or bool(known[named[-1].lower()].fullmatch(value))


_SERVICE = re.compile(rb"(?i)\b([a-z0-9]{3,24})[ \"']{1,3}API\b|//(?:api|app)\.([a-z0-9]{3,24})\.")


def fits_service(before: bytes, value: bytes) -> bool:
    """Whether the value has the format of the service whose API the lines before speak of; true where none is known."""
    _, known = _formats()
    named = [known[w] for pair in _SERVICE.findall(before) for w in (b"".join(pair).lower(),) if w in known]
    return not named or bool(named[-1].fullmatch(value))


def _quoted(c: Candidate) -> bool:
    return c.lead[-1:] in b"\"'`" and c.lead[-1:] == c.follow[:1]


_CODE = re.compile(
    rb"\?P<\w*>?[\[(\\]{0,3}$|badge[\w./]{0,12}\?token=$"
)  # a group's name in an expression; a badge's token is public


def _key(c: Candidate) -> float:
    value = c.value.rstrip(b".,;")
    if not (value.isdigit() or shape.is_uuid(value) or shape.looks_random(value)):  # most are refused here, cheaply
        return 0.0
    if _CODE.search(c.lead) or (c.follow[:1] in b"([" and c.follow and not _quoted(c)):  # lkey = _shape(left)
        return 0.0
    name = name_of(c)
    if not fits_vendor(c.lead, value) or not (c.rule.vendor or fits_service(c.before, value)):
        return 0.0
    if (
        value.isdigit()
        and len(set(value)) > 5
        and len(value) >= 14
        and re.search(rb"(?i)token|secret|api_?key|passw|_key", name)
    ):
        return 0.7 if len(value) >= 24 or _formats()[0].search(name) else 0.0
    if _PUBLIC.search(name) or _ABOUT.search(name) or _URL.match(value) or _CIRCUIT.match(value):
        return 0.0
    if (_CALL.match(value) and not _DOTTED_KEY.search(value)) or (_NUMBER.fullmatch(value) and not value.isdigit()):
        return 0.0
    if b"," in c.lead[-6:] and not _PAIR.search(c.lead):
        return 0.0
    if _HASHED.match(value):
        return 0.0
    if b"sha256" in c.lead.lower()[-80:] or b"sha512" in c.lead.lower()[-80:] or b"integrity" in c.lead.lower()[-80:]:
        return 0.0
    if shape.is_uuid(value):
        return 0.8 if shape.is_drawn_uuid(value) and re.search(rb"(?i)key|token|secret|pat\b", name) else 0.0
    if value.isdigit():
        return 0.0
    return 0.75 if shape.sequential(value) > 0.5 else 1.0


_ASSIGNED = re.compile(rb"^[^(,]*[=:>|][^(,]*$|%3[ADad]|^\\?[\"']?[)\]]?[ ,]|^$")
_PAIR = re.compile(rb"\([ \t]*[\"'`][\w.\- ]+[\"'`][ \t]*,[ \t]*[\"'`]$")
_HASHED = re.compile(rb"(?i)^sha-?\d{1,3}[=:\-]|^md5[=:\-]")
_PASSWORD = re.compile(
    rb"(?i:passwords?|passwor?ds?|passwd|pass_?phrase|passcode|passwors?d|pas+w(?:or)?d|psswrd|pswd|psswd|psswo?rd|paswr?d|paasword)"
    rb"|(?:(?<![A-Za-z])(?i:pass|pwd|pw|psw)|Pass|Pwd|PASS|PWD|_pw|_PW)(?![A-Za-z_.\-]*[a-z])\d*$"
)


_LISTED = re.compile(rb"[\"'`][ \t]{0,4},[ \t]{0,4}[\"'`]$")
_ARITHMETIC = re.compile(rb"[-+]?[\d.]+[jJ]?(?:[-+*/][\d.]+[jJ]?)*|\w+[-+*/][\d.]+[jJ]?|c\d?")
_COMPARED = re.compile(rb"[=!]=[ \t]*$|\w[ \t]+\($")


def _password(c: Candidate) -> float:
    name, value = name_of(c), c.value
    if c.rule.id == "generic.password" and name and not _PASSWORD.search(name):
        return 0.0
    if re.fullmatch(rb"0x[0-9a-fA-F]+", value) or not value.isascii() or _HASHED.match(value):
        return 0.0
    if c.rule.id == "generic.password" and not (
        _ASSIGNED.search(c.lead[c.lead.rfind(name) + len(name) :]) or _PAIR.search(c.lead)
    ):
        return 0.0
    quoted = _quoted(c)
    if (
        quoted and _LISTED.search(c.lead) and (_PASSWORD.search(value) or shape.classes(value) < 3)
    ):  # fields beside one another
        return 0.0
    if _PUBLIC.search(name) or _ABOUT.search(name) or shape.is_placeholder(value) or _URL.match(value):
        return 0.0
    if shape.is_public(value) or b"${" in value or len(value) < 4:
        return 0.0
    kinds = shape.classes(value)
    if not quoted:
        if _ARITHMETIC.fullmatch(value) or _COMPARED.search(
            c.lead
        ):  # Pauli words are called pw1, passes "first pass (i.e."
            return 0.0
        if _TYPES.match(value) or _CALL.search(value) or value[:1] in b"$<{[(%&@*/\\\"'":
            return 0.0
        variable = name.isupper() and c.lead.endswith(name + b"=") and value.isalpha()
        if variable and value.islower() and len(value) >= 6 and b"pass" in name.lower():
            return 0.6
        if kinds < 2 or value.isalpha() or not re.search(rb"\d", value):
            return 0.0
        return 0.9 if kinds >= 3 else 0.7
    if value[:1] in b"$<{#%" or _CALL.match(value) or b" " in value.strip():
        return 0.0
    return 0.9 if kinds >= 3 else 0.75 if kinds == 2 or len(value) >= 10 else 0.6


def _near(c: Candidate) -> float:
    """The rest was judged in :func:`narrowed`."""
    return 0.0 if _PUBLIC.search(name_of(c)) or not fits_vendor(c.lead, c.value) else 1.0


def _header(c: Candidate) -> float:
    if shape.is_placeholder(c.value):
        return 0.0
    return 1.0 if shape.classes(c.value) >= 2 and shape.entropy(c.value) >= 2.8 else 0.0


def _url(c: Candidate) -> float:
    value = c.value
    if shape.is_placeholder(value) or value[:1] in b"$<{%[*" or b"${" in value or b"{{" in value or len(value) < 3:
        return 0.0
    return 0.9


def _json_part(part: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""


def _jwt(c: Candidate) -> float:
    parts = c.value.split(b".")
    head = _json_part(parts[0]).strip()
    if not (head.startswith(b"{") and head.endswith(b"}") and b'"alg"' in head):
        return 0.0
    return 1.0 if len(parts) == 2 or _json_part(parts[1]).lstrip()[:1] == b"{" else 0.0


def base62(number: int, width: int) -> bytes:
    """Return ``number`` in base 62 (digits, upper, lower), padded with zeros to ``width``."""
    out = ""
    while number:
        number, rest = divmod(number, 62)
        out = _ALPHABET62[rest] + out
    return out.rjust(width, "0").encode()


def _crc32_base62(c: Candidate) -> float:
    """GitHub and npm end their tokens with a CRC-32 in base 62; a token without it was made up."""
    body = c.value.split(b"_", 1)[-1]
    if base62(zlib.crc32(body[:-6]), 6) == body[-6:]:
        return 1.0
    return 0.0 if shape.is_placeholder(body) or shape.entropy(body) < 3.0 else 0.6


def _crc32_hex(c: Candidate) -> float:
    """Grafana ends its tokens with a CRC-32 in hex."""
    body, _, crc = c.value.split(b"_", 1)[-1].rpartition(b"_")
    return 1.0 if b"%08x" % zlib.crc32(body) == crc else 0.7 if shape.entropy(body) >= 3.0 else 0.0


def _private_key(c: Candidate) -> float:
    body = re.sub(rb"\\[nr]|[^A-Za-z0-9+/=]", b"", c.value)
    if len(body) < 24 or shape.is_placeholder(body):
        return 0.0
    return 1.0 if len(set(body)) > 12 else 0.0


def _service_account(c: Candidate) -> float:
    return 0.0 if shape.is_placeholder(c.value) else 1.0


def _uuid_key(c: Candidate) -> float:
    return 1.0 if shape.is_uuid(c.value) and len(set(c.value)) > 6 else 0.0


def _key_shape(c: Candidate) -> float:
    """A distinctive prefix, then something that a machine made: no words, at least one digit or mixed case."""
    body = c.value.split(b"-", 1)[-1]
    if shape.is_placeholder(body) or shape.wordy(body) > 0.5 or len(set(body.strip(b"-x"))) < 6:
        return 0.0
    return 1.0 if shape.classes(body) >= 2 and any(48 <= b <= 57 for b in body) else 0.0


def _entropy(c: Candidate) -> float:
    return 0.0 if shape.is_placeholder(c.value) else 1.0


CHECKS: dict[str, Callable[[Candidate], float]] = {
    "key": _key, "password": _password, "near": _near, "header": _header, "url": _url, "jwt": _jwt,
    "crc32-base62": _crc32_base62, "crc32-hex": _crc32_hex, "private-key": _private_key,
    "service-account": _service_account, "key-shape": _key_shape, "uuid-key": _uuid_key, "entropy": _entropy,
}  # fmt: skip


def narrowed(c: Candidate) -> Candidate | None:
    """Return the first random-looking word of a ``near`` match, or the candidate itself for other rules."""
    if not c.rule.near:
        return c
    if _INSIDE_DIGEST.search(c.lead):
        return None
    named = re.search(rb"[A-Za-z]*$", c.lead)
    if named and re.search(rb"[a-z][A-Z]$", named[0]):  # sumObject is not sumo
        return None
    for word in _NEAR_TOKEN.finditer(c.value):
        text = _NEAR_NAME.sub(b"", word[0]).strip(b"-_")
        if _DIGEST.search(c.value[: word.start()]) or _CALL.match(c.value[word.start() :]):
            continue
        before = c.value[: word.start()]
        if (
            before[-1:] in {b"\\", b"/", b"@", b"_"}
            or _DATE.match(text)
            or (before[-1:] == b"." and not _SPOKEN.search(before[-8:]))
        ):
            continue
        spoken = _SPOKEN.search(before + word[0][: word[0].rfind(text)])
        if not (spoken or _LONG.fullmatch(text)):
            continue
        told = shape.is_uuid(text) and spoken is not None
        digits = sum(48 <= b <= 57 for b in text)
        if told or (len(text) >= 12 and 2 <= digits < len(text) and shape.looks_random(text)):
            offset = c.start + word.start() + word[0].rfind(text)
            return replace(
                c,
                value=text,
                start=offset,
                stop=offset + len(text),
                lead=c.lead + c.value[: word.start()],
                follow=c.value[word.end() : word.end() + 100],
            )
    return None


def judged(c: Candidate) -> Candidate | None:
    """Return the candidate with its belief, or None when its structure speaks against it."""
    narrow = narrowed(c)
    if narrow is None or (narrow.rule.min_entropy and shape.entropy(narrow.value) < narrow.rule.min_entropy):
        return None
    kind = narrow.rule.check
    share = CHECKS[kind](narrow) if kind else 1.0
    if kind is None and shape.is_placeholder(narrow.value):
        return None
    return replace(narrow, belief=share * narrow.rule.precision) if share else None
