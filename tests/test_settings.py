"""Settings: where each comes from, and what is said when one is wrong."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from llama import settings
from llama.app import App
from llama.cli.main import main
from llama.installed import Providers
from llama.sections import About, Secret, Section
from llama.sections_read import fields_of
from llama.services.sources import GRB, ICECUBE
from llama.settings import OWN, RUN, SCIENCE, Settings, SettingsError, describe, unknown_variables


@dataclass(frozen=True)
class Observatory:
    """A section with a setting of every type."""

    url: Annotated[str, About("where")]
    token: Annotated[Secret | None, About("lets us in")] = None
    topics: Annotated[tuple[str, ...], About("what is heard")] = ("alerts",)
    kind: Annotated[Literal["fast", "slow"], About("which of two")] = "fast"
    folder: Annotated[Path | None, About("where to")] = None
    on: Annotated[bool, About("whether at all")] = True
    tries: Annotated[int, About("how often", least=1)] = 3
    seconds: Annotated[float, About("how long")] = 0.5


OBSERVATORY = Section("observatory", Observatory)
FULL = """
[observatory]
url = "https://example.org"
topics = ["alerts", "circulars"]
kind = "slow"
folder = "/some/where"
on = false
tries = 5
seconds = 2
"""
FULL_VARIABLES = {
    "LLAMA_OBSERVATORY_URL": "https://example.org",
    "LLAMA_OBSERVATORY_TOPICS": "alerts, circulars",
    "LLAMA_OBSERVATORY_KIND": "slow",
    "LLAMA_OBSERVATORY_FOLDER": "/some/where",
    "LLAMA_OBSERVATORY_ON": "no",
    "LLAMA_OBSERVATORY_TRIES": "5",
    "LLAMA_OBSERVATORY_SECONDS": "2",
}
FULL_VALUES = Observatory(
    "https://example.org", None, ("alerts", "circulars"), "slow", Path("/some/where"), False, 5, 2.0
)


def read_settings(environ: dict[str, str], *more: Section[Any]) -> Settings:
    """As a command reads them, with further sections."""
    return settings.read_settings(environ, [*Providers().sections, *more])


def from_file(tmp_path: Path, text: str, *more: Section[Any], **environ: str) -> Settings:
    """With this settings.toml."""
    config = tmp_path / ".config" / "llama"
    config.mkdir(parents=True, exist_ok=True)
    (config / "settings.toml").write_text(text)
    return read_settings({"HOME": str(tmp_path), **environ}, *more)


def test_folders_follow_xdg_and_home(tmp_path: Path) -> None:
    found = read_settings({"HOME": str(tmp_path)})
    assert found.data_dir == tmp_path / ".local/share/llama"
    assert found.cache_dir == tmp_path / ".cache/llama"
    assert found.current_run == found.data_dir / "current_run"
    found = read_settings({"HOME": str(tmp_path), "XDG_DATA_HOME": "/data"})
    assert found.data_dir == Path("/data/llama")


def test_a_relative_xdg_folder_is_ignored_as_the_standard_says(tmp_path: Path) -> None:
    found = read_settings({"HOME": str(tmp_path), "XDG_DATA_HOME": "here"})
    assert found.data_dir == tmp_path / ".local/share/llama"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config" / "llama"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text('data_dir = "/from/file"\nworkers = 3\n')
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert read_settings(environ).data_dir == Path("/from/file")
    assert read_settings(environ)[RUN].workers == 3
    assert read_settings(environ | {"LLAMA_DATA_DIR": "/from/env"}).data_dir == Path("/from/env")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("LLAMA_WORKERS", "many", r"\$LLAMA_WORKERS: workers is 'many'"),
        ("LLAMA_WORKERS", "-1", "workers is '-1'"),
        ("LLAMA_NEUTRINOS", "antares", "neutrinos is 'antares'; it may be archive or simulated"),
    ],
)
def test_a_wrong_value_says_where_it_was_set(tmp_path: Path, variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_settings({"HOME": str(tmp_path), variable: value})


@pytest.mark.parametrize(
    ("text", "says"),
    [("datadir = 'x'", "no setting datadir"), ("data_dir = [", "cannot be read"), ("data_dir = 3", "must be text")],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / ".config" / "llama"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text(text)
    with pytest.raises(SettingsError, match=says) as caught:
        read_settings({"HOME": str(tmp_path)})
    assert "settings.toml" in str(caught.value)


def test_every_setting_is_described(tmp_path: Path) -> None:
    app = App.read({"HOME": str(tmp_path)})
    text = describe(app.settings, app.providers.sections)
    for name in ("DATA_DIR", "CACHE_DIR", "NEUTRINOS", "SEARCH", "POPULATIONS", "WORKERS"):
        assert f"LLAMA_{name}=" in text


def test_variables_that_are_no_settings_are_named_with_the_one_that_may_be_meant() -> None:
    environ = {
        "LLAMA_NEUTRINO": "simulated",
        "LLAMA_COLOUR": "red",
        "LLAMA_TEST_DATA": "x",
        "LLAMA_GRB": "y",
        "HOME": "/",
    }
    assert unknown_variables(environ, Providers().sections) == {
        "LLAMA_NEUTRINO": "LLAMA_NEUTRINOS",
        "LLAMA_COLOUR": "",
    }


@pytest.mark.parametrize("way", ["file", "variables"])
def test_a_section_is_read_by_its_types(tmp_path: Path, way: str) -> None:
    text, variables = (FULL, {}) if way == "file" else ("", FULL_VARIABLES)
    assert from_file(tmp_path, text, OBSERVATORY, **variables)[OBSERVATORY] == FULL_VALUES


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("on", '"perhaps"', r"on is 'perhaps'; it must be true or false"),
        ("on", "1", "on is 1; it must be true or false"),
        ("tries", "2.5", "tries is 2.5; it must be a whole number from 1 up"),
        ("tries", "true", "tries is True; it must be a whole number"),
        ("tries", "0", "tries is 0; .* from 1 up"),
        ("seconds", '"soon"', "seconds is 'soon'; it must be a number"),
        ("seconds", "nan", "seconds is nan; it must be a number"),
        ("topics", "[1, 2]", r"topics is \[1, 2\]; it must be a list of texts"),
        ("kind", '"medium"', "kind is 'medium'; it may be fast or slow"),
        ("folder", '""', "folder is ''; it must be text that names a file or folder"),
        ("url", "3", "url is 3; it must be text"),
        ("folder", "1979-05-27", "folder is .*; it must be text"),
    ],
)
def test_a_wrong_value_in_a_section_says_what_it_may_be(tmp_path: Path, key: str, value: str, says: str) -> None:
    url = "" if key == "url" else 'url = "x"\n'
    with pytest.raises(SettingsError, match=rf"settings.toml \[observatory\]: {says}"):
        from_file(tmp_path, f"[observatory]\n{url}{key} = {value}\n", OBSERVATORY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[observatry]\nurl = 'x'", r"no section \[observatry\] \(did you mean observatory\?\)"),
        ("[observatory]\nurll = 'x'", r"\[observatory\]: no setting urll \(did you mean url\?\)"),
        ("[observatory]\nurl_file = 'x'", "no setting url_file"),
        ("observatory = 'x'", r"observatory is a section; write \[observatory\]"),
        ("worker = 3", "no setting worker"),
        ("catalogue = 'x'", r"catalogue stands above all sections; it belongs under \[grb\]"),
        ("[run.more]\nx = 1", "no setting more"),
    ],
)
def test_misspelt_sections_and_keys_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        from_file(tmp_path, text, OBSERVATORY)


def test_old_spellings_in_the_file_still_work_and_are_noted(tmp_path: Path) -> None:
    for name in ("search.json", "tables.hdf5", "grb.csv", "model.json"):
        (tmp_path / name).write_text("{}")
    at = str(tmp_path)
    found = from_file(
        tmp_path,
        f"""
        neutrinos = "simulated"
        simulated_season = "IC79-2010"
        search = "{at}/search.json"
        populations = "{at}/tables.hdf5"
        grb_notices = "{at}"
        grb_catalogue = "{at}/grb.csv"
        grb = "{at}/model.json"
        workers = 3
        """,
    )
    assert (found[ICECUBE].neutrinos, found[ICECUBE].simulated_season) == ("simulated", "IC79-2010")
    assert (found[SCIENCE].search, found[SCIENCE].populations) == (tmp_path / "search.json", tmp_path / "tables.hdf5")
    assert (found[GRB].notices, found[GRB].catalogue) == (tmp_path, tmp_path / "grb.csv")
    assert found[GRB].model == found.path("grb.model") == tmp_path / "model.json"
    assert found[RUN].workers == 3
    assert len(found.notes) == 8
    assert any(
        "workers is to be workers under [run] now; the old spelling still works" in note for note in found.notes
    )
    new = from_file(tmp_path, '[icecube]\nneutrinos = "simulated"\nsimulated_season = "IC79-2010"\n')
    assert new[ICECUBE] == found[ICECUBE] and not new.notes


def test_two_spellings_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"sets workers of \[run\] twice"):
        from_file(tmp_path, "workers = 3\n[run]\nworkers = 4\n")
    with pytest.raises(SettingsError, match=r"\$LLAMA_WORKERS and \$LLAMA_RUN_WORKERS set the same thing"):
        from_file(tmp_path, "", LLAMA_WORKERS="3", LLAMA_RUN_WORKERS="4")
    assert from_file(tmp_path, "", LLAMA_RUN_WORKERS="4")[RUN].workers == 4
    assert from_file(tmp_path, "[run]\nworkers = 2\n", LLAMA_WORKERS="3")[RUN].workers == 3


def test_a_file_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    for variable in ("LLAMA_SEARCH", "LLAMA_POPULATIONS", "LLAMA_GRB_CATALOGUE", "LLAMA_GRB"):
        with pytest.raises(SettingsError, match=rf"\${variable}: .* cannot be read .* leave it unset for the"):
            read_settings({"HOME": str(tmp_path), variable: str(tmp_path / "absent")})


def test_what_must_be_set_is_named_and_wanted_only_when_asked_for(tmp_path: Path) -> None:
    found = from_file(tmp_path, "[observatory]\ntries = 2\n", OBSERVATORY)
    why = "not set up: set url of [observatory] in settings.toml, or LLAMA_OBSERVATORY_URL"
    assert found.lacks(OBSERVATORY) == why and found.lacks(RUN) is None
    with pytest.raises(SettingsError, match="LLAMA_OBSERVATORY_URL"):
        _ = found[OBSERVATORY]


def test_settings_that_claim_one_name_are_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Other:
        workers: int = 0

    for name in ("run", "observatory"):
        clash = Section(name, Other)
        with pytest.raises(SettingsError, match=rf"two sections are called \[{name}\]: .* rename one"):
            read_settings({"HOME": str(tmp_path)}, OBSERVATORY, clash)
    with pytest.raises(SettingsError, match="two settings are called LLAMA_GRB_NOTICES"):
        read_settings({"HOME": str(tmp_path)}, Section("other", Clashing))


@dataclass(frozen=True)
class Clashing:
    """A setting with another's variable."""

    mine: Annotated[str, About("mine", variable="LLAMA_GRB_NOTICES")] = ""


