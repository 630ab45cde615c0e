"""Data for the tests of stores."""

import numpy as np

from mumetal.core.event import Event
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter

T0 = 1_780_000_000 * 10**9
S = 10**9
EVER = (0, 1 << 61)


def series(
    first: int,
    n: int,
    channels: int = 3,
    *,
    stream: str = "fast",
    device: str = "qpu1",
    tenant: str = "local",
    step: int = S,
    provenance: str = "test",
) -> Series:
    """Rows ``first`` to ``first + n`` of an endless stream whose values tell their row and channel."""
    rows = np.arange(first, first + n)
    return Series(
        tenant=tenant,
        device=device,
        stream=stream,
        channels=tuple(Channel(name=f"ch{i}", unit="V", provenance=provenance) for i in range(channels)),
        t_ns=T0 + rows * step,
        values=(rows[:, None] * 1000 + np.arange(channels)).astype(np.float64),
    )


def event(name: str, at: int = 0, tenant: str = "local") -> Event:
    return Event(tenant=tenant, event_id=name, t_ns=T0 + at * S, activity="RunJob", attributes=(("k", "v"),))


def snapshot(at: int = 0, device: str = "qpu1", tenant: str = "local") -> DeviceSnapshot:
    return DeviceSnapshot(
        tenant=tenant,
        device=device,
        t_ns=T0 + at * S,
        qubits=2,
        coupling=((0, 1),),
        parameters=(
            Parameter(component="q0", name="T1", value=1e-4, unit="s"),
            Parameter(component="q1", name="T1", value=float("nan"), unit="s", flag="sentinel"),
        ),
    )


def same(a: list[Series], b: list[Series]) -> None:
    assert [(x.device, x.stream, x.epoch, x.channels) for x in a] == [
        (x.device, x.stream, x.epoch, x.channels) for x in b
    ]
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.t_ns, y.t_ns)
        np.testing.assert_array_equal(x.seq, y.seq)
        np.testing.assert_array_equal(x.values, y.values)
