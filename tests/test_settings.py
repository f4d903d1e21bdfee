"""Settings: where each comes from, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.settings import SettingsError, describe, read_settings, unknown_variables


def test_folders_follow_xdg_and_home(tmp_path: Path) -> None:
    settings = read_settings({"HOME": str(tmp_path)})
    assert settings.data_dir == tmp_path / ".local/share/llama"
    assert settings.cache_dir == tmp_path / ".cache/llama"
    assert settings.current_run == settings.data_dir / "current_run"
    settings = read_settings({"HOME": str(tmp_path), "XDG_DATA_HOME": "/data"})
    assert settings.data_dir == Path("/data/llama")


def test_a_relative_xdg_folder_is_ignored_as_the_standard_says(tmp_path: Path) -> None:
    settings = read_settings({"HOME": str(tmp_path), "XDG_DATA_HOME": "here"})
    assert settings.data_dir == tmp_path / ".local/share/llama"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config" / "llama"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text('data_dir = "/from/file"\nworkers = 3\n')
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert read_settings(environ).data_dir == Path("/from/file")
    assert read_settings(environ).workers == 3
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
    text = describe(read_settings({"HOME": str(tmp_path)}))
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
    assert unknown_variables(environ) == {"LLAMA_NEUTRINO": "LLAMA_NEUTRINOS", "LLAMA_COLOUR": ""}
