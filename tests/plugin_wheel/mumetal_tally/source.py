"""A source that comes in the same wheel: ``tallylog:FILE``, a number a line, a second apart, tailed."""

from pathlib import Path

import numpy as np

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Channel, Series

START_NS = 1_760_000_000 * 10**9


class TallyLog:
    """Reads numbers.

    Args:
        spec: The file.
    """

    info = PluginInfo(plugin_id="tallylog", title="Numbers, one a line")

    def __init__(self, spec: SourceSpec) -> None:
        self.name, self._tenant, self._place = spec.name, spec.tenant, Path(spec.place)
        self._device = spec.device("counter")

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read the lines past the cursor."""
        try:
            lines = self._place.read_text().splitlines()
        except OSError as error:
            raise UnavailableError(error.strerror or "cannot be read", where=str(self._place)) from None
        start = int(cursor or 0)
        stop = min(len(lines), start + limit)
        if stop <= start:
            return Delivery(source=self.name, tenant=self._tenant, cursor=str(start))
        rows = Series(
            tenant=self._tenant,
            device=self._device,
            stream="tally",
            channels=(Channel(name="n", unit="1"),),
            t_ns=START_NS + np.arange(start, stop) * 10**9,
            values=np.array([[float(line)] for line in lines[start:stop]]),
        )
        return Delivery(
            source=self.name, tenant=self._tenant, data=(rows,), cursor=str(stop), caught_up=stop == len(lines)
        )

    def close(self) -> None:
        """Nothing is held between polls."""


def _open(spec: SourceSpec) -> Source:
    return TallyLog(spec)


FACTORY = SourceFactory(info=TallyLog.info, example="tallylog:/tmp/counts.txt", options={}, open=_open)
