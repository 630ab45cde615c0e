from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tests.conformance.source_places import PLACES

from mumetal.connect.sources import SOURCES, open_source
from mumetal.core.delivery import Datum, Delivery
from mumetal.core.errors import BadInputError, MumetalError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.ports import Source
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot

KINDS = [kind for kind, _ in SOURCES]


def test_every_listed_source_has_a_place() -> None:
    assert set(KINDS) == set(PLACES)


def identities(data: Iterable[Datum]) -> list[tuple[object, ...]]:
    """One entry for each number or event, with its value."""
    found: list[tuple[object, ...]] = []
    for datum in data:
        if isinstance(datum, Series):
            for row in range(len(datum)):
                at = (datum.device, datum.stream, datum.epoch, int(datum.t_ns[row]), int(datum.seq[row]))
                found += [(*at, name, repr(v)) for name, v in zip(datum.names, datum.values[row].tolist(), strict=True)]
        elif isinstance(datum, Event):
            found.append(("event", datum.event_id, datum.t_ns))
        else:
            assert isinstance(datum, DeviceSnapshot)
            found += [("snapshot", datum.t_ns, p.channel, repr(p.value)) for p in datum.parameters]
    return found


def drain(source: Source, cursor: str = "", limit: int = 10_000) -> tuple[list[Delivery], str]:
    deliveries: list[Delivery] = []
    for _ in range(10_000):
        delivery = source.poll(cursor, limit)
        deliveries.append(delivery)
        cursor = delivery.cursor
        if delivery.caught_up:
            return deliveries, cursor
    pytest.fail("never caught up")


def data_of(deliveries: Iterable[Delivery]) -> list[Datum]:
    return [datum for delivery in deliveries for datum in delivery.data]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(kind: str, place: Path, options: str = "") -> Source:
    return open_source(f"{kind}:{place}{options}")


def test_reads_everything_once_and_says_so(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind].fill(tmp_path, 0, 40)
    source = opened(kind, place)
    deliveries, cursor = drain(source)
    found = identities(data_of(deliveries))
    assert len(found) == len(set(found)) == 40 * PLACES[kind].per_item
    assert not [q for d in deliveries for q in d.quarantined]
    again = source.poll(cursor, 10_000)
    assert again.caught_up
    assert not again.data
    assert again.cursor == cursor


def test_the_same_cursor_gives_the_same_data(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind].fill(tmp_path, 0, 60)
    source = opened(kind, place)
    middle = source.poll("", 20).cursor
    one, two = source.poll(middle, 25), opened(kind, place).poll(middle, 25)
    assert identities(one.data) == identities(two.data) != []
    assert one.cursor == two.cursor


@pytest.mark.parametrize("limit", [1, 7, 20])
def test_small_limits_lose_and_repeat_nothing(kind: str, tmp_path: Path, limit: int) -> None:
    place = PLACES[kind].fill(tmp_path, 0, 50)
    whole = identities(data_of(drain(opened(kind, place))[0]))
    pieces = drain(opened(kind, place), limit=limit)[0]
    assert sorted(map(str, identities(data_of(pieces)))) == sorted(map(str, whole))
    assert len(pieces) > 1
    assert all(not d.caught_up for d in pieces[:-1])


def test_a_place_that_grows_is_read_on_without_loss_or_repeat(kind: str, tmp_path: Path) -> None:
    seen: list[tuple[object, ...]] = []
    cursor, size = "", 0
    for size in (5, 5, 37, 110):
        place = PLACES[kind].fill(tmp_path, 0 if PLACES[kind].rewrites else len(seen) // PLACES[kind].per_item, size)
        source = opened(kind, place)  # a restart each time
        deliveries, cursor = drain(source, cursor, limit=30)
        source.close()
        seen += identities(data_of(deliveries))
        assert len(seen) == size * PLACES[kind].per_item
    assert len(set(seen)) == len(seen)


def test_a_place_that_vanishes_is_unavailable_and_comes_back(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind].fill(tmp_path, 0, 10)
    source = opened(kind, place)
    cursor = drain(source)[1]
    aside = tmp_path / "aside"
    place.rename(aside)
    with pytest.raises(UnavailableError):
        source.poll(cursor, 100)
    with pytest.raises(UnavailableError):
        opened(kind, place)
    aside.rename(place)
    assert not source.poll(cursor, 100).data


def test_closing_twice_is_harmless(kind: str, tmp_path: Path) -> None:
    source = opened(kind, PLACES[kind].fill(tmp_path, 0, 3))
    source.poll("", 10)
    source.close()
    source.close()


def test_a_foreign_cursor_is_bad_input(kind: str, tmp_path: Path) -> None:
    source = opened(kind, PLACES[kind].fill(tmp_path, 0, 3))
    for cursor in ("nonsense", '{"x": 1}', "[", "\x00"):
        with pytest.raises(BadInputError):
            source.poll(cursor, 10)


def test_the_tenant_is_on_everything(kind: str, tmp_path: Path) -> None:
    source = opened(kind, PLACES[kind].fill(tmp_path, 0, 3), "?tenant=lab-b")
    delivery = source.poll("", 100)
    assert delivery.tenant == "lab-b"
    assert {d.tenant for d in delivery.data} == {"lab-b"}
    assert delivery.source == source.name
    assert "lab-b" in source.name


def test_plain_arrays_come_in_si_units(kind: str, tmp_path: Path) -> None:
    source = opened(kind, PLACES[kind].fill(tmp_path, 0, 3))
    for datum in source.poll("", 1_000).data:
        if isinstance(datum, Series):
            assert {c.unit for c in datum.channels} <= {"K", "Pa", "1", "m3/s"}
            assert all(c.provenance for c in datum.channels)
            assert np.isfinite(datum.values).all()


def test_it_says_what_it_is_and_refuses_unknown_options(kind: str, tmp_path: Path) -> None:
    factory = SOURCES.get(kind)
    assert factory.info.plugin_id.startswith("connect.sources.")
    assert factory.info.title
    assert factory.info.reference
    assert factory.example.startswith(kind + ":")
    place = PLACES[kind].fill(tmp_path, 0, 1)
    with pytest.raises(BadInputError, match="no option 'colour'"):
        opened(kind, place, "?colour=blue")


def test_random_bytes_in_place_of_the_data_raise_only_our_errors(kind: str, tmp_path: Path) -> None:
    place = PLACES[kind].fill(tmp_path, 0, 5)
    rng = np.random.default_rng(7)
    target = place if place.is_file() else min(p for p in place.rglob("*") if p.is_file())
    for size in (0, 1, 17, 3_000):
        target.write_bytes(rng.bytes(size))
        with suppress(MumetalError):
            drain(opened(kind, place))
