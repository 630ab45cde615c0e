"""How a secret is spoken of without being told: a masked excerpt and a fingerprint."""

import hashlib
from functools import lru_cache

SALT = b"mumetal secret fingerprint 1"
_ROUNDS = 4_000  # slows guessing of weak passwords by as much; a finding costs about two milliseconds


def masked(value: bytes) -> str:
    """Return the first characters and the length: ``ghp… (40 characters)``.

    At most four characters are shown, never more than a quarter, and none of what is not printable ASCII.
    """
    shown = min(4, len(value) // 4)
    head = "".join(chr(c) if 32 < c < 127 else "?" for c in value[:shown])
    return f"{head}… ({len(value)} characters)"


@lru_cache(maxsize=4_096)
def fingerprint(value: bytes, salt: bytes = SALT) -> str:
    """Return 32 hex digits that tell one secret from another without telling it (PBKDF2, RFC 8018).

    Args:
        value: The secret.
        salt: Mixed in; with another salt the same secret has another fingerprint.
    """
    return hashlib.pbkdf2_hmac("sha256", value, salt, _ROUNDS, dklen=16).hex()
