"""From a result to its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_examples import real_neutrinos, significance

from llama.analyses.report import read_report, warning
from llama.analyses.scatterplot import scatterplot
from llama.analyses.wording import readable_time
from llama.formats.figures import PngFigure
from llama.formats.skymap import read_skymap


def words(figure: Any) -> str:
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    legend = [text for one in figure.legends for text in one.get_texts()]
    return "\n".join(text.get_text() for text in [*texts, *legend])


@pytest.mark.slow
def test_the_figure_names_event_time_result_version_and_every_neutrino(data: Path, tmp_path: Path) -> None:
    skymap = read_skymap(data / "skymaps/events/GW170817_GWTC1.multiorder.fits")
    figure = scatterplot(read_report(significance(real_neutrinos(data, 5), {3: 0.0123})), skymap, "1.2.3")
    text = words(figure)
    needed = [
        "S120923ab-2-Preliminary",
        "2012-09-23 11:18:35.500 UTC",
        "5 neutrinos within",
        "p-value 0.012 (12,000 background events on 21 sky maps)",
        "90 % credible region, 16",
        "zoom on neutrino 3",
        "90 % radius (2.146 σ), p < 0.1",
        "llama 1.2.3",
    ]
    assert [one for one in needed if one not in text] == []
    assert {"1", "2", "3", "4", "5"} <= set(text.split("\n"))
    PngFigure().write(figure, tmp_path / "plot.png")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"p_value": None, "p_value_text": "n/a"}, {"log_odds_ratio": None}])
def test_without_neutrinos_the_zoom_shows_the_map(data: Path, changes: dict[str, Any]) -> None:
    skymap = read_skymap(data / "skymaps/events/GW170817_GWTC1.multiorder.fits")
    text = words(scatterplot(read_report(significance((), **changes)), skymap, "1.2.3"))
    assert "zoom on the 90 % region" in text and "No neutrino within ±500 s" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "why"),
    [({}, "nothing coincides with p < 0.1"), ({"p_value": None, "p_value_text": "n/a"}, "there is no p-value")],
)
def test_without_a_coincidence_the_zoom_shows_the_map_and_says_why(
    data: Path, changes: dict[str, Any], why: str
) -> None:
    skymap = read_skymap(data / "skymaps/events/GW170817_GWTC1.multiorder.fits")
    text = words(scatterplot(read_report(significance(real_neutrinos(data, 5), **changes)), skymap, "1.2.3"))
    assert "zoom on the 90 % region" in text and why in text and "zoom on neutrino" not in text


@pytest.mark.slow
def test_the_axes_are_named_with_their_units(data: Path) -> None:
    skymap = read_skymap(data / "skymaps/events/GW170817_GWTC1.multiorder.fits")
    figure = scatterplot(read_report(significance(())), skymap, "1.2.3")
    text = words(figure)
    assert text.count("RA (deg)") == 2 and text.count("Dec (deg)") == 2
    assert figure.axes[-1].get_xlabel() == "probability density of the source's direction (per deg²)"


def test_what_must_not_be_overlooked_is_in_the_warning(data: Path) -> None:
    blinded = significance(real_neutrinos(data, 1, kind="blinded"), coverage={"complete": False})
    assert warning(read_report(blinded, role="test")) == (
        "TEST, not an observation; BLINDED: scrambled RA; INCOMPLETE NEUTRINO DATA"
    )
    assert warning(read_report(significance(real_neutrinos(data, 1)))) == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2019-04-25T08:18:05.017147Z", "2019-04-25 08:18:05.017 UTC"),
        ("2019-04-25T08:18:05Z", "2019-04-25 08:18:05 UTC"),
        ("2017-08-17T12:41:04.445710Z", "2017-08-17 12:41:04.446 UTC"),
        ("2019-12-31T23:59:59.999600Z", "2020-01-01 00:00:00.000 UTC"),
        ("2016-12-31T23:59:60.250400Z", "2016-12-31 23:59:60.250 UTC"),
    ],
)
def test_times_are_readable(given: str, shown: str) -> None:
    assert readable_time(given) == shown
