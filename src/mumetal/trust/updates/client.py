"""The client of a TUF repository, and what Mumetal asks for on top: the right board, and no older security version.

TUF's own rules (python-tuf's ``ngclient``): the root is followed version by version, each signed by the one before; a
timestamp, snapshot or targets file never goes back; expired metadata are refused, so a frozen mirror is noticed; the
image has the length and digest that the targets name. Expiry is judged by the machine's clock.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.updates.repository import board_of, security_version

MAX_TARGET = 256 * 2**20
BASE = "https://repository.invalid/"
Get = Callable[[str], bytes]
"""Returns the bytes under ``metadata/…`` or ``targets/…``; raises FileNotFoundError when there are none."""


class _Door(FetcherInterface):
    """TUF's fetcher over a function."""

    def __init__(self, get: Get) -> None:
        self._get = get

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield self._get(url.removeprefix(BASE))
        except FileNotFoundError:
            raise DownloadHTTPError("not there", 404) from None
        except (OSError, UnavailableError) as error:
            raise DownloadError(f"the repository is away: {error}") from None


class UpdateClient:
    """Fetches targets that the repository's makers vouch for.

    Args:
        folder: Where the trusted metadata are kept between runs; losing it loses the memory of versions.
        root: The first root, from somewhere trusted.
        get: Fetches one file of the repository.
    """

    def __init__(self, folder: Path, *, root: bytes, get: Get) -> None:
        self._folder = folder
        self._root = root
        self._get = get

    def fetch(self, name: str, *, board: str, floor: int) -> bytes:
        """Return a target's verified bytes.

        Args:
            name: Name of the target.
            board: The board it is wanted for.
            floor: Lowest security version that may run there.

        Raises:
            RejectedError: Metadata or target do not verify, are expired, went back, or are for another board.
            UnavailableError: The repository is away.
            BadInputError: There is no such target.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            updater = Updater(
                metadata_dir=str(self._folder),
                metadata_base_url=BASE + "metadata/",
                target_dir=str(self._folder),
                target_base_url=BASE + "targets/",
                fetcher=_Door(self._get),
                config=UpdaterConfig(max_root_rotations=64),
                bootstrap=self._root,
            )
            updater.refresh()
            target = updater.get_targetinfo(name)
        except DownloadError as error:
            raise UnavailableError(f"the repository is away: {error}"[:300], where=name) from None
        except RepositoryError as error:
            raise RejectedError(f"the repository does not verify: {error}"[:300], where=name) from None
        except OSError as error:
            raise UnavailableError(f"trusted metadata cannot be kept: {error.strerror}", where=name) from None
        if target is None:
            raise BadInputError("the repository has no such target", where=name)
        if board_of(target) != board:
            raise RejectedError(f"it is for {board_of(target)[:80] or 'no board'}, not for {board}", where=name)
        if security_version(target) < floor:
            raise RejectedError(f"security version {security_version(target)} is below {floor}", where=name)
        if target.length > MAX_TARGET:
            raise RejectedError(f"a target has at most {MAX_TARGET} bytes", where=name)
        digest = target.hashes.get("sha384", "")
        try:
            data = self._get(f"targets/{digest}.{name}")
            target.verify_length_and_hashes(data)
        except (OSError, UnavailableError):
            raise UnavailableError("the target cannot be fetched", where=name) from None
        except RepositoryError as error:
            raise RejectedError(f"the target is another one: {error}"[:300], where=name) from None
        if not digest:
            raise RejectedError("the target names no SHA-384", where=name)
        return data


def folder_get(folder: Path) -> Get:
    """Return a :data:`Get` for a repository that lies in a folder, such as a mounted share."""

    def get(name: str) -> bytes:
        if ".." in name or name.startswith("/"):
            raise FileNotFoundError(name)
        with (folder / name).open("rb") as file:
            return file.read(MAX_TARGET + 1)

    return get
