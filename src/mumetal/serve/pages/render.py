"""Templates to HTML: autoescaped, undefined names are errors, and the few words that need formatting."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from mumetal import __version__
from mumetal.core.errors import MumetalError
from mumetal.core.finding import Severity
from mumetal.core.part import Page
from mumetal.formats.units import often

STATIC = Path(__file__).parent / "static"
_ACRONYMS = frozenset({"tls", "api", "qpu", "awg", "ntp", "ptp"})
_STEPS = ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h"), (math.inf, 86_400, "d"))


def duration(ns: int) -> str:
    """Return a length of time in one short figure, such as ``"4 min"``; negative counts as none."""
    seconds = max(0, ns) / 1e9
    limit, size, unit = next(step for step in _STEPS if seconds < step[0])
    return f"{seconds / size:.1f} {unit}" if limit == 60 and 0 < seconds < 10 else f"{int(seconds // size)} {unit}"


def ago(ns: int, now_ns: int) -> str:
    """Return how long ago ``ns`` was, by the stack's own time."""
    if ns <= 0:
        return "never"
    return "just now" if now_ns - ns < 2 * 10**9 else f"{duration(now_ns - ns)} ago"


def iso(ns: int) -> str:
    """Return the moment for a ``datetime`` attribute; the viewer's script puts it into their zone."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds") if ns > 0 else ""


def clock(ns: int) -> str:
    """Return the moment in UTC, as read where no script runs."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if ns > 0 else "–"


def figure(value: float) -> str:
    """Return a number with three significant digits and an SI suffix from a thousand up."""
    if not math.isfinite(value):
        return "–"
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if size == 1e4 else size):.3g} {suffix}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def quantity(value: float, unit: str, digits: int = 3) -> str:
    """Return a value in SI with a fitting prefix, such as ``"112 µs"``; pure numbers stay bare."""
    if not math.isfinite(value):
        return "not observed"
    if unit in {"1", ""}:
        return f"{value:.{digits}g}"
    size, prefix = next((p for p in _PREFIXES if abs(value) >= p[0]), (1.0, "") if value == 0 else _PREFIXES[-1])
    return f"{value / size:.{digits}g} {prefix}{unit}"


def percent(value: float) -> str:
    """Return a probability as a whole per cent, never rounded to certainty."""
    if 0.99 < value < 1.0:
        return "> 99 %"
    return "< 1 %" if 0.0 < value < 0.01 else f"{value * 100:.0f} %"


def short(dotted: str) -> str:
    """Return the last part of a dotted id as words."""
    words = dotted.rsplit(".", 1)[-1].replace("_", " ").split(" ")
    return " ".join(word.upper() if word in _ACRONYMS else word for word in words)


def signed(value: float) -> str:
    """Return a number with its sign, one digit after the point."""
    return f"{value:+.1f}".replace("-", "−") if math.isfinite(value) else "–"


def printable(excerpt: str) -> str:
    """Return a hex excerpt as plain ASCII, with a dot for every byte that is not."""
    try:
        raw = bytes.fromhex(excerpt)
    except ValueError:
        return "–"
    return "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in raw)


def segment(text: str) -> str:
    """Quote one path segment, slashes too."""
    return quote(text, safe="")


def bar(share: float) -> int:
    """Return a share in [0, 1] as a length in [0, 100]."""
    return round(min(1.0, max(0.0, share)) * 100) if math.isfinite(share) else 0


_ENVIRONMENT = Environment(
    loader=PackageLoader("mumetal.serve.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for _filter in (duration, ago, iso, clock, figure, quantity, percent, short, signed, printable, segment, bar, often):
    _ENVIRONMENT.filters[_filter.__name__] = _filter
_ENVIRONMENT.filters["severity"] = lambda value: Severity(value).name.lower()
_ENVIRONMENT.globals["version"] = __version__
_ENVIRONMENT.globals["navigation"] = []
_ENVIRONMENT.globals["signs_out"] = False


def navigate(pages: Iterable[Page], *, signs_out: bool) -> None:
    """Set what the navigation of every page shows, in order, and whether there is a session to leave."""
    _ENVIRONMENT.globals["signs_out"] = signs_out
    _ENVIRONMENT.globals["navigation"] = sorted(pages, key=lambda page: (page.order, page.title))


def html(name: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """Render a template."""
    return HTMLResponse(_ENVIRONMENT.get_template(name).render(values), status_code=status)


def error_page(request: Request, answer: Response, error: MumetalError) -> Response:
    """Return the friendly page for an error, with the status and headers of its API answer."""
    path, query = request.url.path, request.url.query
    led = error.where == "Sec-Fetch-Site" and request.method == "GET" and not path.startswith(("//", "/\\"))
    onward = f"{path}?{query}" if query else path  # another site led here: whoever meant to come goes on by themselves
    page = html(
        "error.html",
        {"error": error, "status": answer.status_code, "onward": onward if led else "", "twin": False, "at": ""},
        answer.status_code,
    )
    if "retry-after" in answer.headers:
        page.headers["Retry-After"] = answer.headers["retry-after"]
    return page


class _Static(StaticFiles):
    """Files of the package; browsers ask each time whether they changed, so an upgrade shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def static_files() -> StaticFiles:
    """Return the application that serves scripts and styles."""
    return _Static(directory=STATIC)
