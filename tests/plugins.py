"""Packages on how-to pages, put where Python finds them with the metadata that pip would write."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: str) -> list[tuple[str, str]]:
    """The kind and the text of every block of code on a page of the guides."""
    text = (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")
    return re.findall(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL)


def written(page: str, site: Path) -> None:
    """The page's files under `site`, installed."""
    for _, text in blocks(page):
        if named := re.match(r"# (\S+)\n", text):
            (site / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (site / named[1]).write_text(text, encoding="utf-8")
    project = tomllib.loads((site / "pyproject.toml").read_text())["project"]
    register(site, project["name"], project["entry-points"])


def register(site: Path, name: str, entries: dict[str, dict[str, str]]) -> None:
    """The metadata of a package with these entry points, by group and name."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, found in entries.items()
        for line in (f"[{group}]", *(f"{key} = {where}" for key, where in found.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
