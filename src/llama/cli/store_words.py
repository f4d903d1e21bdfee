"""What commands that move files to and from stores say, in the same words."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from llama.operate.stores.transfers import Carried

_SHOWN = 20


def carried(found: Iterable[Carried], total: int, done: str, to: TextIO | None = None) -> int:
    """Follow with a progress bar, name what failed, and count (`to`, else standard output); the exit status."""
    from tqdm import tqdm

    moved = before = size = 0
    failed: list[str] = []
    with tqdm(total=total, unit="file", leave=False, disable=None) as bar:
        for one in found:
            bar.update()
            if one.why:
                failed.append(one.why)
                bar.set_postfix(failed=len(failed))
            elif one.moved:
                moved, size = moved + 1, size + one.transfer.size
            else:
                before += 1
    for why in failed[:_SHOWN]:
        print(f"llama: {why}", file=sys.stderr)
    if len(failed) > _SHOWN:
        print(f"llama: and {len(failed) - _SHOWN} more", file=sys.stderr)
    print(f"{moved} {done} ({amount(size)}), {before} were there, {len(failed)} failed", file=to)
    return 1 if failed else 0


def amount(size: int) -> str:
    """Bytes for people."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
