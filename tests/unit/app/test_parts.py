"""The own parts: every reference leads somewhere, and none of it is loaded before it is asked for."""

import subprocess
import sys

import pytest

from mumetal.app.parts import OWN, own_parts, part_names, parts
from mumetal.core.errors import BadInputError
from mumetal.core.part import Part, looked_up

HEAVY = {"fastapi", "starlette", "typer", "duckdb", "sqlalchemy", "uvicorn", "onnxruntime", "jinja2"}


@pytest.mark.parametrize("part", own_parts(), ids=lambda part: part.part_id)
def test_every_reference_of_a_part_leads_to_what_it_is_said_to_be(part: Part) -> None:
    for place in part.references():
        assert looked_up(place) is not None, place
    functions = (part.opens, part.watchers, *part.routes, *(command.place for command in part.commands))
    assert all(callable(looked_up(place)) for place in functions if place)
    if part.settings:
        assert isinstance(looked_up(part.settings), type)


def test_a_reference_that_leads_nowhere_is_told() -> None:
    for place in ("mumetal.core.part", "mumetal.core.part:Nothing", "mumetal.nowhere:PART", ":x", "x:"):
        with pytest.raises(BadInputError):
            looked_up(place)


def test_verbs_are_undone_by_verbs_and_pages_and_commands_are_named_once() -> None:
    ids = [verb.verb_id for part in parts() for verb in part.verbs]
    assert all(verb.undo in ids for part in parts() for verb in part.verbs if verb.undo)
    for names in (
        [page.path for part in own_parts() for page in part.pages],
        [command.name for part in own_parts() for command in part.commands],
        [agent.name for part in own_parts() for agent in part.agents],
    ):
        assert len(names) == len(set(names))
        assert names
    assert part_names().isdisjoint({part.part_id for part in own_parts()})


def test_parts_are_data_and_load_nothing() -> None:
    places = sorted({place.partition(":")[0] for place in OWN})
    program = f"import sys, {', '.join(places)}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mumetal" in loaded
    assert not HEAVY & loaded