@dataclass(frozen=True)
class Impossible:
    """A setting of a type that none can have."""

    table: Annotated[dict[str, str] | None, About("no")] = None


def test_a_type_that_no_setting_can_have_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"\[odd\] declares table as .*; a setting is str, Path"):
        fields_of(Section("odd", Impossible))


def test_settings_travel_as_text_without_loss(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of a file\n")
    environ = {"LLAMA_OBSERVATORY_TOKEN": "of a variable"}
    given = {
        "file": 'token_file = "' + str(tmp_path / "key") + '"',
        "value": 'token = "of the settings"',
        "variable": "",
    }
    for way, line in given.items():
        found = from_file(tmp_path, f"{FULL}{line}\n", OBSERVATORY, **(environ if way == "variable" else {}))
        text = found.to_text()
        assert ("of the settings" in "".join([text])) == (way == "value")
        assert "of a" not in "".join([text])
        for shown in (str(text), repr(text), f"{text}", "%s" % text, repr([text])):  # noqa: UP031
            assert "of the settings" not in shown
        moved = pickle.loads(pickle.dumps(text))
        again = Settings.from_text(moved, environ)
        assert again == found and again[OBSERVATORY] == found[OBSERVATORY]
        assert again[OBSERVATORY].token.reveal() == found[OBSERVATORY].token.reveal()
    with pytest.raises(SettingsError, match="not the text of settings"):
        Settings.from_text('{"data_dir": 3}')


def test_the_sections_of_all_services_are_known() -> None:
    names = [section.name for section in (*OWN, *Providers().sections)]
    assert {"", "run", "science", "grb", "icecube"} <= set(names) and len(set(names)) == len(names)


def test_a_misspelt_variable_is_told_even_when_another_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLAMA_NEUTRINO", "simulated")
    monkeypatch.setenv("LLAMA_WORKERS", "many")
    assert main(["flags", "--flag-presets"]) == 1
    said = capsys.readouterr().err
    assert "no setting LLAMA_NEUTRINO; did you mean LLAMA_NEUTRINOS?" in said and "workers is 'many'" in said
