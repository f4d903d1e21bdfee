"""Documentation is tested: what has a name is described, what the README promises exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llama.analyses.gw_neutrino import GW_NEUTRINO
from llama.analyses.pipelines import PIPELINES
from llama.cli.main import COMMANDS
from llama.flags import PRESETS, Flags, meanings
from llama.installed import Providers
from llama.sections_read import fields_of
from llama.settings import OWN

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = (ROOT / "docs" / "guides" / "reference.md").read_text(encoding="utf-8")


def test_every_command_is_documented() -> None:
    for words in COMMANDS:
        assert f"`llama {' '.join(words)}" in REFERENCE, words


def test_every_setting_is_documented() -> None:
    for section in (*OWN, *Providers().sections):
        for one in fields_of(section):
            where = f"[{section.name}] {one.key}" if section.name else one.key
            assert f"| `{one.variables[0]}` | `{where}` |" in REFERENCE, where
            assert one.about.text, where
            if one.about.was:
                assert f"| `{one.about.was}` | `{where}` |" in REFERENCE, where


def test_every_product_is_documented_with_its_file() -> None:
    for pipeline in PIPELINES.values():
        assert f"`{pipeline.name}`" in REFERENCE
        for product in pipeline:
            assert f"| `{product.name}` | `{product.filename}` |" in REFERENCE, product
            assert product.help, product


def test_every_flag_and_preset_is_documented() -> None:
    for name in (*PRESETS, *Flags().as_dict()):
        assert f"`{name}`" in REFERENCE, name
    for name, meaning in meanings().items():
        assert f"| `{name}` | {meaning} |" in REFERENCE


def test_products_answer_to_all_their_names() -> None:
    for product in GW_NEUTRINO:
        for word in (product.name, product.filename, *product.aliases):
            assert GW_NEUTRINO.find(word) is product
    assert GW_NEUTRINO.find("IceCubeNeutrinoList").filename == "icecube_neutrino_list.json"


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_no_lock_file_names_an_index() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text()
        assert "http" not in text, path
        assert "--index" not in text, path
        assert "--hash=sha256:" in text, path
