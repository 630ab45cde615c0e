"""What signs and opens a registry's documents; :mod:`mumetal.trust.signing` is the real one."""

from typing import Protocol


class Seal(Protocol):
    """A signed envelope around canonical bytes."""

    def close(self, payload: bytes, kind: str) -> bytes:
        """Return a signed envelope around ``payload``; ``kind`` is bound to it.

        Raises:
            UnavailableError: The key cannot be reached.
        """
        ...

    def open(self, envelope: bytes, kind: str, where: str) -> bytes:
        """Return the payload of an envelope of this kind.

        Raises:
            RejectedError: The signature does not hold, the signer may not, or it is of another kind.
            BadInputError: It is no envelope.
        """
        ...
