"""What is typed in a rehearsal, in the order of a real study, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llama.testing.rehearsal.stage import BUCKET

FLEET = "llama-parallel-bns-o4"
TABLE = "opa-bns-o4-H1L1-IC86-2011.txt"


@dataclass(frozen=True)
class Scene:
    """One command.

    Attributes:
        why: for whoever looks on.
        words: after `llama`.
        shows: a regular expression that what it says must match.
        until: whether it is typed again until it does.
    """

    why: str
    words: tuple[str, ...]
    shows: str = ""
    until: bool = False


def scenes(folder: Path, servers: int) -> Iterator[Scene]:
    """All of them, for so many servers. The sky maps go into `folder`, which every server sees under this path."""
    yield from _begin(folder)
    yield from _one(folder)
    yield from _many(folder, servers)
    yield from _collect()
    yield from _end(servers)


def _begin(folder: Path) -> Iterator[Scene]:
    yield Scene("Which servers does the account have? None yet.", ("com", "do", "-D"))
    yield Scene(
        "Sky maps of a population, and lists of them by detectors.",
        ("dev", "simulate", "bns", "-r", "O4", "-n", "6", "-o", str(folder / "maps")),
        shows=r"6 total",
    )


def _one(folder: Path) -> Iterator[Scene]:
    first = f"{FLEET}-00"
    yield Scene(
        "One server first, from a plain Debian. What it will cost is said before anything is asked.",
        ("com", "do", "-c", first, "-i", "debian-12-x64", "--user-data", "--wait", "--yes"),
        shows=rf"{first} +127\.0\.",
    )
    yield Scene("Take in its host key, and see which llama a shell finds there.", dv("init"), shows=r"llama \d")
    yield Scene("Nothing of ours runs on it.", dv("ls-procs"), shows="total 0")
    yield Scene("Try the study on this one.", _launch(folder), shows=r"process \d+, log ")
    yield Scene("Look until there are some trials.", dv("done", "bg"), r"total [1-9]", True)
    yield Scene("It works: end it,", dv("killall"))
    yield Scene("and remove what it made, or the others would begin with copies of it.", dv("clean", "--yes"))
    yield Scene(
        "Keep its disk as the image that the others start from. The server is powered off first.",
        ("com", "do", "--snapshot", FLEET, first, "--start", "--yes"),
        shows=rf"{FLEET} is complete",
    )


def _many(folder: Path, servers: int) -> Iterator[Scene]:
    names = f"{FLEET}-{{01..{servers - 1:02d}}}"
    yield Scene(
        "The others, all alike.",
        ("com", "do", "-c", names, "-i", FLEET, "--wait", "--yes"),
        shows=f"{servers - 1} of {servers - 1} servers were created",
    )
    yield Scene("All of them are there.", ("com", "do", "-D", f"{FLEET}-*"), shows=rf"{FLEET}-{servers - 1:02d}")
    yield Scene("Take in the host keys of the new ones.", dv("init"), shows=rf"{FLEET}-{servers - 1:02d}")
    yield Scene("Nothing runs yet.", dv("ls-procs"), shows="total 0")
    yield Scene(
        "Start the study on all. Each has blocks of its own: no event is drawn twice.",
        _launch(folder),
        shows=rf"{FLEET}-{servers - 1:02d}.*process \d+",
    )
    yield Scene("Now there are processes.", dv("ls-procs"), shows=r"total [1-9]")
    enough = servers * 2
    yield Scene(f"Until there are {enough} trials.", dv("done", "bg"), rf"total ({_from(enough)})\n", True)
    yield Scene("The last lines of the newest log of each.", dv("tail", "--lines", "2"))
    yield Scene("Any command, on one of them.", dv("-p", f"{FLEET}-00", "eval", "ls llama-study"), shows="events")
    yield Scene("That is enough for a rehearsal: end what was started,", dv("killall"))
    yield Scene("and see that it has ended.", dv("ls-procs"), shows="total 0")


def _collect() -> Iterator[Scene]:
    yield Scene("Fetch the results, into a folder for each server.", dv("pull", "-o", "results"))
    yield Scene(
        "A table of them, a row for each trial,",
        ("dev", "background", "table", f"tables/{TABLE}", "results"),
        shows=r"\d+ background events in",
    )
    yield Scene("and of such tables the file that p-values are read from.", ("dev", "background", "pvalue", "tables"))
    yield Scene(
        "Put what is worth keeping into a store.",
        ("dev", "upload", "-r", "tables", "-b", BUCKET, "-p", "studies/bns-o4"),
        shows="studies/bns-o4",
    )
    yield Scene("It is there.", ("com", "s3", "ls", f"s3://{BUCKET}/studies/bns-o4/"), shows="opa-bns-o4")


def _end(servers: int) -> Iterator[Scene]:
    yield Scene("Forget their host keys: their addresses will be those of others.", dv("forget"), shows="forgotten")
    yield Scene(
        "Give the servers back: they cost money, on or off.",
        ("com", "do", "-d", f"{FLEET}-*", "--yes"),
        shows=f"{servers} of {servers} servers were destroyed",
    )
    yield Scene("Nothing is left that costs money.", ("com", "do", "-D", "-n"), shows=r"\A\Z")


def _launch(folder: Path) -> tuple[str, ...]:
    maps = str(folder / "maps" / "skymap-lists" / "bns-o4" / "H1L1.csv")
    return dv("launch", "bg", maps, "--per-map", "2", "--each", "500", "-j", "1")


def dv(*words: str) -> tuple[str, ...]:
    """A word to all servers."""
    return ("dev", "dv", *words)


def _from(least: int) -> str:
    """A regular expression of whole numbers from this one up, below a million."""
    digits = len(str(least))
    same = "|".join(str(number) for number in range(least, 10**digits)) if digits < 4 else ""
    return f"{same}|[1-9][0-9]{{{digits},5}}"
