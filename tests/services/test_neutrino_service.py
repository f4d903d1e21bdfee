"""A neutrino service over real HTTP: what it lists, what it states of livetime, and everything that may go wrong."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llama.ports import NotNow, SeasonStretch
from llama.science.times import mjd_from_gps
from llama.sections import Secret
from llama.services.errors import ServiceBusy, ServiceError
from llama.services.icecube.archive import IceCubeArchive
from llama.services.neutrinos import Asking, NeutrinoService
from llama.services.neutrinos.source import now_gps
from llama.services.window import LATEST_S, again_gps
from llama.testing import ReferenceService, Trouble, serve_neutrinos

pytestmark = pytest.mark.component

GPS = 1007104335.0
START, STOP = GPS - 500, GPS + 500
TOKEN = "s3cret-of-a-test"


@contextmanager
def asked(
    service: ReferenceService, token: str = TOKEN, now: float | None = None, **how: Any
) -> Iterator[NeutrinoService]:
    """The source over a running service; `now` is the time, GPS."""
    how = {"timeout_s": 5.0, "patience_s": 0.0} | how
    source = NeutrinoService(Asking(service.url, Secret(token), **how), now_gps if now is None else lambda: now)
    try:
        yield source
    finally:
        source.close()


def ask(service: ReferenceService, **how: Any):
    with asked(service, **how) as source:
        return source.window(START, STOP, seed="")


@pytest.fixture
def service(archive: IceCubeArchive) -> Iterator[ReferenceService]:
    with serve_neutrinos(archive, token=TOKEN) as running:
        yield running


def test_it_gives_what_the_release_gives(service, archive):
    found, released = ask(service), archive.window(START, STOP)
    assert found.neutrinos == released.neutrinos and len(found.neutrinos) == 5
    assert (found.season, found.covered_s, found.complete, found.covered) == (
        "IC86-2011", 1000.0, True, (SeasonStretch(START, STOP, "IC86-2011"),)
    )  # fmt: skip
    assert (found.why, found.again_gps) == ("", None)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_pages_are_put_together(service, archive, size):
    service.page_size = size
    assert ask(service).neutrinos == archive.window(START, STOP).neutrinos
    assert len(service.asked) == -(-5 // size)


def test_gaps_between_runs_are_not_covered(service, archive):
    season = archive.season("IC86-2011")
    gap = next(k for k in range(1, 999) if 60 < season.runs_gps[k, 0] - season.runs_gps[k - 1, 1] < 400)
    middle = float(season.runs_gps[gap, 0])
    with asked(service) as source:
        found, released = source.window(middle - 500, middle + 500), archive.window(middle - 500, middle + 500)
    assert found.covered == released.covered and len(found.covered or ()) == 2
    assert found.covered_s == released.covered_s and not found.complete and found.again_gps is None
    assert "covers" in found.why


@pytest.mark.parametrize(("late_s", "again_s"), [(10.0, 60.0), (3600.0, 360.0), (86400.0, 8640.0)])
def test_no_stated_livetime_is_not_known_and_asked_again(service, late_s, again_s):
    service.livetime_until_gps = None
    now = STOP + late_s
    found = ask(service, now=now)
    assert (found.neutrinos, found.season, found.covered, found.covered_s) == ((), None, (), 0.0)
    assert not found.complete and "is not known" in found.why
    assert "5 neutrino(s) outside stated good time are left out" in found.why
    assert found.again_gps == pytest.approx(now + again_s)


def test_before_the_window_closes_it_is_asked_when_it_does(service):
    now = GPS + 100
    found = ask(service, now=now)
    assert found.again_gps == STOP and not found.complete
    assert found.covered == (SeasonStretch(START, now, "IC86-2011"),), "what it states of times to come is not taken"
    assert all(mjd_from_gps(now + 1) >= one.mjd for one in found.neutrinos)


def test_late_livetime_and_late_neutrinos_arrive(service, archive):
    service.livetime_until_gps = STOP - 400
    early = ask(service, now=STOP + 60)
    assert not early.complete and early.covered_s == 600.0 and early.again_gps == STOP + 120
    assert "states livetime until" in early.why
    service.livetime_until_gps = float("inf")
    late = ask(service, now=STOP + 600)
    assert late.complete and late.again_gps is None and late.neutrinos == archive.window(START, STOP).neutrinos
    assert set(early.neutrinos) < set(late.neutrinos)


def test_in_the_end_it_is_not_asked_any_more(service):
    service.livetime_until_gps = None
    found = ask(service, now=STOP + LATEST_S)
    assert found.again_gps is None
    assert "closed more than 7 days ago" in found.why and "llama event EVENT remake NEUTRINOS" in found.why
    now, times = STOP, 0
    while (again := again_gps(now, STOP)) is not None:
        now, times = again, times + 1
    assert 70 < times < 90


def test_a_neutrino_outside_the_window_is_left_out_and_told(service, archive):
    stranger = archive.window(STOP + 100, STOP + 3000).neutrinos[0]
    service.more = [row(stranger)]
    found = ask(service)
    assert len(found.neutrinos) == 5 and found.complete
    assert found.why == "1 neutrino(s) outside the window asked for are left out"


def row(neutrino, **changes):
    from llama.testing.neutrino_service import row_of

    return row_of(neutrino) | changes


def test_one_that_is_listed_twice_counts_once(service, archive):
    first = archive.window(START, STOP).neutrinos[0]
    service.more = [row(first)]
    found = ask(service)
    assert len(found.neutrinos) == 5
    assert found.why == "neutrino 0_78447 listed more than once, counted once"
    service.more = [row(first, ra_deg=1.0)]
    with pytest.raises(ServiceError, match="lists neutrino 0_78447 twice, with different values"):
        ask(service)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ra_deg": 361.0}, r"ra_deg"),
        ({"dec_deg": "+33"}, r"dec_deg"),
        ({"sigma_deg": 0.0}, r"sigma_deg"),
        ({"sigma_deg": 1e-9}, r"finer"),
        ({"energy_gev": -1.0}, r"energy_gev"),
        ({"energy_gev": None}, r"energy_gev"),
        ({"mjd": 2455900.3}, r"mjd"),
        ({"type": "gold"}, r"type"),
        ({"run": -1}, r"run"),
    ],
)
def test_a_malformed_neutrino_is_refused_with_its_fault(service, archive, changes, words):
    service.more = [row(archive.window(START, STOP).neutrinos[0], **changes)]
    with pytest.raises(ServiceError, match=words) as caught:
        ask(service)
    assert not isinstance(caught.value, NotNow)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "llama-neutrinos/2"}, "speaks the protocol 'llama-neutrinos/2', not llama-neutrinos/1"),
        ({"start_gps": START + 1}, "asked for was"),
        ({"neutrinos": None}, "malformed"),
        ({"stream": ""}, "malformed"),
        ({"next": "0"}, "pages without end"),
        (
            {"livetime": {"until_gps": STOP, "good": [{"start_gps": STOP, "stop_gps": START, "season": "x"}]}},
            "before it",
        ),
        ({"livetime": {"good": []}}, "until_gps"),
        (
            {
                "livetime": {
                    "until_gps": STOP,
                    "good": [
                        {"start_gps": START, "stop_gps": GPS, "season": "x"},
                        {"start_gps": GPS - 1, "stop_gps": STOP, "season": "x"},
                    ],
                }
            },
            "begins before",
        ),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(service, changes, words):
    service.changes = changes
    with pytest.raises(ServiceError, match=words):
        ask(service)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"protocol": "\xff"}', b"[" * 100_000, b"NaN"])
def test_what_is_no_json_object_is_refused(service, body):
    service.trouble = [Trouble(body=body)]
    with pytest.raises(ServiceError):
        ask(service)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_a_web_page_is_no_answer(service, kind):
    service.trouble = [Trouble(body=b"<html>please log in</html>", headers={"Content-Type": kind})]
    with pytest.raises(ServiceError, match="answers with a web page"):
        ask(service)


@pytest.mark.parametrize(("status", "words"), [(401, "token"), (403, "token"), (404, "nothing"), (400, "question")])
def test_what_a_person_must_mend_is_an_error_at_once(service, status, words):
    service.trouble = [Trouble(status)] * 2
    with pytest.raises(ServiceError, match=rf"answers {status} .*: .*{words}") as caught:
        ask(service, patience_s=60.0)
    assert not isinstance(caught.value, NotNow) and len(service.asked) == 1


def test_a_wrong_token_is_told_and_never_shown(service):
    with pytest.raises(ServiceError, match="does not know the token") as caught:
        ask(service, token="another-s3cret")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ServiceError, match="characters that no token has") as caught:
        ask(service, token="two words\nand: a header")
    assert "header" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_pauses(service, status):
    pauses: list[float] = []
    service.trouble = [Trouble(status)] * 3
    assert len(ask(service, patience_s=10.0, sleep=pauses.append).neutrinos) == 5
    assert pauses == [0.5, 1.0, 2.0]


def test_then_it_waits_and_does_not_fail(service):
    pauses: list[float] = []
    service.trouble = [Trouble(503)] * 99
    with pytest.raises(ServiceBusy, match="answers 503") as caught:
        ask(service, patience_s=10.0, sleep=pauses.append)
    assert isinstance(caught.value, NotNow) and sum(pauses) <= 10.0


def test_it_is_left_alone_for_as_long_as_it_says(service):
    pauses: list[float] = []
    service.trouble = [Trouble(429, headers={"Retry-After": "7"})]
    ask(service, patience_s=10.0, sleep=pauses.append)
    assert pauses == [7.0]
    service.trouble = [Trouble(429, headers={"Retry-After": "3600"})]
    with pytest.raises(ServiceBusy, match="429"):
        ask(service, patience_s=10.0, sleep=pauses.append)
    assert pauses == [7.0]


@pytest.mark.parametrize(
    "trouble",
    [Trouble(delay_s=1.0), Trouble(body=b" " * 1000, cut=True)],
    ids=["no answer in time", "half an answer"],
)
def test_no_answer_and_half_an_answer_may_pass(service, trouble):
    service.trouble = [trouble]
    with pytest.raises(ServiceBusy, match=r"gave no answer within 0\.3 s|broke off"):
        ask(service, timeout_s=0.3)


def test_an_answer_without_end_is_not_waited_for(service):
    service.trouble = [Trouble(body=b" " * 200, drip_s=0.05)]
    started = time.monotonic()
    with pytest.raises(ServiceBusy, match=r"gave no whole answer within 0\.5 s"):
        ask(service, timeout_s=0.5)
    assert time.monotonic() - started < 3


def test_an_answer_may_be_packed(service):
    status, page = service.answer({"start_gps": repr(START), "stop_gps": repr(STOP)})
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    service.trouble = [Trouble(body=gzip.compress(json.dumps(page).encode()), headers=packed)]
    assert status == 200 and len(ask(service).neutrinos) == 5
    service.trouble = [Trouble(body=gzip.compress(b" " * (65 << 20)), headers=packed)]
    with pytest.raises(ServiceError, match="more than 64 MiB"):
        ask(service)


def test_where_the_served_source_knows_nothing_nothing_is_stated(service):
    with asked(service) as source:
        found = source.window(START - 9e8, STOP - 9e8)
    assert found.covered == () and "states no livetime" in found.why


def test_nobody_there():
    with pytest.raises(ServiceBusy, match="cannot be reached"):
        ask(ReferenceService(None, url="http://127.0.0.1:9/v1"))  # type: ignore[arg-type]


def test_an_answer_that_changes_midway_is_asked_again(service):
    service.page_size = 2
    pages = [service.answer({"start_gps": repr(START), "stop_gps": repr(STOP)})[1]]
    service.trouble = [Trouble(body=json.dumps(pages[0]).encode())]
    service.livetime_until_gps = GPS
    with pytest.raises(ServiceBusy, match="changed its answer"):
        ask(service)


def test_a_redirection_is_told_and_not_followed(service):
    service.trouble = [Trouble(302, headers={"Location": "https://elsewhere.example.org/"})]
    with pytest.raises(ServiceError, match=r"sends us to https://elsewhere\.example\.org/"):
        ask(service)


def test_no_proxy_sees_what_goes_over_plain_http(service, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    assert len(ask(service).neutrinos) == 5
