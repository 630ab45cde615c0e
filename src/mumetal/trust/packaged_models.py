"""Models that come with a package or a folder: data only, named in a manifest, verified before anybody sees them."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import Verifier
from mumetal.trust.digest import DigestVerifier, decode_manifest

MANIFEST = "manifest.json"
MAX_MODEL_BYTES = 64 * 2**20
PAPERS = (PROMISES, REPORT, CARD) = ("-promises.json", "-report.json", "-card.json")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.(json|onnx|safetensors)")


class PackagedModels:
    """Loads models by name from one folder.

    The formats are JSON, ONNX and safetensors: none of them runs code when it is read. Beside ``NAME.onnx`` lie what is
    promised of it (``NAME-promises.json``) and what the gates said at the release (``NAME-report.json``), or its card
    (``NAME-card.json``).

    Args:
        folder: A :class:`pathlib.Path`, or what :func:`importlib.resources.files` returns.
        verifier: Checks each model; without one the folder's own ``manifest.json`` is used, which protects against
            damage, and against tampering only as far as the folder itself is protected.

    Raises:
        UnavailableError: The folder has no manifest.
        BadInputError: The manifest cannot be read.
    """

    def __init__(self, folder: Traversable, *, verifier: Verifier | None = None) -> None:
        self._folder = folder
        listed = _manifest(folder) if verifier is None else {}
        self._verifier = verifier if verifier is not None else DigestVerifier(listed)
        self._listed = tuple(sorted(listed))

    def models(self) -> tuple[str, ...]:
        """Return the file names of the models that the folder's manifest lists, without the papers beside them."""
        return tuple(name for name in self._listed if not name.endswith(PAPERS))

    def papers(self) -> tuple[str, ...]:
        """Return the file names of the papers that the folder's manifest lists."""
        return tuple(name for name in self._listed if name.endswith(PAPERS))

    @classmethod
    def of_package(cls, package: str, folder: str = "models") -> "PackagedModels":
        """Open the models that an installed package ships.

        Raises:
            UnavailableError: There is no such package or it ships no models.
        """
        try:
            return cls(files(package) / folder)
        except ModuleNotFoundError:
            raise UnavailableError("there is no such package", where=package) from None

    def load(self, name: str) -> Artefact:
        """Return a verified model; its URI is its name.

        Raises:
            RejectedError: It is not in the manifest or its bytes are others.
            BadInputError: There is no such model, its name is not a plain file name, or it is larger than 64 MiB.
        """
        if not NAME.fullmatch(name):
            raise BadInputError(
                f"{name[:80]!r} is not a model's name", hint="a plain file name ending in .json, .onnx or .safetensors"
            )
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(MAX_MODEL_BYTES + 1)
        except (FileNotFoundError, IsADirectoryError):
            raise BadInputError("there is no such model", where=name) from None
        except OSError as error:
            raise RejectedError(f"the model cannot be read: {error.strerror}", where=name) from None
        if len(data) > MAX_MODEL_BYTES:
            raise BadInputError(f"a model has at most {MAX_MODEL_BYTES} bytes", where=name)
        artefact = Artefact(uri=name, kind="model", data=data)
        self._verifier.verify(artefact)
        return artefact


def _manifest(folder: Traversable) -> dict[str, str]:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError:
        raise UnavailableError("the folder has no manifest of models", where=f"{folder}/{MANIFEST}") from None
    return decode_manifest(text, f"{folder}/{MANIFEST}")
