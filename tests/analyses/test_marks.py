"""Every output of every pipeline carries the marks of its event and no other; no list passes the blinding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.golden.events import few_draws

from llama.analyses.gw_neutrino import BACKGROUND, NEUTRINOS, PLOT_PDF, RESULTS, SIGNIFICANCE, STATISTIC
from llama.analyses.result.marks import BLINDED, MARKS, RETRACTED, SIMULATED, TEST
from llama.analyses.telling.terminal import result_lines, unblinded_lines
from llama.app import DEMO_ALERT, environment, packaged, pipelines
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Made
from llama.engine.folder.run import Delivery, Run
from llama.engine.folder.store import SharedDigests
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind, statuses
from llama.flags import Flags
from llama.formats.records import Text
from llama.messengers.gw.start import Given, start
from llama.ports import Burst
from llama.science.times import utc_from_gps

pytestmark = pytest.mark.slow

LISTS = {"icecube_neutrino_list.json", "fermi_grbs.json", "ztf_trigger_list.json"}
GRACEID = "S120130ab"


def results(pipeline: Pipeline) -> list[Product[Any]]:
    """What is made from a list of candidates: all else is a copy or a record of one message."""
    found: dict[str, Product[Any]] = {}
    for product in pipeline:
        names = {item.product.filename for item in product.all_inputs}
        if names & (LISTS | found.keys()):
            found[product.filename] = product
    return list(found.values())


@dataclass(frozen=True)
class Case:
    """What an event is, and the marks that it must have; `empty`: of a list without neutrinos."""

    marks: tuple[str, ...]
    flags: Flags = field(default_factory=lambda: Flags(role="observation"))
    kind: str = "archival"
    retracted: bool = False
    empty: bool = False


REAL = Flags(role="observation")
BLIND = Flags(role="observation", blinded_neutrinos=True)
CASES = {
    "real": Case(()),
    "test": Case((TEST,), Flags()),
    "blinded": Case((BLINDED,), BLIND),
    "injected": Case((SIMULATED,), kind="injected"),
    "retracted": Case((RETRACTED,), retracted=True),
    "blinded and empty": Case((BLINDED,), BLIND, empty=True),
    "blinded and simulated": Case((BLINDED, SIMULATED), BLIND, kind="simulated"),
    "all": Case(MARKS, Flags(blinded_neutrinos=True), kind="injected", retracted=True),
}


def alert(**changes: Any) -> bytes:
    """The packaged alert as an observation."""
    notice = json.loads(packaged(DEMO_ALERT).read_bytes())
    notice["event"]["search"] = "AllSky"
    return json.dumps(notice | {"superevent_id": GRACEID} | changes).encode()


def retraction() -> bytes:
    return alert(alert_type="RETRACTION", event=None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("marks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_DATA_DIR", str(folder))
        with few_draws():
            yield folder


def started(run: Path, flags: Flags) -> Event:
    begun = start(Given(alert=alert()), environment().gracedb)
    return Run(run).accept(Delivery(begun.event_id, begun.files, flags, "a test"))


def bring_up(event: Event, pipeline: Pipeline, *only: str) -> None:
    application = environment()
    wanted = pipeline.only(only, ancestors=True) if only else pipeline
    maker = Maker(wanted, application, SharedDigests(application))
    Runner(maker, Here(maker)).once([event])


def adopt(event: Event, product: Product[Any], content: Any) -> None:
    """As a person does: put there by hand, then adopted."""
    (event.path / product.filename).unlink(missing_ok=True)
    (event.path / product.filename).write_text(json.dumps(content))
    event.adopt(product.filename, product.codec, why="a test", now=datetime.now(UTC))


def read(event: Event, name: str) -> Any:
    return json.loads((event.path / name).read_text())


def lists_by_hand(event: Event, kind: str, *, empty: bool = False) -> None:
    """The real neutrinos under another type, a burst and a transient."""
    found = read(event, NEUTRINOS.filename)
    for row in found["neutrinos"]:
        row["type"] = kind
    if empty:
        found["neutrinos"] = []
    adopt(event, NEUTRINOS, found)
    gps = read(event, "skymap_info.json")["gps_time"]
    known = {one.filename: one for pipeline in pipelines().values() for one in pipeline}
    burst = asdict(Burst(trigger_id="1", name="GRB1", utc=utc_from_gps(gps + 2), gps=gps + 2, notice_type="alert"))
    bursts = {
        "complete": True, "covered_s": 1000.0, "start_gps": gps - 500, "stop_gps": gps + 500, "source": "by hand",
        "why": "", "subthreshold": False, "bursts": [burst], "ask_again": None,
    }  # fmt: skip
    adopt(event, known["fermi_grbs.json"], bursts)
    transient = {"name": "ZTF12x", "ra": 10.0, "dec": 5.0, "mjd": 55956.6, "chance": 0.1}
    triggers = {
        "searched": 0.5, "searched_deg2": 4700, "limiting_magnitude": 20.5, "peak_magnitudes": [-17, -13],
        "window_days": 3, "triggers": [transient],
    }  # fmt: skip
    adopt(event, known["ztf_trigger_list.json"], triggers)


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest, home: Path) -> tuple[Case, Event]:
    case = CASES[request.param]
    event = started(home / request.param.replace(" ", "-"), REAL)
    bring_up(event, pipelines()["GW_NEUTRINO"], "NEUTRINOS")
    lists_by_hand(event, case.kind, empty=case.empty)
    event.flag(case.flags.as_dict(), why="a test", now=datetime.now(UTC))
    if case.retracted:
        event.receive({"igwn_retraction.json": retraction()}, why="a test", now=datetime.now(UTC))
    for pipeline in pipelines().values():
        bring_up(event, pipeline)
    return case, event


def said_by(path: Path) -> set[str]:
    """The marks in a file, where people or programs find them; whole words, since `Latest` is none."""
    data = path.read_bytes()
    if path.suffix == ".pdf":
        (text,) = re.findall(rb"/Keywords\s*\((.*?)\)", data) or [b""]
    elif path.suffix == ".png":
        with Image.open(path) as picture:
            text = picture.info.get("Description", "").encode()
    elif path.name.startswith("significance_") and path.suffix == ".json":
        text = "; ".join(json.loads(data)["marks"]).encode()
    else:
        text = data
    return {mark for mark in MARKS if re.search(rf"\b{mark}\b".encode(), text)}


def test_every_output_of_every_pipeline_carries_the_marks_and_no_other(made: tuple[Case, Event]) -> None:
    case, event = made
    for name, pipeline in pipelines().items():
        products = results(pipeline)
        assert products, name
        for product in products:
            neutrinos = NEUTRINOS.filename in ancestors(product)
            expected = {mark for mark in case.marks if neutrinos or mark in (RETRACTED, TEST)}
            if product is BACKGROUND:  # random numbers, which a retraction leaves as they are
                expected -= {RETRACTED}
            assert (event.path / product.filename).is_file(), f"{name}: {product.filename}"
            assert said_by(event.path / product.filename) == expected, f"{name}: {product.filename}"


def ancestors(product: Product[Any]) -> set[str]:
    parents = {item.product.filename: item.product for item in product.all_inputs}
    return set(parents).union(*(ancestors(parent) for parent in parents.values()))


def test_the_terminal_says_them_of_every_result(made: tuple[Case, Event]) -> None:
    case, event = made
    for name, pipeline in pipelines().items():
        state = event.look(pipeline, SharedDigests(environment()))
        found = statuses(pipeline, state, datetime.now(UTC))
        told = "\n".join(result_lines(event.path, found, state.flags))
        assert told, name
        neutrinos = NEUTRINOS.filename in pipeline.by_filename
        expected = {mark for mark in case.marks if neutrinos or mark in (RETRACTED, TEST)}
        assert {mark for mark in MARKS if mark in told} == expected, (name, told)


# ------------------------------------------------------------------ blinding, whatever the way in


def true_directions(event: Event) -> set[str]:
    """The right ascensions in the adopted list, as every output would write them."""
    return {f"{row['ra']:.2f}" for row in read(event, NEUTRINOS.filename)["neutrinos"]}


TEXTS = (".json", ".txt", ".tex", ".fits")


def revealing(event: Event) -> set[str]:
    """Results that hold a true right ascension or the odds of one."""
    true = true_directions(event)
    found = set()
    for product in (one for pipeline in pipelines().values() for one in results(pipeline)):
        path = event.path / product.filename
        if path.suffix in TEXTS and path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            found |= {product.filename for one in true if re.search(rf"(?<![\d.]){re.escape(one)}", text)}
    return found


@pytest.mark.parametrize("kind", ["observation", "archival", "injected", "blinded"])
@pytest.mark.parametrize("flag_first", [True, False])
def test_a_list_by_hand_is_blinded_and_unblinded_by_the_flag(tmp_path: Path, kind: str, flag_first: bool) -> None:
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_NEUTRINO"]
    wanted = ("SIGNIFICANCE_SUBTHRESHOLD", "NOTICE", "COINCIDENCE_TEX", "COINCIDENCE_TEXT", "NEUTRINO_TEXT")
    bring_up(event, pipeline, "NEUTRINOS")
    if flag_first:
        event.flag({"blinded_neutrinos": True}, why="a test", now=datetime.now(UTC))
    lists_by_hand(event, kind)
    if not flag_first:
        bring_up(event, pipeline, *wanted)
        assert revealing(event) >= {"icecube_neutrino_list.txt", "significance_opa_lvc-i3.json"}
        event.flag({"blinded_neutrinos": True}, why="a test", now=datetime.now(UTC))
        shown = result_lines(
            event.path, statuses(pipeline, state_of(event), datetime.now(UTC)), event.refresh().flags
        )
        assert kind == "blinded" or any("what it says is not shown" in line for line in shown)
    bring_up(event, pipeline, *wanted)
    assert revealing(event) == set()
    result = read(event, SIGNIFICANCE.filename)
    assert {row["type"] for row in result["inputs"]["neutrino_info"]} == {"blinded"}
    assert BLINDED in result["marks"] and (SIMULATED in result["marks"]) == (kind == "injected")
    products = [one for each in pipelines().values() for one in each]
    (line,) = unblinded_lines(event.path, products, event.refresh()) or [""]
    assert ("icecube_neutrino_list.json" in line) == (kind != "blinded")
    event.flag({"blinded_neutrinos": False}, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, *wanted)
    assert revealing(event) >= {"icecube_neutrino_list.txt", "significance_opa_lvc-i3.json"}


def state_of(event: Event, pipeline: str = "GW_NEUTRINO") -> Any:
    return event.look(pipelines()[pipeline], SharedDigests(environment()))


def test_a_result_that_is_not_blinded_holds_what_is_made_from_it(tmp_path: Path) -> None:
    """Adopted, so not made anew: nothing that people read is made from it until it is, and the status says how."""
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_NEUTRINO"]
    wanted = ("NOTICE", "COINCIDENCE_TEXT")
    bring_up(event, pipeline, *wanted)
    adopt(event, SIGNIFICANCE, read(event, SIGNIFICANCE.filename) | {"notes": ["mine"]})
    event.flag({"blinded_neutrinos": True}, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, *wanted)
    status = statuses(pipeline, state_of(event), datetime.now(UTC))["lvk_nu_track_search.json"]
    assert status.kind is Kind.WAITING
    assert "significance_opa_lvc-i3.json is not blinded, but flag blinded_neutrinos is set" in status.why
    assert f"remake {SIGNIFICANCE.filename}" in status.why
    (line,) = unblinded_lines(event.path, list(pipeline), event.refresh())
    assert {"significance_opa_lvc-i3.json", "icecube_neutrino_list_coinc.txt"} <= set(
        re.findall(r"[\w.-]+\.\w+", line)
    )
    event.remake(SIGNIFICANCE, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, *wanted)
    assert "BLINDED" in (event.path / "icecube_neutrino_list_coinc.txt").read_text()
    assert unblinded_lines(event.path, list(pipeline), event.refresh()) == []


def test_a_locked_result_does_not_hide_a_retraction(tmp_path: Path) -> None:
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_NEUTRINO"]
    bring_up(event, pipeline, "NOTICE", "CIRCULAR")
    for name in (SIGNIFICANCE.filename, "significance_subthreshold_lvc-i3.json"):
        event.lock(name, why="a test", now=datetime.now(UTC))
    event.receive({"igwn_retraction.json": retraction()}, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, "NOTICE", "CIRCULAR")
    assert read(event, SIGNIFICANCE.filename)["retracted"] is None
    notice = read(event, "lvk_nu_track_search.json")
    assert (notice["alert_type"], notice["pval_bayesian"]) == ("retraction", None)
    assert "RETRACTED" in (event.path / "gcn_circular_draft.txt").read_text()


def test_a_retraction_draws_no_background_anew(tmp_path: Path) -> None:
    """What unrelated neutrinos look like is not changed by it, nor are the p-values: only what results are called."""
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_NEUTRINO"]
    bring_up(event, pipeline, *(result.name for result in RESULTS))
    drawn, before = made_as(event, BACKGROUND), [read(event, result.filename) for result in RESULTS]
    event.receive({"igwn_retraction.json": retraction()}, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, *(result.name for result in RESULTS))
    assert made_as(event, BACKGROUND) == drawn
    assert RETRACTED in read(event, STATISTIC.filename)["marks"]
    for result, old in zip(RESULTS, before, strict=True):
        new = read(event, result.filename)
        assert (old["marks"], new["marks"]) == ([], [RETRACTED])
        assert {**new, "marks": [], "retracted": None} == old


def made_as(event: Event, product: Product[Any]) -> tuple[int, bytes]:
    """How often it was made, and its bytes."""
    made = [item for item in event.entries() if isinstance(item, Made) and item.filename == product.filename]
    return len(made), (event.path / product.filename).read_bytes()


def test_every_product_that_shows_neutrinos_stands_behind_the_door() -> None:
    """A pipeline of tomorrow too: what is made from the list, or from a result of it, is decided by the flag."""
    assert NEUTRINOS.guard is not None and PLOT_PDF.guard is not None
    for pipeline in pipelines().values():
        for product in results(pipeline):
            direct = {item.product for item in product.all_inputs}
            if NEUTRINOS.filename in ancestors(product):
                assert "blinded_neutrinos" in product.decided_by, product
            for source in direct:
                if NEUTRINOS.filename in ancestors(source):
                    assert source.guard is not None, f"{product} is made from {source}, which has no guard"


def test_a_key_that_nobody_knows_does_not_pass_the_door(tmp_path: Path) -> None:
    """A true right ascension may stand under another name in a list by hand."""
    event = started(tmp_path / "run", BLIND)
    bring_up(event, pipelines()["GW_NEUTRINO"], "NEUTRINOS")
    found = read(event, NEUTRINOS.filename)
    for row in found["neutrinos"]:
        row["true_ra"] = 123.456
    adopt(event, NEUTRINOS, found)
    seen: list[bytes] = []

    def make(step: Step) -> str:
        seen.append(step.path(NEUTRINOS).read_bytes())
        return ""

    spy = Product("SPY", "spy.txt", Text(), make, inputs=(NEUTRINOS,), help="looks at the file itself")
    bring_up(event, Pipeline("SPY", (*pipelines()["GW_NEUTRINO"].products, spy)), "SPY")
    (content,) = seen
    assert b"123.456" not in content and b"blinded" in content


def test_a_burst_that_is_a_test_is_left_out_and_marks_nothing(tmp_path: Path) -> None:
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_GRB"]
    bring_up(event, pipelines()["GW_NEUTRINO"], "NEUTRINOS")
    lists_by_hand(event, "archival")
    bursts = read(event, "fermi_grbs.json")
    bursts["bursts"][0]["role"] = "test"
    adopt(event, pipeline.by_filename["fermi_grbs.json"], bursts)
    bring_up(event, pipeline)
    result = read(event, "significance_joint_lvc-fermi.json")
    assert not result["candidates"] and any("test" in note for note in result["notes"])
    for name in ("significance_joint_lvc-fermi.json", "significance_joint_lvc-fermi.txt"):
        assert said_by(event.path / name) == set(), name


def test_a_picture_that_is_not_blinded_keeps_the_summary_waiting(tmp_path: Path) -> None:
    event = started(tmp_path / "run", REAL)
    pipeline = pipelines()["GW_NEUTRINO"]
    bring_up(event, pipeline, "SUMMARY")
    event.lock(PLOT_PDF.filename, why="a test", now=datetime.now(UTC))
    event.flag({"blinded_neutrinos": True}, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, "SUMMARY")
    status = statuses(pipeline, state_of(event), datetime.now(UTC))["summary_lvc-I3.pdf"]
    assert status.kind is Kind.WAITING and "scatterplot_lvc-i3.pdf is not blinded" in status.why
    event.unlock(PLOT_PDF.filename, why="a test", now=datetime.now(UTC))
    bring_up(event, pipeline, "SUMMARY")
    assert said_by(event.path / "summary_lvc-I3.pdf") == {BLINDED}
