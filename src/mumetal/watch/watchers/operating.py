"""Watches what each device is doing as a whole, and tells when a refrigerator stops cooling."""

from collections.abc import Sequence

from mumetal.core.delivery import Datum
from mumetal.core.ports import DatumKind, Observed, PluginInfo
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.watch.operating.device import Device
from mumetal.watch.watchers.per_subject import PerSubject


class OperatingWatcher(PerSubject[Device]):
    """One finding when cooling stops, said anew as it goes on and ended when it is cold again or at room temperature.

    Only what thermometers in kelvin say is believed, of any name; switches are named, not interpreted.
    """

    info = PluginInfo(plugin_id="watch.operating", title="What each device is doing")

    def __init__(self) -> None:
        super().__init__(lambda _: Device())

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say yes to samples."""
        del subject
        return kind == "series"

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look at rows of one stream."""
        seen = [
            self.of((rows.tenant, rows.device, "")).observe(rows, now_ns)
            for rows in data
            if isinstance(rows, Series) and len(rows)
        ]
        return Observed(
            findings=tuple(f for each in seen for f in each.findings),
            closed=frozenset(i for each in seen for i in each.closed),
            states=tuple(s for each in seen for s in each.states),
        )
