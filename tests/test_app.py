"""The application as a value: built once per command, with services by entry points, and an end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llama.app import App, ServiceUnavailable, environment
from llama.cli.main import COMMANDS, main
from llama.ports import GRACEDB, GRB_SOURCE, NEUTRINO_SOURCE, Service
from llama.services.errors import ServiceError
from llama.settings import Settings
from tests.cli.typed import fresh_event, journal, typed
from tests.plugins import ROOT, blocks, register, written

PAGE = "add-a-service.md"
TOKEN = "T311urium-planted-s3cret"
MODULE = """
from llama.ports import Provider, Service

CLOSED = []

class Adapter:
    def __init__(self, name, fails=False):
        self.name, self.fails = name, fails
    def close(self):
        CLOSED.append(self.name)
        if self.fails:
            raise OSError("the line is cut")

def provider(name, open):
    return Provider(Service(name), open)

FIRST = provider("first", lambda host: Adapter("first"))
SECOND = provider("second", lambda host: Adapter("second on " + host.service(Service("first")).name, fails=True))
ROUND = provider("round", lambda host: host.service(Service("round")))
OTHER = provider("first", lambda host: Adapter("other"))
ENDLESS = provider("endless", lambda host: object())
NO_PROVIDER = "something else"
UNSURE = Provider(Service("unsure"), lambda host: Adapter("unsure"), lacks=lambda host: 1 / 0)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where Python finds packages; what a test imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("tellurium", "plugged"):
            del sys.modules[name]


@pytest.fixture
def tellurium(site: Path) -> Path:
    """The package of the how-to page, with its shared file."""
    written(PAGE, site)
    (text,) = [text for kind, text in blocks(PAGE) if kind == "json"]
    (site / "tellurium" / "sites.json").write_text(text)
    return site


def plugged(site: Path, name: str = "plugged", **entries: str) -> None:
    (site / "plugged.py").write_text(MODULE)
    register(site, name, {"llama.services": {key: f"plugged:{value}" for key, value in entries.items()}})


# ---------------------------------------------------------------------- once per command

