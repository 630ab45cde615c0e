"""The locked dependencies are those of the package: each at one version that it allows, by hashes, from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = {
    "core": PROJECT["dependencies"],
    "server": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["server"]],
}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(part: str) -> dict[str, list[Version]]:
    """Return the versions of each package, several where a platform or a Python asks for another."""
    text = (ROOT / "requirements" / f"{part}.txt").read_text()
    assert "://" not in text
    found: dict[str, list[Version]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        words, *hashes = re.split(r"\s+(?=--hash=)", entry.strip())
        assert hashes, words
        assert all(HASH.fullmatch(one) for one in hashes), words
        pinned = Requirement(words)
        (exact,) = pinned.specifier
        assert exact.operator == "==", words
        found.setdefault(canonicalize_name(pinned.name), []).append(Version(exact.version))
    return found


@pytest.mark.parametrize("part", ASKED)
def test_each_dependency_is_locked_to_a_version_that_is_allowed(part: str) -> None:
    found = locked(part)
    for asked in map(Requirement, ASKED[part]):
        versions = found.get(canonicalize_name(asked.name))
        assert versions, f"{asked.name} is not locked: run `make lock`"
        assert all(asked.specifier.contains(v) for v in versions), f"{asked} has {versions}: run `make lock`"


def test_both_installs_have_the_same_versions() -> None:
    core, server = locked("core"), locked("server")
    assert {name: server.get(name) for name in core} == core
    assert "fastapi" not in core
