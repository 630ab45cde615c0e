"""The pytest plug-in: ``device_model`` builds a model from a packaged calibration of a real device."""

from collections.abc import Callable, Sequence

import pytest

from mumetal.catalog.calibrations import snapshots
from mumetal.scan.testing.model import DeviceModel

DEFAULT_DEVICE = "kyiv"
MakeModel = Callable[[Sequence[int]], DeviceModel]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--quantum-device``: whose calibration the tests run against."""
    parser.getgroup("mumetal").addoption(
        "--quantum-device",
        default=DEFAULT_DEVICE,
        help="Device whose newest packaged calibration tests run against (default: %(default)s).",
    )


@pytest.fixture(scope="session")
def device_model(request: pytest.FixtureRequest) -> MakeModel:
    """Return a function from the device's qubits to a model of them."""
    snapshot = snapshots(str(request.config.getoption("--quantum-device")))[-1]

    def make(qubits: Sequence[int]) -> DeviceModel:
        return DeviceModel.of(snapshot, qubits)

    return make
