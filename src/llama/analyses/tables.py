"""Files that all events share: response tables, events to draw from, searches, and p-values of populations."""

from __future__ import annotations

from llama.engine.graph import Shared
from llama.formats.populations import PopulationsFile
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import IceCubeEvents, IceCubeTables
from llama.science.significance import Populations, Searches

ICECUBE_TABLES: Shared[IceCubeTables] = Shared(
    "icecube_tables.h5", IceCubeTablesFile(), setting="science.icecube_tables"
)
ICECUBE_EVENTS: Shared[IceCubeEvents] = Shared(
    "icecube_events.h5", IceCubeEventsFile(), setting="science.icecube_events"
)
SEARCHES: Shared[Searches] = Shared("search.json", SearchesFile(), setting="science.search")
POPULATIONS: Shared[Populations] = Shared("populations.hdf5", PopulationsFile(), setting="science.populations")
