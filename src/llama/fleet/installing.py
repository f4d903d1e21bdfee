"""This package onto servers: a wheel of it and all it needs, as its lock says, into `~/.local/share/llama-fleet`."""

from __future__ import annotations

from pathlib import Path

import llama
from llama.fleet.errors import NotToBeDone
from llama.fleet.pushing import Parcel, send
from llama.fleet.remote import Remote
from llama.fleet.ssh import Link

FOLDER = ".local/share/llama-fleet"
LOCK = "requirements.lock"


def parcel_of(wheel: Path, lock: Path | None) -> Parcel:
    """Wheel and lock; NotToBeDone for a file that is none, and where there is no lock."""
    if wheel.suffix != ".whl" or not wheel.is_file():
        raise NotToBeDone(f"{wheel} is no wheel; make one with `pip wheel --no-deps .` in the project's folder")
    beside = (lock,) if lock else (wheel.with_name(LOCK), Path(llama.__file__).parents[2] / LOCK)
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise NotToBeDone(f"there is no {lock or LOCK} that says what {wheel.name} needs; name it with --lock")
    return Parcel.of([wheel, found])


async def install(link: Link, remote: Remote, parcel: Parcel) -> None:
    """Send both and install; ServerFailed says what pip said."""
    await send(link, remote, parcel, f"~/{FOLDER}")
    wheel, lock = sorted(parcel.files, key=lambda name: not name.endswith(".whl"))
    await remote.do(link, "install", FOLDER, wheel, lock)
