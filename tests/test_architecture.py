"""The drawing of the house names every room there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "src" / "llama"


def rooms() -> set[str]:
    """Modules and packages at the top, but for those that only start the program."""
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return folders | {path.stem for path in PACKAGE.glob("[a-z]*.py")}


def test_every_room_is_in_the_table_and_no_other() -> None:
    table = PAGE.split("## Rooms")[1].split("## Where")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE) for name in row.split("`")[1::2]}
    assert named == rooms()


def test_the_drawing_goes_through_rooms_that_exist() -> None:
    (drawing,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    walked = {
        "intake",
        "messengers",
        "services",
        "studies",
        "engine",
        "analyses",
        "science",
        "plots",
        "formats",
        "ports",
    }
    for room in walked | {"cli"}:
        assert re.search(rf"\b{room}\b", drawing) and room in rooms(), room
    assert max(map(len, drawing.splitlines())) <= 80, "it must fit a terminal"


def test_where_new_things_go_exists() -> None:
    for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z]+)?)`", PAGE.split("## Where")[1]):
        assert name.partition(".")[0] in rooms() | {"hear"}, name
