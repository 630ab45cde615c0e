"""Where a board's host fetches updates from: a folder such as a mounted share, or an HTTPS server of static files.

Whatever comes is verified by the update client; all that is settled here is how much is read and how long is waited.
"""

import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.trust.updates.client import MAX_TARGET, Get, folder_get

MAX_METADATA = 4 * 2**20
PATIENCE_S = 30.0
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def open_mirror(place: str) -> Get:
    """Return how to fetch one file of the repository.

    Args:
        place: A folder, or ``https://…``; plain HTTP only on this machine.

    Raises:
        BadInputError: Neither.
    """
    parts = urlsplit(place)
    if parts.scheme in {"https", "http"}:
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadInputError("plain HTTP is for this machine only", where=place[:200], hint="use https")
        if parts.query or parts.fragment or parts.username:
            raise BadInputError("a repository's address has no query and no user", where=place[:200])
        return _web(place.rstrip("/"))
    folder = Path(place)
    if not folder.is_dir():
        raise BadInputError("no such folder", where=place[:200], hint="name a folder or an https address")
    return folder_get(folder)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a mirror that points elsewhere is named as what it is."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""
        return


def _web(base: str) -> Get:
    opener = urllib.request.build_opener(_Stay)

    def get(name: str) -> bytes:
        limit = MAX_TARGET if name.startswith("targets/") else MAX_METADATA
        try:
            with opener.open(f"{base}/{quote(name)}", timeout=PATIENCE_S) as answer:
                data: bytes = answer.read(limit + 1)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(name) from None
            raise UnavailableError(f"the repository answers {error.code}", where=f"{base}/{name}"[:300]) from None
        except OSError as error:
            raise UnavailableError(f"the repository is away: {error}"[:300], where=base[:200]) from None
        if len(data) > limit:
            raise UnavailableError(f"a file of more than {limit} bytes", where=f"{base}/{name}"[:300])
        return data

    return get
