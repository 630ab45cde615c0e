"""Host-observed measurement: what the host reads back from a board that has no root of trust.

It is *not* attestation. The host digests what the board gives when asked; a board, a link or a host that lies gives the
bytes that are expected. It finds honest mistakes and implants that do not hide. The name says so wherever it is shown.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mumetal.core.errors import RejectedError

KIND: Literal["host-observed measurement"] = "host-observed measurement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the host saw.

    Args:
        device: Of which board.
        sha384: Over what it gave, 96 hex digits.
        size: Bytes.
        t_ns: When, nanoseconds since 1970 UTC.
        kind: Always ``"host-observed measurement"``, so that nobody takes it for more.
    """

    device: str
    sha384: str
    size: int
    t_ns: int
    kind: Literal["host-observed measurement"] = KIND


def measure(device: str, read: Callable[[str], bytes], now_ns: int) -> Measurement:
    """Read a board's image back and digest it.

    Raises:
        UnavailableError: The board is away (raised by ``read``).
    """
    data = read(device)
    return Measurement(device=device, sha384=hashlib.sha384(data).hexdigest(), size=len(data), t_ns=now_ns)


def compare(seen: Measurement, sha384: str) -> None:
    """Return nothing when the host saw what was released.

    Raises:
        RejectedError: It saw other bytes.
    """
    if not hmac.compare_digest(seen.sha384, sha384):
        raise RejectedError(
            f"{KIND}: {seen.sha384[:16]}…, not {sha384[:16]}…",
            where=seen.device,
            hint="take the board out of service and look at it",
        )
