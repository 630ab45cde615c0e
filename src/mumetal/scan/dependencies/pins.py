"""Which versions a project's files name: requirements, lock files, pyproject.toml, conda files, installed metadata."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from mumetal.core.errors import BadInputError

MAX_BYTES = 32 * 2**20
MAX_PINS = 20_000
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_REQUIREMENT = re.compile(
    rf"\s*({_NAME})\s*(?:\[[^\]]{{0,200}}\])?\s*\(?((?:[<>=!~]=?=?\s*[\w.*+!-]{{1,60}}\s*,?\s*)*)\)?"
)
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>)\s*([\w.*+!-]{1,60})")
_CONDA = re.compile(rf"\s*-\s*(?:[\w-]+::)?({_NAME})\s*={{1,2}}\s*([\w.]{{1,40}})")
_PIPISH = re.compile(
    r"(?:^|/)(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)|requirements/[\w.-]+\.txt)$", re.IGNORECASE
)
_TEST_PLACE = re.compile(r"dev|test|lint|doc|ci\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package that a file names.

    Args:
        package: Name, normalised (lower case, ``-``).
        version: Version, when exactly one is named; empty otherwise.
        below: Upper bound (exclusive) of what is allowed; empty when there is none.
        line: Where, from 1.
        place: ``"run"``, or ``"test"`` when only tests or documents need it.
    """

    package: str
    version: str = ""
    below: str = ""
    line: int
    place: Literal["run", "test"] = "run"


def normal(name: str) -> str:
    """Return a package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: str, data: bytes) -> Iterator[Pin]:
    """Yield what a file pins; nothing for a file of another kind.

    Raises:
        BadInputError: Too large, or not what its name says.
    """
    name = path.rsplit("/", 1)[-1].lower()
    kind = _kind(path, name)
    if kind == "":
        return
    if len(data) > MAX_BYTES:
        raise BadInputError(f"{name} has {len(data)} bytes, more than {MAX_BYTES}", where=path)
    text = data.decode("utf-8", "replace")
    place: Literal["run", "test"] = "test" if _TEST_PLACE.search(path) and kind == "pip" else "run"
    reader = {"pip": _pip, "conda": _conda, "metadata": _metadata}.get(kind)
    found = reader(text) if reader else _structured(kind, data, text, path)
    for number, pin in enumerate(found):
        if number >= MAX_PINS:
            raise BadInputError(f"more than {MAX_PINS} packages are named", where=path)
        yield pin if pin.place == "test" or place == "run" else _at(pin, place)


def _at(pin: Pin, place: Literal["run", "test"]) -> Pin:
    return Pin(package=pin.package, version=pin.version, below=pin.below, line=pin.line, place=place)


def _kind(path: str, name: str) -> str:
    if _PIPISH.search(path):
        return "pip"
    if name in {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"}:
        return "lock"
    if name in {"environment.yml", "environment.yaml", "conda-lock.yml"}:
        return "conda"
    if path.endswith((".dist-info/METADATA", "PKG-INFO")):
        return "metadata"
    return {"pyproject.toml": "pyproject", "pipfile.lock": "pipfile"}.get(name, "")


def requirement(text: str, line: int) -> Pin | None:
    """Read one requirement such as ``qiskit[all]~=1.2,<1.4``; None when it is none (an option, an address)."""
    found = _REQUIREMENT.match(text.split(";", maxsplit=1)[0].split("#", maxsplit=1)[0])
    if not found or text.lstrip().startswith("-"):
        return None
    version = below = ""
    for operator, value in _CLAUSE.findall(found[2]):
        if operator in {"==", "==="} and "*" not in value:
            version = value
        elif operator == "==":
            below = _next(value.rstrip("*").rstrip("."), keep=0)
        elif operator == "~=":
            below = _next(value, keep=1)
        elif operator == "<":
            below = value
        elif operator == "<=":
            below = value + ".0.1" if value.count(".") < 2 else _next(value, keep=0)
    return Pin(package=normal(found[1]), version=version, below=below, line=line)


def _next(value: str, keep: int) -> str:
    """Return the first release past ``value``'s series, with ``keep`` parts dropped: ``~=1.4`` ends before 2."""
    parts = re.findall(r"\d+", value)[: max(value.count(".") + 1, 1)]
    parts = parts[: len(parts) - keep] if len(parts) > keep else parts
    return ".".join([*parts[:-1], str(int(parts[-1]) + 1)]) if parts else ""


def _pip(text: str) -> Iterator[Pin]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and (pin := requirement(line, number)):
            yield pin


def _conda(text: str) -> Iterator[Pin]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := _CONDA.match(line):
            yield Pin(package=normal(found[1]), version=found[2], line=number)


def _metadata(text: str) -> Iterator[Pin]:
    head = text.split("\n\n", 1)[0][:20_000]
    fields = dict(re.findall(r"^(Name|Version): *(\S{1,100})\s*$", head, re.MULTILINE))
    if {"Name", "Version"} <= fields.keys():
        line = head[: head.index("\nVersion:") + 1].count("\n") + 1 if "\nVersion:" in head else 1
        yield Pin(package=normal(fields["Name"]), version=fields["Version"], line=line)


def _structured(kind: str, data: bytes, text: str, path: str) -> Iterator[Pin]:
    try:
        decoded: object = msgspec.json.decode(data) if kind == "pipfile" else msgspec.toml.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot be read: {str(error)[:200]}", where=path) from None
    lines = _Lines(text)
    if kind == "lock":
        for package in _list(decoded, "package") or _list(decoded, "packages"):
            name, version = (package.get("name"), package.get("version")) if isinstance(package, dict) else (None, None)
            if isinstance(name, str) and isinstance(version, str):
                yield Pin(package=normal(name), version=version, line=lines.of(f'name = "{name}"'))
    elif kind == "pipfile":
        for section, place in (("default", "run"), ("develop", "test")):
            held = decoded.get(section) if isinstance(decoded, dict) else None
            for name, entry in held.items() if isinstance(held, dict) else ():
                said = entry.get("version") if isinstance(entry, dict) else None
                if isinstance(said, str) and (pin := requirement(f"{name}{said}", lines.of(f'"{name}"'))):
                    yield _at(pin, "test" if place == "test" else "run")
    else:
        yield from _pyproject(decoded, lines)


def _pyproject(decoded: object, lines: "_Lines") -> Iterator[Pin]:
    project = decoded.get("project") if isinstance(decoded, dict) else None
    project = project if isinstance(project, dict) else {}
    groups: list[tuple[object, Literal["run", "test"]]] = [(project.get("dependencies"), "run")]
    optional = project.get("optional-dependencies")
    groups += [(held, "run") for held in optional.values()] if isinstance(optional, dict) else []
    extra = decoded.get("dependency-groups") if isinstance(decoded, dict) else None
    groups += [(held, "test") for held in extra.values()] if isinstance(extra, dict) else []
    for held, place in groups:
        for text in held if isinstance(held, list) else ():
            if isinstance(text, str) and (pin := requirement(text, lines.of(text))):
                yield _at(pin, place)


def _list(decoded: object, key: str) -> list[object]:
    held = decoded.get(key) if isinstance(decoded, dict) else None
    return held if isinstance(held, list) else []


class _Lines:
    """Finds the line of a text in a file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, part: str) -> int:
        at = self._text.find(part)
        return self._text.count("\n", 0, at) + 1 if at >= 0 else 1
