"""Which trained encoder is used: the one this package ships, or one from a folder that ``mumetal model train`` wrote."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from mumetal.core.errors import BadInputError
from mumetal.trust.api import PackagedModels
from mumetal.watch.api import EncoderModel

SHIPPED_IN, FOLDER = "mumetal.watch", "pretrained"


@lru_cache(maxsize=1)
def shipped() -> EncoderModel:
    """Return the encoder that this package ships, its digest checked.

    Raises:
        RejectedError: Its bytes are not those of the release.
        UnavailableError: ONNX Runtime is not installed.
    """
    return EncoderModel.of(PackagedModels.of_package(SHIPPED_IN, FOLDER))


def named(folders: Sequence[Path]) -> dict[str, EncoderModel]:
    """Return encoders from folders by the folders' names, in order.

    Raises:
        BadInputError: Two folders of one name, or no encoder in one.
        RejectedError: Bytes that are not those of the folder's manifest.
        UnavailableError: No manifest, or ONNX Runtime is not installed.
    """
    found: dict[str, EncoderModel] = {}
    for folder in folders:
        if folder.name in found:
            raise BadInputError(f"two folders are called {folder.name!r}", hint="rename one")
        found[folder.name] = EncoderModel.of(PackagedModels(folder))
    return found
