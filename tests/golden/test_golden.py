"""No change of the code's shape changes a number: the significance files of eighteen events are as they were kept.

Names, their order and every text are compared as they are, numbers to 1e-9: other machines' libraries differ in the
last digits. What is counted among drawn lists may then differ by a list: such numbers are compared to 2 %. Where a
result is meant to change, `python -m tests.golden.events` keeps the new one.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from tests.golden.events import KEPT, MAPS, deliveries, results

from llama.studies.review import CASES

pytestmark = pytest.mark.slow

NAMES = ("demo", *(f"review-{case.name}" for case in CASES), *MAPS)
TOLERANCE = 1e-9
COUNTED = re.compile(r"p_value|significance_sigma|far_joint_hz|neutrino_limit")
TOLERANCE_OF_COUNTED = 0.02


def differences(kept: Any, now: Any, where: str = "$") -> list[str]:
    """Where two JSON values are not the same."""
    if isinstance(kept, dict) and isinstance(now, dict):
        if list(kept) != list(now):
            return [f"{where}: keys {list(kept)} became {list(now)}"]
        return [line for key in kept for line in differences(kept[key], now[key], f"{where}.{key}")]
    if isinstance(kept, list) and isinstance(now, list):
        if len(kept) != len(now):
            return [f"{where}: {len(kept)} entries became {len(now)}"]
        pairs = enumerate(zip(kept, now, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{where}[{i}]")]
    if isinstance(kept, float) and isinstance(now, float):
        tolerance = TOLERANCE_OF_COUNTED if COUNTED.search(where) else TOLERANCE
        return [] if math.isclose(kept, now, rel_tol=tolerance) else [f"{where}: {kept!r} became {now!r}"]
    return [] if kept == now and type(kept) is type(now) else [f"{where}: {kept!r} became {now!r}"]


def test_the_comparison_sees_every_kind_of_change() -> None:
    for kept, now in (
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}),
        ({"a": 1.0}, {"a": 1.0 + 1e-8}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {"a": 0.0}),
    ):
        assert differences(kept, now)
    assert not differences({"a": [1.0, "x", None]}, {"a": [1.0 + 1e-13, "x", None]})


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in MAPS else name for name in NAMES]
)
def test_results_are_as_they_were(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    real = request.getfixturevalue("data") if name in MAPS else None
    found = results(deliveries(real)[name](), tmp_path)
    kept = {path.name: json.loads(path.read_bytes()) for path in sorted((KEPT / name).glob("*.json"))}
    assert list(found) == list(kept)
    assert [line for file in kept for line in differences(kept[file], found[file], file)] == []
