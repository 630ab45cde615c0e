"""Syslog messages (RFC 5424) with octet counting (RFC 5425 section 4.3, RFC 6587 section 3.4.1)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity

SD_ID = "mumetal@32473"  # 32473 is IANA's number for documentation (RFC 5612); we have none of our own
FACILITY = 13  # log audit
BOM = b"\xef\xbb\xbf"
LEVEL = {
    Severity.UNKNOWN: 5,
    Severity.INFORMATIONAL: 6,
    Severity.LOW: 5,
    Severity.MEDIUM: 4,
    Severity.HIGH: 3,
    Severity.CRITICAL: 2,
    Severity.FATAL: 1,
}
PARAMETER = re.compile(r"[!#-<>-\\^-~]{1,32}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def message(
    *,
    severity: Severity,
    t_ns: int,
    host: str,
    app: str,
    kind: str,
    data: Sequence[tuple[str, str]],
    text: str,
) -> bytes:
    """Return one RFC 5424 message, unframed.

    Args:
        severity: Becomes the level of PRI.
        t_ns: Time, nanoseconds since 1970 UTC; written to the microsecond.
        host: HOSTNAME; characters it may not have become ``-``.
        app: APP-NAME.
        kind: MSGID.
        data: Parameters of the one structured-data element; values are escaped.
        text: MSG; written as UTF-8 after a byte order mark.

    Raises:
        BadInputError: A parameter's name cannot be one, or a text cannot be written as UTF-8.
    """
    for name, _ in data:
        if not PARAMETER.fullmatch(name):
            raise BadInputError(f"{name[:40]!r} cannot name a syslog parameter")
    pairs = "".join(f' {name}="{escaped(value)}"' for name, value in data)
    stamp = datetime.fromtimestamp(t_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    head = (
        f"<{8 * FACILITY + LEVEL[severity]}>1 {stamp}.{t_ns % 10**9 // 1_000:06d}Z "
        f"{_word(host, 255)} {_word(app, 48)} - {_word(kind, 32)} [{SD_ID}{pairs}] "
    )
    try:
        return head.encode() + BOM + text.encode()
    except UnicodeEncodeError as error:
        raise BadInputError(f"a text cannot be written as UTF-8: {error.reason}") from None


def framed(body: bytes) -> bytes:
    """Return a message with its length in octets before it, so that nothing in it can begin another one."""
    return b"%d %b" % (len(body), body)


def escaped(value: str) -> str:
    """Escape a parameter's value: backslash, quote and closing bracket; control characters become U+FFFD."""
    plain = CONTROL.sub("\ufffd", value)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _word(value: str, limit: int) -> str:
    return re.sub(r"[^!-~]", "-", value)[:limit] or "-"
