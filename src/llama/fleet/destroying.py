"""Servers that are to go: which are meant, which of them are sheltered, and their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from llama.fleet.choosing import choose_servers, shortened
from llama.fleet.errors import NotPossible
from llama.fleet.lifetimes import UNTIL, outlived, why_sheltered
from llama.ports import Cloud, Server


@dataclass(frozen=True)
class Doomed:
    """Servers that are to be destroyed.

    Attributes:
        servers: in order of name.
        every: whether no other would be left in the account.
        spared: those that are left out because they are sheltered, each with why.
    """

    servers: tuple[Server, ...]
    every: bool
    spared: tuple[str, ...] = ()

    @property
    def per_hour_usd(self) -> float:
        """What they cost together until then."""
        return sum(one.per_hour_usd for one in self.servers)


def doom(servers: Sequence[Server], words: Sequence[str], *, really: bool) -> Doomed:
    """Those that the words mean, of all that there are. NotThere when a word means none.

    NotPossible when one of them is sheltered, unless that is really meant.
    """
    chosen = choose_servers(words, servers)
    sheltered = _sheltered(chosen)
    if sheltered and not really:
        raise NotPossible(
            f"{shortened(sheltered)}; nothing was destroyed. Name others alone, or add --really if these are meant"
        )
    return Doomed(tuple(chosen), every=len(chosen) == len(servers) > 0)


def doom_outlived(servers: Sequence[Server], words: Sequence[str], now: datetime, *, really: bool) -> Doomed:
    """Those whose lifetime is over, of those that the words mean. Sheltered ones are spared unless really meant."""
    found = outlived(choose_servers(words, servers) if words else servers, now)
    chosen = [one for one in found if really or why_sheltered(one) is None]
    return Doomed(tuple(chosen), len(chosen) == len(servers) > 0, () if really else tuple(_sheltered(found)))


def destroy(cloud: Cloud, doomed: Doomed) -> Iterator[Server]:
    """Destroy one after the other, by id; each is told when it is gone."""
    for one in doomed.servers:
        cloud.destroy(one.id)
        yield one


def forget_lifetimes(cloud: Cloud, destroyed: Sequence[Server]) -> None:
    """Delete the tags of lifetimes that no server has any more."""
    had = {tag for one in destroyed for tag in one.tags if tag.startswith(UNTIL)}
    if had:
        cloud.remove_tags(tag.name for tag in cloud.tags() if tag.name in had and tag.servers == 0)


def _sheltered(servers: Sequence[Server]) -> list[str]:
    """Those that are not destroyed like others, each with why."""
    return [f"{one.name} {why}" for one in servers if (why := why_sheltered(one))]
