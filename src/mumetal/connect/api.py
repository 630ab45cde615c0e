"""The front door of connect: what ``app`` and ``serve`` may use of it."""

from typing import TYPE_CHECKING

from mumetal.core.front_door import opened

if TYPE_CHECKING:
    from mumetal.connect.settings import StoreSettings
    from mumetal.connect.sinks import SINKS, open_sink, sink_name
    from mumetal.connect.sinks.outbox import Outbox
    from mumetal.connect.sources import SOURCES, open_source
    from mumetal.connect.stores.records.opening import open_records
    from mumetal.connect.stores.records.place import has_records
    from mumetal.connect.stores.store import LogStore

if not TYPE_CHECKING:
    __getattr__, __dir__ = opened(__name__)
