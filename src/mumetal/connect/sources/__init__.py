"""Where data come from: one file per kind, listed here, opened by ``KIND:PLACE?option=value``."""

from pathlib import Path

from mumetal.connect.sources import audit, bluefors, hdf5, ibm, numpy_files, platforms, table, table_parquet
from mumetal.connect.sources.edge import EdgeSource
from mumetal.connect.sources.edge_plan import load
from mumetal.connect.sources.join import JoinSource
from mumetal.connect.sources.spec import SourceFactory, SourceSpec, parse_spec
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Source
from mumetal.core.registry import Registry

__all__ = ["SOURCES", "SourceFactory", "SourceSpec", "open_source", "parse_spec"]

SOURCES: Registry[SourceFactory] = Registry("source", "mumetal.sources")
SOURCES.add("audit", audit.FACTORY)
SOURCES.add("bluefors", bluefors.FACTORY)
SOURCES.add("csv", table.FACTORY)
SOURCES.add("hdf5", hdf5.FACTORY)
SOURCES.add("ibm", ibm.FACTORY)
SOURCES.add("npy", numpy_files.FACTORY)
SOURCES.add("parquet", table_parquet.FACTORY)
SOURCES.add("platforms", platforms.FACTORY)

ALWAYS = {
    "tenant": "for whom the source reads",
    "device": "device name",
    "edge": "TOML file that says which channels are raw waveforms: their features come out, the raw rows do not; and which are joined",
}


def open_source(spec: str) -> Source:
    """Open the source that a text names.

    Args:
        spec: ``KIND:PLACE?option=value&…``, such as ``"bluefors:/logs?tz=Europe/Helsinki&device=fridge-1"``.

    Raises:
        BadInputError: Not such a text, an unknown kind or an unknown option; the hint lists the known ones.
        UnavailableError: The place is not there.
    """
    return _open(spec, nested=False)


def _open(spec: str, *, nested: bool) -> Source:
    parsed = parse_spec(spec)
    factory = SOURCES.get(parsed.kind)
    known = ALWAYS | dict(factory.options)
    for option in parsed.options:
        if option not in known:
            raise BadInputError(
                f"source {parsed.kind!r} has no option {option!r}",
                where=parsed.name,
                hint="known: " + ", ".join(sorted(known)),
            )
    edge = parsed.option("edge")
    plan = load(Path(edge)) if edge else None
    if plan is not None and plan.also and nested:
        raise BadInputError("a source that is joined with another names a third", where=edge, hint="join two at a time")
    source = factory.open(parsed)
    if plan is None:
        return source
    if plan.groups:
        source = EdgeSource(source, plan)
    if not plan.joins:
        return source
    return JoinSource((source, _open(plan.also, nested=True)) if plan.also else (source,), plan.joins)
