"""Response tables and events that were not made together give no p-value."""

from __future__ import annotations

from dataclasses import replace

import pytest
from significance_examples import INFO, TABLES, neutrino_list, row

from llama.analyses.result import supplies
from llama.app import packaged
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeEventsFile
from llama.science.detector import IceCubeEvents

EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5"))
SEASON = neutrino_list().season


def test_events_of_another_table_are_refused() -> None:
    search = SearchesFile().read(packaged("search.json")).choose("bns").search
    whole = EVENTS.season(SEASON)
    few = replace(whole, dec_rad=whole.dec_rad[:9], sigma_rad=whole.sigma_rad[:9], energy_gev=whole.energy_gev[:9])
    assert supplies(INFO, neutrino_list(row(1, 30.0)), TABLES, EVENTS, search)
    with pytest.raises(ValueError, match="set the files icecube_tables and icecube_events that were made together"):
        supplies(INFO, neutrino_list(row(1, 30.0)), TABLES, IceCubeEvents({str(SEASON): few}), search)
