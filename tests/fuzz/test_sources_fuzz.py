import numpy as np
import pytest
from tests.fuzz.source_targets import TARGETS, mutate

from mumetal.core.errors import BadInputError

RUNS = 10_000
FEWER = {  # in `make test`; the whole in `make test-full`
    "audit_file": 2_000,
    "bluefors": 2_000,
    "csv_file": 2_000,
    "csv_packed": 500,
    "log_folder": 500,
    "hdf5_file": 12,  # a process for each file; 10,000 of them: mumetal bench doors --hdf5 10000
    "mapping": 2_000,
    "numpy_file": 2_000,
    "parquet_file": 300,  # an engine for each file
}
WHOLE = dict.fromkeys(FEWER, RUNS) | {"hdf5_file": 200}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_any_bytes_raise_only_bad_input(name: str) -> None:
    survives(name, FEWER.get(name, RUNS))


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(FEWER))
def test_ten_thousand_inputs_to_the_dear_ones_raise_only_bad_input(name: str) -> None:
    survives(name, WHOLE[name])


def survives(name: str, runs: int) -> None:
    target = TARGETS[name]
    rng = np.random.default_rng(sorted(TARGETS).index(name))
    for seed in target.seeds:
        target.fuzz_one(seed)
    for run in range(runs):
        data = mutate(target.seeds[run % len(target.seeds)], rng)
        try:
            target.fuzz_one(data)
        except BadInputError:
            continue
        except BaseException as error:
            error.add_note(f"run {run}, input {data!r}")
            raise
