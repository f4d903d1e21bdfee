"""What stands beside the code: how to cite it, how to contribute, what CI runs, which tests run when."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from llama.analyses.telling.sources import PIPELINE
from tests.needs import program

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CFF_KEYS = {"cff-version", "message", "title", "type", "abstract", "authors", "license", "keywords", "references"}


@pytest.fixture(scope="module")
def citation() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")))


def test_the_citation_has_what_cff_1_2_asks_for(citation: dict[str, Any]) -> None:
    """Required: cff-version, message, title and authors; of a reference type, title and authors."""
    assert set(citation) == CFF_KEYS
    assert citation["cff-version"] == "1.2.0"
    assert (citation["title"], citation["type"]) == ("LLAMA", "software")
    assert citation["authors"] == [{"name": "The LLAMA developers"}]
    assert citation["license"] == PROJECT["project"]["license"] == "GPL-3.0-or-later"
    assert isinstance(citation["message"], str) and citation["message"]
    for paper in citation["references"]:
        assert paper["type"] == "article" and paper["title"] and paper["year"] == 2019
        assert all(set(author) == {"family-names", "given-names"} for author in paper["authors"])


def test_the_citation_names_the_papers_that_results_name(citation: dict[str, Any]) -> None:
    found = {paper["identifiers"][0]["value"]: paper for paper in citation["references"]}
    first = {name: paper["authors"][0]["family-names"] for name, paper in found.items()}
    assert first == {"arXiv:1901.05486": "Countryman", "arXiv:1810.11467": "Bartos"}
    assert "Countryman" in PIPELINE and "arXiv:1901.05486" in PIPELINE
    for name, paper in found.items():
        assert paper["url"] == f"https://arxiv.org/abs/{name.removeprefix('arXiv:')}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CITATION.cff"])
def test_it_is_linked_from_the_readme_and_in_the_source_distribution(name: str) -> None:
    assert f"]({name})" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


def test_contributing_tells_of_every_make_target_and_marker_of_the_tests() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+): \.venv", MAKEFILE, re.MULTILINE))
    for name in {"quick", "test", "components", "check", "format", "imports"}:
        assert name in targets and f"make {name}" in text, name
    for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]:
        assert f"`{marker.partition(':')[0]}`" in text
    assert "at most 72 letters" in text


def test_make_test_and_make_components_together_run_every_test() -> None:
    selections = dict(re.findall(r'^(\w+): .*\n\t.*pytest.* -m "?([^"\n]+)"?$', MAKEFILE, re.MULTILINE))
    assert selections == {
        "quick": "not slow and not component",
        "test": "not component",
        "components": "component",
    }
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["make check", "make components"]
    assert re.search(r"^check: .*\blint types imports test$", MAKEFILE, re.MULTILINE)


def test_what_a_machine_lacks_is_skipped_and_in_ci_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "no-such-program-as-this"
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"no program {name} on this machine; install the-package"):
        program(name, "the-package")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=f"no program {name} on this machine"):
        program(name, "the-package")
    assert program("sh", "a shell") == Path(shutil.which("sh") or "")
