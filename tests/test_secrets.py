"""A planted secret is looked for wherever something is shown or kept."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from llama.app import App
from llama.sections import HidingFormatter, Secret, SecretError, hide, hiding
from llama.settings import SettingsError
from tests.cli.typed import fresh_event, typed
from tests.plugins import written

pytestmark = pytest.mark.slow

PLANTED = "T3ll/urium planted&secret"


def ways(tmp_path: Path) -> list[Secret]:
    """One given in each way."""
    file = tmp_path / "key"
    file.write_text(f"{PLANTED}\n")
    return [Secret(PLANTED), Secret(PLANTED, variable="LLAMA_X_TOKEN"), Secret(file=file)]


def test_a_secret_is_revealed_on_purpose_only(tmp_path: Path) -> None:
    for secret in ways(tmp_path):
        held = dataclasses.make_dataclass("Held", [("token", Secret)])(secret)
        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s %r" % (secret, secret)]  # noqa: UP031
        shown += [repr(held), str(dataclasses.asdict(held)), repr({"a": [secret]}), "{:20}".format(secret)]  # noqa: UP032
        assert not [text for text in shown if PLANTED in text or "planted" in text]
        assert secret.reveal() == PLANTED
        assert copy.deepcopy(secret) is secret
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(held.token, protocol)
        with pytest.raises(TypeError) as caught:
            json.dumps({"token": secret})
        assert "planted" not in str(caught.value)


def test_a_secret_in_a_file_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    secret = ways(tmp_path)[-1]
    (tmp_path / "key").write_text("renewed")
    assert secret.reveal() == "renewed"
    (tmp_path / "key").write_bytes(b"\xff\xfeplanted")
    with pytest.raises(SecretError, match="it is not text") as caught:
        secret.reveal()
    assert "planted" not in "".join(traceback.format_exception(caught.value))
    (tmp_path / "key").unlink()
    with pytest.raises(SecretError, match="cannot be read"):
        secret.reveal()


def test_texts_and_logs_hide_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (secret, *_) = ways(tmp_path)
    assert hide(f"a {PLANTED} b", [secret]) == "a (hidden) b"
    assert hide("https://x/?key=T3ll%2Furium%20planted%26secret&n=1", [secret]) == "https://x/?key=(hidden)&n=1"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HidingFormatter("%(message)s", "", [secret]))
    logger = logging.getLogger("llama.tests.secrets")
    logger.addHandler(handler)
    try:
        raise ValueError(PLANTED)
    except ValueError:
        logger.exception("asked with %s and %s", PLANTED, secret)
    finally:
        logger.removeHandler(handler)
    said = capsys.readouterr().err
    assert "planted" not in said and "asked with (hidden) and (hidden)" in said and "ValueError: (hidden)" in said


def test_errors_hide_it_whatever_they_are_chained_to(tmp_path: Path) -> None:
    (secret, *_) = ways(tmp_path)
    with pytest.raises(SecretError) as caught, hiding([secret]):
        try:
            raise KeyError(PLANTED)
        except KeyError as error:
            raise ConnectionError("the server refused") from error
    assert str(caught.value) == "ConnectionError: the server refused"
    assert "planted" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SecretError, match=r"OSError: answered \(hidden\)"), hiding([secret]):
        raise OSError(f"answered {PLANTED}")
    other = ValueError("of something else")
    with pytest.raises(ValueError, match="something else") as passed, hiding([secret]):
        raise other
    assert passed.value is other


@pytest.mark.parametrize(
    "text",
    [
        '[tellurium]\ntoken = ["planted"]\n',
        '[tellurium]\ntoken = {planted = "planted"}\n',
        '[tellurium]\ntokn = "planted"\n',
        'tellurium = "planted"\n',
        'token = "planted"\n',
        '[tellurium]\ntoken = "planted"\ntoken = "planted"\n',
        '[tellurium]\ntoken = "planted\n',
        '[tellurium]\ntoken = "planted"\ntoken_file = "planted"\n',
    ],
)
def test_a_mistake_around_it_does_not_show_it(text: str, tellurium: Path, tmp_path: Path) -> None:
    config = tmp_path / ".config" / "llama"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        App.read({"HOME": str(tmp_path)})
    said = "".join(traceback.format_exception(caught.value)).replace("{planted", "")
    assert '"planted' not in said and "'planted" not in said


@pytest.fixture
def tellurium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package of the page on services, whose library puts the key into an address."""
    site = tmp_path / "site"
    written("add-a-service.md", site)
    (site / "tellurium" / "sites.json").write_text('{"site": "x"}')
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "tellurium"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("way", "careful"), [("variable", True), ("variable", False), ("file", False), ("value", False)]
)
def test_a_failing_step_shows_it_nowhere(way: str, careful: bool, tellurium: Path, tmp_path: Path) -> None:
    """Also when the package forgets to hide what its library says: the application does."""
    short = "plantd7"  # what the page's service is refused with
    if not careful:
        module = tellurium / "tellurium" / "__init__.py"
        text = module.read_text().replace("with hiding([self._settings.token]):", "if True:")
        module.write_text(text)
    config = tmp_path / "xdg" / "config" / "llama"
    config.mkdir(parents=True)
    event = fresh_event(tmp_path / "current_run", tmp_path)
    more = {"PYTHONPATH": str(tellurium)}
    (tmp_path / "key").write_text(short)
    if way == "variable":
        more["LLAMA_TELLURIUM_TOKEN"] = short
    elif way == "file":
        more["LLAMA_TELLURIUM_TOKEN_FILE"] = str(tmp_path / "key")
    else:
        (config / "settings.toml").write_text(f'[tellurium]\ntoken = "{short}"\n')
    log = tmp_path / "a.log"
    said = typed("run", "-o", "-p", "TELLURIUM", "-v", "DEBUG", "-l", log, event, home=tmp_path, status=1, **more)
    told = typed("event", event, "status", "-p", "TELLURIUM", home=tmp_path, **more)
    listed = typed("--help-env", home=tmp_path, **more)
    kept = (event / ".llama" / "journal.jsonl").read_text()
    assert "answered 401" in said and "answered 401" in kept and "LLAMA_TELLURIUM_TOKEN=(hidden)" in listed
    for text in (said, told, listed, kept, log.read_text()):
        assert short not in text
