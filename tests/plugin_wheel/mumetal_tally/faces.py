"""The page and the API."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from mumetal.serve.faces import Faces, PageTable

from .running import TallyRunning


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    router = APIRouter(tags=["tally"])

    def counts(request: Request) -> Sequence[tuple[str, str, int]]:
        running = faces.running["tally"]
        assert isinstance(running, TallyRunning)
        return running.counts.of(faces.caller(request).tenant)

    @router.get("/tally", include_in_schema=False)
    def page(request: Request) -> Response:
        """Show the counts."""
        rows = [(device, activity, str(n)) for device, activity, n in counts(request)]
        table = PageTable(title="Counts", head=("Device", "Activity", "Events"), rows=rows)
        return faces.page(request, "/tally", "Tally", "What is done to each device.", (table,))

    @router.get("/api/v1/tally")
    def told(request: Request) -> list[tuple[str, str, int]]:
        """Return device, activity and count."""
        return list(counts(request))

    return (router,)
