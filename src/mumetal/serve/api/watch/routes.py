"""The routes of the part that watches: what streams say, and the door that takes pushed data."""

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter

from mumetal.formats.arrow import from_arrow_stream
from mumetal.formats.columnar import from_columnar_json
from mumetal.serve.api.watch.live import LiveDoor
from mumetal.serve.api.watch.push import push_router
from mumetal.serve.api.watch.reading import reading_router
from mumetal.serve.faces import Faces


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return them."""
    limit = faces.max_body
    columnar, arrow = partial(from_columnar_json, limit=limit), partial(from_arrow_stream, limit=limit)
    return (
        reading_router(faces.desk, LiveDoor(faces.stopping)),
        push_router(faces.desk, max_body=limit, columnar=columnar, arrow=arrow),
    )