WORDS = {
    "flags": ["--flag-presets"],
    "run": ["--print-default-pipeline"],
    "event": ["nothing"],
    "event_import": ["nothing"],
    "dev_clean": ["--testevents", "--notices"],
    "dev_cluster": ["slurm", "--script"],
    "dev_roll": ["o4c"],
    "dv": ["tail"],
    "skymap_info": ["--flag-presets"],
    "files_i3": ["-t", "1011973667"],
    "files_fermi": ["-t", "1011973667"],
    "com_do": ["-D"],
    "rehearse": ["--list"],
    "search_show": ["bns"],
    "background_draw": ["absent.csv", "-o", "opa-bns-o4-H1L1V1-IC86-2011.txt"],
    "background_pvalue": ["absent"],
    "validate": ["--check", "nonsense"],
    "review": ["-d", "a-file"],
    "listen_replay": ["absent"],
    "skymaps_lists": ["absent"],
    "skymaps_compress": ["absent", "out"],
    "batch": ["name=absent.txt"],
    "neutrinos": ["signal", "absent.csv", "-p", "bns"],
    "trials": ["background", "absent.csv", "-p", "bns"],
    "com_s3_ls": ["absent/"],
    "com_s3_get": ["absent"],
    "com_s3_put": ["absent", "elsewhere"],
    "dev_dataset_check": ["absent"],
    "dev_upload": ["-r", "absent"],
    "demo": [],
    "season": ["X", "--events", "none", "--livetime", "none", "--area", "none", "-o", "seasons"],
}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_builds_one_application_and_closes_it(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that fails: what is typed here is wrong for some of them."""
    (tmp_path / "a-file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLAMA_GRACEDB_SERVICE_URL", "nowhere")
    monkeypatch.setenv("LLAMA_DROPLETS_ENDPOINT", "nowhere")
    if words == ("demo",):  # so that it need not do its whole job
        (tmp_path / "xdg" / "share" / "llama").mkdir()
        (tmp_path / "xdg" / "share" / "llama" / "current_run").write_text("no folder")
    built, closed = [], []
    begin, end = App.__init__, App.close
    monkeypatch.setattr(App, "__init__", lambda self, *given: (built.append(self), begin(self, *given))[1])
    monkeypatch.setattr(App, "close", lambda self: (closed.append(self), end(self))[1])
    assert main([*words, *WORDS.get(COMMANDS[words][0], [])]) in (0, 1)
    assert len(built) == 1 and closed == built
    assert "Traceback" not in capsys.readouterr().err


def test_help_and_version_build_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "__init__", lambda self, *given: pytest.fail("built"))
    assert main(["--version"]) == 0
    with pytest.raises(SystemExit, match="0"):
        main(["run", "--help"])


# ---------------------------------------------------------------------- services


def test_our_services_come_by_the_same_door() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    with environment() as app:
        for key in (NEUTRINO_SOURCE, GRB_SOURCE):
            assert f"{key.name} = " in text
            assert app.lacks(key) is None
            adapter: Any = app.service(key)
            assert app.service(key) is adapter
        assert app.lacks(GRACEDB) is None
        assert app.gracedb().url == "https://gracedb.ligo.org/api/"


def test_gracedb_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama.services.gracedb.setup.find_spec", lambda name: None)
    with environment() as app, pytest.raises(ServiceUnavailable, match=r"pip install 'llama-astro\[gracedb\]'"):
        app.gracedb()


def test_a_source_that_is_not_installed_is_lacking(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path).having("icecube", neutrinos="simulated")
    with App(settings) as app:
        assert "run `llama install icecube-3yr`" in str(app.lacks(NEUTRINO_SOURCE))
        with pytest.raises(ServiceUnavailable, match="llama install icecube-3yr"):
            app.service(NEUTRINO_SOURCE)


def test_services_are_closed_last_first_also_after_an_error(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    plugged(site, first="FIRST", second="SECOND")
    with pytest.raises(ServiceError, match="of the command"), environment() as app:
        assert app.service(Service[Any]("second")).name == "second on first"
        raise ServiceError("an error of the command")
    assert sys.modules["plugged"].CLOSED == ["second on first", "first"]
    assert "second could not be closed: OSError: the line is cut" in caplog.text
    app.close()
    assert len(sys.modules["plugged"].CLOSED) == 2
    with pytest.raises(RuntimeError, match="closed"):
        app.service(Service[Any]("first"))


@pytest.mark.parametrize(
    ("entries", "key", "says"),
    [
        ({"round": "ROUND"}, "round", "round needs round: a service cannot need itself"),
        ({"endless": "ENDLESS"}, "endless", "has no close"),
        ({"unsure": "UNSURE"}, "unsure", "not known: ZeroDivisionError: .* mend or uninstall"),
        ({"odd": "NO_PROVIDER"}, "odd", "plugged:NO_PROVIDER of plugged is no Provider"),
        ({"odd": "ABSENT"}, "odd", "cannot be loaded: .* mend or uninstall"),
        ({"odd": "FIRST"}, "odd", "serves first; its entry point must have that name"),
    ],
)
def test_a_broken_service_is_named_and_harms_no_other(
    site: Path, entries: dict[str, str], key: str, says: str
) -> None:
    plugged(site, **entries)
    with environment() as app:
        with pytest.raises(ServiceUnavailable, match=says):
            app.service(Service[Any](key))
        assert app.lacks(NEUTRINO_SOURCE) is None


def test_two_packages_for_one_service_are_refused(site: Path) -> None:
    plugged(site, first="FIRST")
    plugged(site, "another", first="OTHER")
    with environment() as app:
        said = str(app.lacks(Service[Any]("first")))
    assert "plugged:FIRST of plugged" in said and "plugged:OTHER of another" in said and "uninstall" in said


# ---------------------------------------------------------------------- a package of its own


@pytest.mark.slow
def test_the_page_s_service_runs_from_the_command_line(tellurium: Path, tmp_path: Path) -> None:
    event = fresh_event(tmp_path / "current_run", tmp_path)
    more = {"PYTHONPATH": str(tellurium), "LLAMA_TELLURIUM_TOKEN": TOKEN}
    said = typed("run", "-o", "-p", "TELLURIUM", event, home=tmp_path, **more)
    assert "2 of 2 products up to date" in said and "warning" not in said
    made = json.loads((event / "tellurium_looking.json").read_text())
    assert made == {"answer": f"{event.name}: nobody else at tellurium.example.org", "site": "Kirkkonummi"}
    entries = [one for one in journal(event) if one["kind"] == "Claimed" and one["filename"].startswith("tell")]
    assert all("shared:tellurium:sites.json" in entry["inputs"] for entry in entries) and entries
    listed = typed("--help-env", home=tmp_path, **more)
    assert "LLAMA_TELLURIUM_TOKEN=(hidden)" in listed and "LLAMA_TELLURIUM_RETRIES=2" in listed
    assert TOKEN not in said + listed + (event / ".llama" / "journal.jsonl").read_text()


@pytest.mark.slow
def test_the_page_s_service_says_what_is_to_be_set(tellurium: Path, tmp_path: Path) -> None:
    with environment() as app:
        key = Service[Any]("tellurium")
        assert app.lacks(key) == (
            "tellurium is not set up: set token of [tellurium] in settings.toml, or LLAMA_TELLURIUM_TOKEN"
        )
    event = fresh_event(tmp_path / "current_run", tmp_path)
    said = typed("run", "-o", "-p", "TELLURIUM", event, home=tmp_path, PYTHONPATH=str(tellurium))
    assert "tellurium_looking.json is held: tellurium is not set up: set token of [tellurium]" in said


def test_the_page_s_settings_are_read_from_the_file(tellurium: Path, tmp_path: Path) -> None:
    config = tmp_path / "xdg" / "config" / "llama"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text(f'[tellurium]\ntoken = "{TOKEN}"\nretries = 5\n')
    with environment() as app:
        section = sys.modules["tellurium"].SETTINGS
        assert app.section(section).retries == 5 and app.section(section).token.reveal() == TOKEN
        with App.from_text(app.to_text()) as other:
            assert other.settings == app.settings
            assert other.section(section) == app.section(section)
        for shown in (repr(app.settings), repr(app.section(section)), str(vars(app)), f"{app.to_text()}"):
            assert TOKEN not in shown
    (config / "settings.toml").write_text("[telurium]\nretries = 5\n")
    said = typed("flags", "--flag-presets", home=tmp_path, status=1, PYTHONPATH=str(tellurium))
    assert "no section [telurium] (did you mean tellurium?)" in said


def test_the_page_s_service_keeps_its_contract(tellurium: Path, tmp_path: Path) -> None:
    (text,) = [text for kind, text in blocks(PAGE) if kind == "python" and "check_service(" in text]
    exec(compile(text, PAGE, "exec"), {"folder": tmp_path})


def test_shared_files_of_two_packages_are_not_mixed_up(tellurium: Path) -> None:
    from llama.engine.folder.store import SharedDigests
    from llama.engine.graph.product import Shared
    from llama.formats.records import JsonObject

    theirs, ours = (Shared("grb.json", JsonObject(), package=name) for name in ("tellurium", "llama.data"))
    (tellurium / "tellurium" / "grb.json").write_text("{}")
    with environment() as app:
        digests = SharedDigests(app)
        assert app.shared_path(theirs) == tellurium / "tellurium" / "grb.json"
        assert app.shared_path(ours).parent.name == "data"
        assert digests(ours) != digests(theirs) and digests(ours) == digests(ours)
    assert ours.key == "shared:grb.json"


def test_a_setting_names_another_shared_file(tmp_path: Path) -> None:
    from llama.analyses.tables import ICECUBE_TABLES, SEARCHES

    with App(Settings(tmp_path, tmp_path).having("science", search=tmp_path / "mine.json")) as app:
        assert app.shared_path(SEARCHES) == tmp_path / "mine.json"
        assert app.shared_path(ICECUBE_TABLES).name == "icecube_tables.h5"
