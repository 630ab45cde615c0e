"""Manifests, and models from a folder and a package."""

import hashlib
import json
from pathlib import Path

import pytest

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust import packaged_models
from mumetal.trust.digest import DigestVerifier, decode_manifest
from mumetal.trust.packaged_models import PackagedModels


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": "xyz"}', b'{"": "' + b"0" * 64 + b'"}', b"\xff", b"[" * 100_000]
)
def test_a_bad_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(BadInputError, match="not a manifest"):
        decode_manifest(text)


def test_the_step_that_failed_is_named() -> None:
    verifier = DigestVerifier({"a": hashlib.sha256(b"x").hexdigest()})
    with pytest.raises(RejectedError, match="step 1"):
        verifier.verify(Artefact(uri="b", data=b"x"))
    with pytest.raises(RejectedError, match="step 2"):
        verifier.verify(Artefact(uri="a", data=b"y"))
    with pytest.raises(BadInputError, match="64 hex"):
        DigestVerifier({"a": "ABC"})


def test_a_folder_without_a_manifest_or_a_package_without_models_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no manifest"):
        PackagedModels(tmp_path)
    with pytest.raises(UnavailableError, match="no manifest"):
        PackagedModels.of_package("mumetal")
    with pytest.raises(UnavailableError, match="no such package"):
        PackagedModels.of_package("mumetal_no_such_thing")


def test_an_unlisted_model_and_one_that_is_too_large_do_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "a.json").write_bytes(b"{}")
    models = PackagedModels(tmp_path)
    with pytest.raises(RejectedError, match="step 1"):
        models.load("a.json")
    monkeypatch.setattr(packaged_models, "MAX_MODEL_BYTES", 1)
    with pytest.raises(BadInputError, match="at most"):
        models.load("a.json")


def test_a_model_swapped_after_opening_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "manifest.json").write_text(json.dumps({"a.json": hashlib.sha256(b"{}").hexdigest()}))
    models = PackagedModels(tmp_path)
    assert models.load("a.json").kind == "model"
    (tmp_path / "a.json").write_bytes(b'{"evil": 1}')
    with pytest.raises(RejectedError, match="step 2"):
        models.load("a.json")
