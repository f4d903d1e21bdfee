"""Notices damaged in every way we know, through the listener's door: none ends it, each is kept and explained."""

from __future__ import annotations

import json
import os
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llama.app import messengers
from llama.engine.folder import Run
from llama.intake import Archive, Heard, Intake
from llama.ports import Message
from llama.testing import demo_alert

_BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">{}]>'.format(
    "".join(f'<!ENTITY a{i} "{f"&a{i - 1 if i else str()};" * 10}">' for i in range(9))
)
_ODD = ("", "NaN", -1, 1e400, None, [], {}, True, "9" * 400, "\x00", "../../x", "é" * 50, "2016-12-31T23:59:60Z")
_TOPICS = {
    "igwn_json": "igwn.gwalert",
    "lvk_voevent": "gcn.classic.voevent.LVC_INITIAL",
    "fermi": "gcn.classic.voevent.FERMI_GBM_FIN_POS",
    "swift": "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK",
    "icecube": "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD",
    "gcn_kafka_json": "gcn.notices.icecube.gold_bronze_track_alerts",
    "gracedb_json": "gracedb.superevent",
}


def real_notices() -> list[tuple[str, bytes]]:
    """Topic and bytes of recorded notices below 200 kB, where there are such, and of the demo's alert."""
    folder = Path(os.environ.get("LLAMA_TEST_DATA", "../shared/data")) / "notices"
    paths = [
        path for kind in _TOPICS for path in sorted((folder / kind).rglob("*")) if path.suffix in (".json", ".xml")
    ]
    small = [path for path in paths if path.stat().st_size < 200_000]
    found = [(_TOPICS[path.relative_to(folder).parts[0]], path.read_bytes()) for path in small]
    return [*found, ("igwn.gwalert", demo_alert().data)]


def _flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 3, 30))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _doubled(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start : start + draw.randrange(1, 2000)] * draw.randrange(2, 200) + data[start:]


def _nested(data: bytes, draw: random.Random) -> bytes:
    depth = draw.choice((100, 5_000, 200_000))
    if data.lstrip().startswith(b"<"):
        return b"<a>" * depth + data + b"</a>" * depth
    return b'{"event": ' * depth + b"1" + b"}" * depth


def _bombed(data: bytes, draw: random.Random) -> bytes:
    if not data.lstrip().startswith(b"<"):
        return _typed(data, draw)
    head, mark, rest = data.partition(b"?>")
    return head + mark + _BOMB.encode() + rest.replace(b"</Description>", b"&a8;</Description>", 1)


def _typed(data: bytes, draw: random.Random) -> bytes:
    """One value of a JSON notice is something else; of XML one attribute."""
    try:
        content = json.loads(data)
    except ValueError:
        words = data.split(b'"')
        if len(words) > 2:
            words[draw.randrange(1, len(words), 2)] = str(draw.choice(_ODD)).encode("utf-8", "replace")
        return b'"'.join(words)
    places: list[tuple[Any, Any]] = []
    stack = [content]
    while stack:
        one = stack.pop()
        keys = one.keys() if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        places += [(one, key) for key in keys]
        stack += [one[key] for key in keys]
    if places:
        where, key = draw.choice(places)
        where[key] = draw.choice(_ODD)
    return json.dumps(content).encode("utf-8", "surrogatepass")


WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bytes changed": _flipped,
    "cut": _cut,
    "pieces repeated": _doubled,
    "nested": _nested,
    "entities or other types": _bombed,
    "other types": _typed,
}


def mutated(count: int, seed: int) -> dict[str, Any]:
    """So many through one door; what came of them, and how much memory that took."""
    draw, notices = random.Random(seed), real_notices()
    outcome: Counter[str] = Counter()
    crashed: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        intake = Intake(Run(Path(folder) / "run"), Archive(Path(folder) / "gcn"), messengers().values())
        (Path(folder) / "run").mkdir()
        for number in range(count):
            topic, data = draw.choice(notices)
            way = draw.choice(sorted(WAYS))
            damaged = WAYS[way](data, draw)
            try:
                heard = intake.hear(Message(damaged, topic, f"{topic}-0-{number}"), now=datetime.now(UTC))
            except Exception as error:  # noqa: BLE001 - that is what is counted
                crashed.append(f"{way}: {type(error).__name__}: {error}"[:200])
                continue
            outcome[_outcome(heard, damaged)] += 1
    return {
        "notices": count,
        **dict(sorted(outcome.items())),
        "raised": len(crashed),
        "the first of those": crashed[:3],
        "notices a second": round(count / (time.monotonic() - began)),
        "highest memory, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _outcome(heard: Heard, data: bytes) -> str:
    if heard.path.read_bytes() != data:
        return "NOT KEPT AS RECEIVED"
    if heard.dead is not None:
        said = heard.dead.with_name(f"{heard.dead.name}.reason.txt")
        return "explained as dead letters" if said.stat().st_size else "DEAD WITHOUT A REASON"
    return "delivered" if heard.delivered else "kept, of no event"
