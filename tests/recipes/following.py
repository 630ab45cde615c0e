"""Reads the recipes of CONTRIBUTING.md and follows their steps to the letter: writes files, adds lines, names entry points."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FENCE = "```"
ADDED = re.compile(r"`([^`]+)`\s+after\s+`([^`]+)`")
EXCHANGED = re.compile(r"with `([^`]+)` for `([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One numbered step: its text, and the code below it."""

    text: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One kind of plug-in: the steps in this tree, and from another package."""

    kind: str
    inside: tuple[Step, ...]
    outside: tuple[Step, ...]

    def blocks(self) -> list[str]:
        """Return every block of code."""
        return [step.code for step in (*self.inside, *self.outside) if step.code]


def recipes(page: str) -> dict[str, Recipe]:
    """Return the recipes that hold code, by kind."""
    found = {}
    for kind, body in re.findall(r"^## An? (.+?)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE):
        places = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", body, re.DOTALL | re.MULTILINE))
        if places:
            found[kind] = Recipe(
                kind=kind,
                inside=_steps(places["In this tree"]),
                outside=_steps(places.get("From another package", "")),
            )
    return found


def _steps(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, body in re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |\Z)", text, re.DOTALL | re.MULTILINE):
        assert int(number) == len(steps) + 1, f"steps are numbered from 1: {body[:60]}"
        said, fence, code = body.partition(FENCE)
        block = code.partition(FENCE)[0].partition("\n")[2] if fence else ""
        steps.append(Step(text=said, code=block))
    return tuple(steps)


class Follower:
    """Follows steps in a folder.

    Args:
        root: Where the paths of the steps begin.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.points: dict[str, dict[str, str]] = {}
        self.written: list[Path] = []
        self.changed: list[Path] = []

    def follow(self, steps: tuple[Step, ...], above: tuple[Step, ...] = ()) -> None:
        """Do what each step says; ``above`` are those of the other place, which a step may point at."""
        done = [self._do(step, above) for step in steps]
        assert any(done), "a recipe of which nothing can be followed"

    def _do(self, step: Step, above: tuple[Step, ...]) -> bool:
        where = re.match(r"(Write|In|Name it in your) `([^`]+)`", step.text)
        if where is None:
            assert not step.code, f"code without a place: {step.text}"
            return False
        verb, place = where.groups()
        if verb == "Write":
            self._write(place, self._code(step, above))
        elif verb == "In":
            self._add(place, ADDED.findall(step.text))
        else:
            for group, entries in tomllib.loads(step.code)["project"]["entry-points"].items():
                self.points.setdefault(group, {}).update(entries)
        return True

    @staticmethod
    def _code(step: Step, above: tuple[Step, ...]) -> str:
        if "as above" not in step.text:
            assert step.code, f"nothing to write: {step.text}"
            return step.code
        code = next(s.code for s in above if s.code)
        for new, old in EXCHANGED.findall(step.text):
            assert code.count(old) == 1, old
            code = code.replace(old, new)
        return code + "".join(f"{line}\n" for line in re.findall(r"`([^`]+)` at its end", step.text))

    def _write(self, place: str, code: str) -> None:
        path = self._root / place
        assert not path.exists(), f"{place} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        self.written.append(path)

    def _add(self, place: str, pairs: list[tuple[str, str]]) -> None:
        assert pairs, f"nothing is added in {place}"
        path = self._root / place
        lines = path.read_text().splitlines()
        for new, after in pairs:
            at = [n for n, line in enumerate(lines) if line.strip() == after]
            assert len(at) == 1, f"{place} has {len(at)} lines {after!r}"
            line = lines[at[0]]
            deeper = 4 if line.endswith("(") else 0
            lines.insert(at[0] + 1, " " * (len(line) - len(line.lstrip()) + deeper) + new)
        path.write_text("\n".join(lines) + "\n")
        self.changed.append(path)
