"""Where data are kept: a write-ahead log that is the truth, a hot tier rebuilt from it, and sorted Parquet."""

from mumetal.connect.stores.stats import StoreStats
from mumetal.connect.stores.store import LogStore

__all__ = ["LogStore", "StoreStats"]
