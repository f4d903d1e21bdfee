"""Which server, image, key or size of the account a word means: exactly one, or an error that says why not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from llama.advice import Advice
from llama.fleet.errors import Ambiguous, NotThere
from llama.fleet.patterns import matched
from llama.ports import Cloud, Image, Server, ServerSize, SSHKey

_MOST_NAMED = 12
_IMAGES = Advice(("com", "do", "-S"))


def choose_servers(words: Sequence[str], servers: Sequence[Server]) -> list[Server]:
    """All servers that the words mean; NotThere names each word that means none."""
    found = matched(words, (one.name for one in servers))
    if found.missed:
        there = f"; there are {shortened(one.name for one in servers)}" if servers else "; there are none at all"
        raise NotThere(f"no server is called {shortened(found.missed)}{there}")
    wanted = set(found.names)
    return [one for one in servers if one.name in wanted]


def choose_server(word: str, servers: Sequence[Server]) -> Server:
    """The one server of a name or id."""
    found = [one for one in servers if word in (one.name, str(one.id))]
    if not found:
        raise NotThere(f"no server is called {word}{_near(word, (one.name for one in servers))}")
    if len(found) > 1:
        ids = ", ".join(f"{one.id} ({one.ip or one.status})" for one in found)
        raise Ambiguous(f"{len(found)} servers are called {word}; name one by its id: {ids}")
    return found[0]


def choose_image(word: str, cloud: Cloud) -> Image:
    """An image of the account by its name or id, else a public one by its slug (`debian-12-x64`)."""
    own = cloud.images()
    found = [one for one in own if word == str(one.id)] or [one for one in own if word == one.name]
    if len(found) > 1:
        ids = ", ".join(f"{one.id} (of {one.created})" for one in found)
        raise Ambiguous(f"{len(found)} images are called {word}; name one by its id: {ids}")
    if found:
        return found[0]
    public = cloud.public_image(word) if word.replace("-", "").replace(".", "").isalnum() else None
    if public is None:
        near = _near(word, (one.name for one in own))
        raise NotThere(f"no image is called {word}{near}; {_IMAGES} lists those of this account")
    return public


def choose_keys(words: Sequence[str] | None, keys: Sequence[SSHKey]) -> list[SSHKey]:
    """Keys by name, id or fingerprint; without words all there are. NotThere when nobody could log in."""
    if not keys:
        raise NotThere("the account has no SSH key, so nobody could log in; add one on the cloud's page first")
    if words is None:
        return list(keys)
    return list(dict.fromkeys(_choose_key(word, keys) for word in words))


def _choose_key(word: str, keys: Sequence[SSHKey]) -> SSHKey:
    found = [one for one in keys if word in (str(one.id), one.fingerprint)] or [
        one for one in keys if word == one.name
    ]
    if not found:
        names = [one.name for one in keys]
        raise NotThere(f"no key is called {word}{_near(word, names)}; there are {shortened(names)}")
    if len(found) > 1:
        ids = ", ".join(f"{one.id} ({one.fingerprint})" for one in found)
        raise Ambiguous(f"{len(found)} keys are called {word}; name one by its id: {ids}")
    return found[0]


def choose_size(word: str, sizes: Sequence[ServerSize]) -> ServerSize:
    """What can be rented under this name."""
    found = next((one for one in sizes if one.slug == word), None)
    if found is None:
        slugs = [one.slug for one in sizes]
        raise NotThere(f"no size is called {word}{_near(word, slugs)}; there are {shortened(slugs)}")
    return found


def shortened(names: Iterable[str]) -> str:
    """Names as a list for people, which ends where it becomes long."""
    listed = list(names)
    if len(listed) <= _MOST_NAMED:
        return ", ".join(listed)
    return f"{', '.join(listed[: _MOST_NAMED - 2])} … {listed[-1]} ({len(listed)} in all)"


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
