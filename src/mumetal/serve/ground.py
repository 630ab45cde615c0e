"""A range of the real thing: a twin's laboratory, and a whole stack with its pages and API, on one virtual clock."""

import hashlib
import io
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.catalog import calibrations
from mumetal.connect.api import StoreSettings
from mumetal.redteam.api import Seal, StackAddress, TwinRange
from mumetal.serve.session import Session
from mumetal.trust.api import SoftKey, plain_key, write_key
from mumetal.twin.api import Lab, LabPace, LivingTwin

START_NS = 1_790_000_000 * 10**9
STEP_S = 120.0  # one durable commit of each stream a step: it decides how many hours a second has
PACE = LabPace(
    control_hz=1.0, cryostat_hz=0.1, qubits_hz=0.1, queue_hz=0.1, handover_hz=0.1, supply_hz=0.5,
    calibration_s=3_600.0, drift=1.0,
)  # fmt: skip


def as_it_is(settings: Settings) -> Settings:
    """Return the settings that a ground has by itself."""
    return settings


class SessionGround:
    """A stack that is described and not opened yet, with a key of its own that follows from the seal.

    Args:
        seal: Folder, key and clock.
        device: The twin's name.
        change: Changes the settings; what they then name is looked at before anything is opened.
    """

    def __init__(self, seal: Seal, device: str, change: Callable[[Settings], Settings]) -> None:
        self._clock = seal.clock
        place, key = lab_folder(seal), seal.folder / "keys" / "ledger.key"
        seeds = hashlib.shake_256(b"mumetal range ledger" + seal.key).digest(64)
        write_key(key, plain_key(SoftKey.generate(io.BytesIO(seeds).read), created_ns=seal.clock.now_ns()))
        self.keys: Sequence[str] = (f"file:{key}",)
        self.settings = change(
            Settings(
                store=StoreSettings(directory=str(seal.folder / "store")),
                serve=ServeSettings(host="127.0.0.1", port=0),
                sources=(
                    f"bluefors:{place / 'bluefors'}?device={device}",
                    f"ibm:{place / 'calibrations'}?device={device}",
                    f"audit:{place / 'audit.jsonl'}",
                ),
                plugins=PluginSettings(allow=()),
                ledger_key=self.keys[0],
            )
        )

    @contextmanager
    def open(self) -> Iterator[StackAddress]:
        """Run it; gives its address, and raises at the end what it failed of meanwhile."""
        with Session(self.settings, self._clock, None) as session:
            yield StackAddress(url=session.url, operator=session.tokens.operator, senders=session.tokens.senders)
        if session.stack.error is not None:
            raise session.stack.error


def lab_folder(seal: Seal) -> Path:
    """Return where the twin of a ground writes its files."""
    return seal.folder / "lab"


def ground_range(
    seed: int,
    *,
    device: str = "brisbane",
    start_ns: int = START_NS,
    pace: LabPace = PACE,
    step_s: float = STEP_S,
    change: Callable[[Settings], Settings] = as_it_is,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
    parent: Path | None = None,
) -> TwinRange:
    """Return a range whose grounds are a twin and a whole stack that watches it.

    Args:
        seed: Everything that the twin does by itself follows from it.
        device: Whose calibrations the twin has.
        start_ns: When the ground's time begins, nanoseconds since 1970.
        pace: How fast the twin's streams run.
        step_s: Between two times that the twin's data come, s: the stack learns of things that much later, and lives the
            faster the longer it is (a day in 107 s with 120 s, in 75 s with 300 s).
        change: Changes the settings of the stack within what a ground may have.
        entropy: Returns that many random bytes.
        parent: Where the temporary folders go; the system's place when None.

    Raises:
        BadInputError: There is no such device.
    """
    snapshots = calibrations.snapshots(device)
    return TwinRange(
        twin=lambda seal: LivingTwin(
            Lab(snapshots, seed, seal.clock.now_ns(), device=device, pace=pace), seal.clock, lab_folder(seal), step_s
        ),
        stack=lambda seal: SessionGround(seal, device, change),
        entropy=entropy,
        start_ns=start_ns,
        slack_s=step_s / 2,
        parent=parent,
    )
