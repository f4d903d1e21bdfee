"""How often the costly parts of a whole event are done: counted in this process while the real pipeline runs.

Each of them is one call of a function of ours, wherever it was imported to. The alert is the packaged one at a time
at which the real archive has ten neutrinos.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.inputs import crowded_times, packaged_alert, use_own_data

RESULTS = 2  # significance files


def figures() -> list[Figure]:
    """Calls during one event, from the alert as it arrives to its last file."""
    with tempfile.TemporaryDirectory() as folder:
        use_own_data(Path(folder))
        counts, readers = _counted(Path(folder), crowded_times(1)[0])
    return [
        Figure("runs of the statistic per event", counts["coincidence"], "", 1),
        Figure("trees made of the sky map per event", counts["tree"], "", None),
        Figure("sky maps decoded per event", counts["map"], "", None),
        Figure("alerts parsed per event", counts["alert"], "", None),
        Figure("significance files decoded per event", counts["significance"], "", RESULTS * readers),
    ]


def _counted(folder: Path, gps_s: float) -> tuple[Counter[str], int]:
    """The counts, and how many products are made from the significance files."""
    from llama import app
    from llama.engine.folder import Run, SharedDigests
    from llama.engine.running import Here, Maker, Runner, utc_now
    from llama.formats.records import JsonObject, Record
    from llama.intake import deliver
    from llama.messengers.gw.alert import Notice
    from llama.messengers.gw.notice import parse

    environment = app.environment()
    pipeline = environment.pipeline()
    counts: Counter[str] = Counter()
    _count_calls(counts, "coincidence", "llama.science.", lambda *_, **__: "coincidence")
    _count_calls(counts, "read_skymap", "llama.formats.", lambda *_, **__: "map")
    _count_reads(counts, Notice, lambda path: "alert")
    for codec in (JsonObject, Record):
        _count_reads(counts, codec, lambda path: path.name.partition("_")[0])
    _count_trees(counts)
    data = packaged_alert("MS120199x", gps_s)
    (event,) = deliver(parse(data), Run(folder / "run"), now=utc_now()).events
    maker = Maker(pipeline, environment, SharedDigests(environment))
    Runner(maker, Here(maker)).once([event])
    names = {item.filename for item in pipeline if item.filename.startswith("significance_")}
    return counts, sum(any(i.product.filename in names for i in one.all_inputs) for one in pipeline)


def _count_calls(counts: Counter[str], name: str, room: str, what: Callable[..., str]) -> None:
    """Put a counting function in place of ours in every module that has it."""
    for module, real in list(_everywhere(name, room)):

        def call(*given: Any, _real: Callable[..., Any] = real, **named: Any) -> Any:
            counts[what(*given, **named)] += 1
            return _real(*given, **named)

        setattr(module, name, call)


def _everywhere(name: str, room: str) -> Iterator[tuple[Any, Callable[..., Any]]]:
    for module in list(sys.modules.values()):
        found = vars(module).get(name)
        if callable(found) and str(getattr(found, "__module__", "")).startswith(room):
            yield module, found


def _count_reads(counts: Counter[str], codec: Any, what: Callable[[Path], str]) -> None:
    real = codec.read

    def read(self: Any, path: Path) -> Any:
        counts[what(path)] += 1
        return real(self, path)

    codec.read = read


def _count_trees(counts: Counter[str]) -> None:
    from llama.science.sky import SkyTree

    real = SkyTree.of

    def of(skymap: Any) -> SkyTree:
        counts["tree"] += 1
        return real(skymap)

    SkyTree.of = of  # type: ignore[method-assign]
