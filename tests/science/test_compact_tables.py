"""Tables that hold fewer values than events say the same p-values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from llama.formats.errors import FormatError
from llama.formats.populations import PopulationsFile
from llama.science.significance import BackgroundTable, Conditions, Populations, TableKind, compacted, p_value

NAME = "opa/bns/o4/H1L1V1/IC86-2011"
FIT = Conditions("search", "response", "map")
STEP = 100 ** (1 / 1999)


def _whole(events: int, seed: int, name: str = NAME) -> BackgroundTable:
    """Odds over many decades, some 1 % of them 0 and some alike, as real ones have."""
    rng = np.random.default_rng(seed)
    odds = np.exp(rng.normal(-60, 30, events))
    odds[rng.random(events) < 0.01] = 0.0
    odds[rng.random(events) < 0.05] = 1e-9
    return BackgroundTable(name, np.sort(odds), 1.0, "search", "map", "made up", "response", 20)


@pytest.mark.parametrize("events", [10_001, 12_345, 100_000])
def test_p_values_are_those_of_all_events_or_a_little_larger(events: int) -> None:
    whole = _whole(events, events)
    small = compacted(whole)
    assert small.events == events and small.statistics.size <= np.ceil(0.01 * events) + 2000
    rng = np.random.default_rng(1)
    asked = np.concatenate(
        [[0.0, 1e-9, 1e300], np.exp(rng.normal(-60, 40, 3000)), rng.choice(whole.statistics, 3000)]
    )
    for odds in asked.tolist():
        full, found = p_value(whole.statistics, odds), small.p_value(odds)
        assert whole.p_value(odds) == full
        assert full.p <= found.p + 1e-15 <= full.p * STEP * (1 + 1e-3) + 1e-15
        if full.p <= 0.01:
            assert found == full
    assert small.p_value(0.0).p == 1.0


def test_small_tables_are_kept_whole() -> None:
    assert compacted(table := _whole(10_000, 2)) is table


def test_they_come_back_from_their_file_and_pool(tmp_path: Path) -> None:
    one, two = _whole(50_000, 3), _whole(300, 4, "opa/bns/o4/H1L1/IC86-2011")
    written = Populations({table.name: table for table in (compacted(one), two)})
    PopulationsFile().write(written, tmp_path / "a.hdf5")
    read = PopulationsFile().read(tmp_path / "a.hdf5")
    assert read.tables[NAME].events == 50_000 and read.tables[two.name].weights is None
    np.testing.assert_array_equal(read.tables[NAME].weights, compacted(one).weights)
    pooled = read.choose(replace(TableKind.named(NAME), detectors="H1"), FIT)
    assert pooled.table is not None and "50300 events" in pooled.reason
    every = np.sort(np.concatenate([one.statistics, two.statistics]))
    for odds in np.random.default_rng(5).choice(every, 2000).tolist():
        full = p_value(every, odds).p
        assert full <= pooled.table.p_value(odds).p + 1e-15 <= full * STEP * (1 + 1e-3) + 1e-15


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    table = compacted(_whole(20_000, 6))
    for wrong in (np.zeros_like(table.weights), np.ones(3, np.int64)):
        with pytest.raises(ValueError, match="for how many events"):
            replace(table, weights=wrong)
    PopulationsFile().write(Populations({NAME: table}), tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file[NAME].attrs["weights"] = np.ones(table.statistics.size + 1, np.uint32)
    with pytest.raises(FormatError, match=r"a\.hdf5"):
        PopulationsFile().read(tmp_path / "a.hdf5").tables[NAME]
    with pytest.raises(ValueError, match="NaN"):
        table.p_value(float("nan"))
