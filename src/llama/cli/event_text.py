"""What an event holds, as lines for people: its head, the status of every product, the graph, the history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llama.advice import VETO_RETRACTED, Advice

if TYPE_CHECKING:
    from llama.engine.folder import Event, Item, State
    from llama.engine.graph import Pipeline
    from llama.engine.running import Status

_UNVETO = Advice(("event", "EVENT", "unveto"))
_UNLOCK = Advice(("event", "EVENT", "unlock"))
_MARKS = {"done": "✓", "ready": "▶", "waiting": "…", "running": "⟳", "cooling": "✗", "held": "■"}
_UNTIL = {
    "done": "due again",
    "waiting": "looks again",
    "cooling": "tries again",
    "running": "gives up",
    "held": "looks again",
}
_PLAIN = {"done": "+", "ready": ">", "waiting": ".", "running": "*", "cooling": "x", "held": "#"}


def journal_lines(state: State) -> list[str]:
    """What the journal lost; empty where all of it can be read."""
    if not state.damaged:
        return []
    told = "; ".join(state.damaged)
    return [f"DAMAGED JOURNAL: {told}; what it said is lost: put .llama/journal.jsonl back from a backup"]


def header_lines(event: Event, state: State) -> list[str]:
    """What holds for the event as a whole: taken back, vetoed, locked."""
    from llama.flags import Flags
    from llama.messengers.gw.retraction import retractions

    lines = retractions(event.path)
    vetoed = Flags.of(state.flags).vetoed or None in state.vetoes
    if any(line.startswith("RETRACTED") for line in lines) and not vetoed:
        lines.append(f"work on it goes on; to stop it: {VETO_RETRACTED.of(EVENT=event.path).typed}")
    if vetoed:
        why = state.vetoes.get(None) or "no reason given"
        lines.append(f"VETOED: {why}; nothing more is made until {_UNVETO.of(EVENT=event.path)}")
    if None in state.locks:
        why = state.locks[None] or "no reason given"
        lines.append(f"LOCKED: {why}; all stays as it is until {_UNLOCK.of(EVENT=event.path)}")
    return lines


def status_lines(found: dict[str, Status], ascii_only: bool) -> list[str]:
    """One line per product: mark, kind, file, why, until when."""
    marks = _PLAIN if ascii_only else _MARKS
    width = max(map(len, found), default=0)
    return [
        f"{marks[status.kind]} {status.kind:<8} {filename:<{width}}  {status.why}"
        + (f" ({_UNTIL[status.kind]} {status.until:%Y-%m-%d %H:%M:%S}Z)" if status.until else "")
        for filename, status in found.items()
    ]


def graph_lines(pipeline: Pipeline, found: dict[str, Status], ascii_only: bool) -> list[str]:
    """The graph as a tree from what comes from outside; a file met again is not unfolded again."""
    marks = _PLAIN if ascii_only else _MARKS
    tee, end, bar, again = ("|- ", "`- ", "|  ", " ^") if ascii_only else ("├─ ", "└─ ", "│  ", " ↑")
    children: dict[str, list[str]] = {product.filename: [] for product in pipeline}
    for product in pipeline:
        for name in dict.fromkeys(item.product.filename for item in product.all_inputs):
            children[name].append(product.filename)
    seen: set[str] = set()

    def lines(name: str, head: str, body: str) -> Iterable[str]:
        known = name in seen and bool(children[name])
        seen.add(name)
        yield f"{head}{marks[found[name].kind]} {name}{again if known else ''}"
        for place, child in enumerate([] if known else children[name], 1):
            last = place == len(children[name])
            yield from lines(child, body + (end if last else tee), body + ("   " if last else bar))

    roots = [product.filename for product in pipeline if not product.all_inputs]
    return [line for root in roots for line in lines(root, "", "")]


def telling(entries: list[Item]) -> list[Item]:
    """Without the claims of which something came, or which were handed on."""
    from llama.engine.folder import Claimed

    last = {entry.claim: place for place, entry in enumerate(entries) if hasattr(entry, "claim")}
    return [
        entry for place, entry in enumerate(entries) if not isinstance(entry, Claimed) or last[entry.claim] == place
    ]


def history_line(entry: Item) -> str:
    """One entry for people; empty for bookkeeping that says nothing to them."""
    from llama.engine.folder import journal

    if isinstance(entry, journal.Unknown):
        return "" if not entry.why else f"(a line that {entry.why})"
    if isinstance(entry, journal.Seen):
        return ""
    digest = getattr(entry, "digest", "")
    parts = [getattr(entry, "filename", "") or ("" if isinstance(entry, journal.Flagged) else "the event")]
    parts.append(digest[:7])
    if isinstance(entry, journal.Made):
        parts.append(f"in {entry.seconds:.3g} s")
    if isinstance(entry, journal.Claimed):
        parts.append(f"by process {entry.pid} on {entry.host}")
    if isinstance(entry, journal.Flagged):
        parts += [f"{name}={str(value).lower()}" for name, value in entry.flags.items()]
    parts.append(getattr(entry, "error", "") or getattr(entry, "why", ""))
    parts.append(f"(by {by})" if (by := getattr(entry, "by", None)) else "")
    return f"{entry.at:%Y-%m-%d %H:%M:%S}Z {type(entry).__name__:<9} {' '.join(part for part in parts if part)}"
