"""The part's own table: one row an event, so that the same one twice counts once."""

from collections.abc import Sequence

from mumetal.core.event import Event
from mumetal.core.migration import Migration
from mumetal.core.records import PartTables

MIGRATIONS = (
    Migration(
        prefix="tally",
        number=1,
        name="events by device and activity",
        work=(
            "CREATE TABLE tally_events (tenant VARCHAR(200) NOT NULL, event_id VARCHAR(1000) NOT NULL, "
            "device VARCHAR(200) NOT NULL, activity VARCHAR(1000) NOT NULL, reset_by VARCHAR(200) NOT NULL, "
            "PRIMARY KEY (tenant, event_id))",
        ),
    ),
)


class Counts:
    """What was counted.

    Args:
        tables: The part's own tables.
    """

    def __init__(self, tables: PartTables) -> None:
        self._tables = tables

    def add(self, event: Event) -> None:
        """Count an event."""
        self._tables.write(
            "INSERT INTO tally_events (tenant, event_id, device, activity, reset_by) "
            "VALUES (:tenant, :event_id, :device, :activity, '') ON CONFLICT (tenant, event_id) DO NOTHING",
            tenant=event.tenant, event_id=event.event_id, device=event.device, activity=event.activity,
        )  # fmt: skip

    def of(self, tenant: str) -> Sequence[tuple[str, str, int]]:
        """Return device, activity and count, in order."""
        rows = self._tables.read(
            "SELECT device, activity, COUNT(*) FROM tally_events WHERE tenant = :tenant AND reset_by = '' "
            "GROUP BY device, activity ORDER BY device, activity",
            tenant=tenant,
        )
        return [(str(device), str(activity), int(str(n))) for device, activity, n in rows]

    def busy(self, most: int) -> Sequence[tuple[str, str, int]]:
        """Return tenant, device and count of devices with more than ``most`` events."""
        rows = self._tables.read(
            "SELECT tenant, device, COUNT(*) FROM tally_events WHERE reset_by = '' "
            "GROUP BY tenant, device HAVING COUNT(*) > :most",
            most=most,
        )
        return [(str(tenant), str(device), int(str(n))) for tenant, device, n in rows]

    def reset(self, tenant: str, device: str, act_id: str) -> None:
        """Set a device's events aside; the same act again finds no more of them."""
        self._tables.write(
            "UPDATE tally_events SET reset_by = :act_id WHERE tenant = :tenant AND device = :device AND reset_by = ''",
            tenant=tenant, device=device, act_id=act_id,
        )  # fmt: skip

    def restore(self, tenant: str, act_id: str) -> None:
        """Count again what an act set aside."""
        self._tables.write(
            "UPDATE tally_events SET reset_by = '' WHERE tenant = :tenant AND reset_by = :act_id",
            tenant=tenant, act_id=act_id,
        )  # fmt: skip
