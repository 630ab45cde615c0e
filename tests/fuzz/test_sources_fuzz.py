import numpy as np
import pytest
from tests.fuzz.source_targets import TARGETS, mutate

from mumetal.core.errors import BadInputError

RUNS = 10_000
SLOW = {
    "hdf5_file": 12,
    "parquet_file": 300,
}  # a process, an engine for each file; 10,000 HDF5 files: mumetal bench doors --hdf5


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_any_bytes_raise_only_bad_input(name: str) -> None:
    target = TARGETS[name]
    rng = np.random.default_rng(sorted(TARGETS).index(name))
    for seed in target.seeds:
        target.fuzz_one(seed)
    for run in range(SLOW.get(name, RUNS)):
        data = mutate(target.seeds[run % len(target.seeds)], rng)
        try:
            target.fuzz_one(data)
        except BadInputError:
            continue
        except BaseException as error:
            error.add_note(f"run {run}, input {data!r}")
            raise
