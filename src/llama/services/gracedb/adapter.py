"""GraceDB behind `llama.ports.GraceDB`, by the library `ligo-gracedb`, of which only this module knows."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from ligo.gracedb.rest import GraceDb

from llama.formats.limits import MAX_SKYMAP_BYTES
from llama.ports import GraceDBError, GraceDBRefused, StoredFile, StoredNotice, Superevent
from llama.sections import Secret
from llama.services.gracedb import answers
from llama.services.gracedb.asking import Again, Questioner
from llama.services.gracedb.setup import GraceDBSettings

T = TypeVar("T")
_CONNECT_S = 10.0
_CHUNK = 1 << 20
_CLOCK_S = 120.0
_MOST_SUPEREVENTS = 10_000
_LONGEST_DOWNLOAD_S = 900.0
_NOTICES, _VOEVENTS = "superevent-notice-list-template", "superevent-voevent-list-template"
_LOG = logging.getLogger("llama.gracedb")


class _Client(GraceDb):  # type: ignore[misc] # the library has no types
    """Theirs with a time-out, without tries of its own, and with no credentials but those that were meant."""

    def __init__(self, settings: GraceDBSettings, version: str | None = None) -> None:
        self._told = False
        self._timeout = (min(_CONNECT_S, settings.timeout_s), settings.timeout_s)
        self._way_in = None if settings.find_credentials else _anonymous
        if settings.token is not None:
            self._way_in = _Bearer(settings.token)
        super().__init__(
            service_url=settings.service_url,
            cred=str(settings.certificate) if settings.certificate else None,
            force_noauth=not (settings.find_credentials or settings.certificate),
            api_version=version,
            retries=0,
        )

    def request(self, method: str, url: str, **how: Any) -> requests.Response:
        how["timeout"] = self._timeout
        if self._way_in is not None:
            how["auth"] = self._way_in
        answer: requests.Response = super().request(method, url, **how)
        self._compare_clocks(answer.headers.get("Date"))
        return answer

    def _compare_clocks(self, date: str | None) -> None:
        """Say once that this machine's clock is wrong: by it we decide how far to look back."""
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError:
            return
        off_s = (datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds()
        if abs(off_s) > _CLOCK_S and not self._told:
            self._told = True
            how = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} GraceDB's"
            _LOG.warning("this machine's clock is %s; set it right, or alerts may be looked for at a wrong time", how)


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """In place of what `~/.netrc` may say."""
    return request


class _Bearer:
    """A token that is looked up as late as possible, so that it may be renewed."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class GraceDBAdapter:
    """One GraceDB. Questions are asked in turn, each as often as the settings say."""

    def __init__(self, settings: GraceDBSettings, asking: Questioner) -> None:
        self._settings = settings
        self._asking = asking
        self._client = _Client(settings)
        self._newer: _Client | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return self._settings.service_url

    def superevents(self, start_gps: float, stop_gps: float, *, mock: bool = False) -> Sequence[Superevent]:
        """Superevents of that time."""

        def question() -> list[Superevent]:
            query = self._query(start_gps, stop_gps, mock=mock)
            found = self._client.superevents(query=query, orderby="t_0", max_results=_MOST_SUPEREVENTS)
            return [answers.superevent(record) for record in found]

        superevents = self._asking.ask("superevents", question)
        if len(superevents) >= _MOST_SUPEREVENTS:
            raise GraceDBError(f"{_MOST_SUPEREVENTS} superevents and more: ask for a shorter time")
        return superevents

    def record(self, graceid: str) -> dict[str, object]:
        """The record of a superevent, or of an event."""
        ask = self._client.event if _is_event(graceid) else self._client.superevent
        return answers.mapping(self._asking.ask(graceid, lambda: ask(graceid).json()), graceid)

    def files(self, graceid: str) -> Sequence[StoredFile]:
        """Every version of its files, by what its log tells of them."""
        return answers.files(self._asking.ask(f"the log of {graceid}", lambda: self._client.logs(graceid).json()))

    def notices(self, graceid: str) -> Sequence[StoredNotice]:
        """Those that GraceDB lists as such, those among its files, and the VOEvents."""
        found: dict[str, StoredNotice] = {}
        if (client := self._asking.ask("the list of what there is", self._with_notices)) is not None:
            listed = self._asking.ask(f"the notices of {graceid}", lambda: client.notices(graceid).json())
            found |= {one.file: one for one in answers.numbered(listed, "json")}
        for one in answers.notices_among(self.files(graceid)):
            found.setdefault(one.file, one)
        found |= {one.file: one for one in self._voevents(graceid)}
        return sorted(found.values(), key=lambda one: (one.created, one.file))

    def _voevents(self, graceid: str) -> list[StoredNotice]:
        """None where a server has given them up."""
        if _VOEVENTS not in self._client.templates:
            return []
        try:
            sent = self._asking.ask(f"the VOEvents of {graceid}", lambda: self._client.voevents(graceid).json())
        except GraceDBRefused as error:
            _LOG.info("%s", error)
            return []
        return list(answers.numbered(sent, "voevent"))

    def file(self, graceid: str, filename: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the file, which came whole as far as can be known."""
        what = f"{filename} of {graceid}"
        return self._asking.ask(what, lambda: read(self._downloaded(graceid, filename, what)))

    def close(self) -> None:
        """Close the connections."""
        for client in filter(None, (self._client, self._newer)):
            client.close()

    def _query(self, start_gps: float, stop_gps: float, *, mock: bool) -> str:
        """In the words of the server's own version; the last moment is not part of it."""
        last = stop_gps - 1e-6
        if self._client.service_info.get("api-default") == "v2":
            between = {"field": "t_0", "op": "between", "value": [start_gps, last]}
            category = {"field": "category", "op": "=", "value": "MDC"}
            return json.dumps({"and": [category, between]} if mock else between)
        return f"{'category: MDC ' if mock else ''}t_0: {start_gps:.6f} .. {last:.6f}"

    def _with_notices(self) -> _Client | None:
        """A client whose server lists notices: of the usual version, else of version 2; None when none does."""
        if _NOTICES in self._client.templates:
            return self._client
        info = self._client.service_info
        if "v2" not in (info.get("api-versions") or info.get("API_VERSIONS") or ()):
            return None
        self._newer = self._newer or _Client(self._settings, "v2")
        return self._newer if _NOTICES in self._newer.templates else None

    def _downloaded(self, graceid: str, filename: str, what: str) -> bytes:
        raw = self._client.files(graceid, filename)
        begun, parts, size = time.monotonic(), [], 0
        try:
            while part := raw.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > MAX_SKYMAP_BYTES:
                    raise GraceDBError(f"{what}: more than {MAX_SKYMAP_BYTES >> 20} MiB, which no such file is")
                if time.monotonic() - begun > _LONGEST_DOWNLOAD_S:
                    raise Again(f"{what}: not here after {_LONGEST_DOWNLOAD_S:g} s")
            _require_whole(raw, size, what)
        finally:
            raw.close()
        return b"".join(parts)


def _require_whole(raw: Any, size: int, what: str) -> None:
    """Again when less came than the server said it would send, or nothing."""
    said, came = raw.headers.get("Content-Length"), raw.tell()
    if said is not None and said.isdigit() and came != int(said):
        raise Again(f"{what}: {came} of {said} bytes came")
    if size == 0:
        raise Again(f"{what}: it came empty")


def _is_event(graceid: str) -> bool:
    """As the library tells events (G298048) from superevents (S190425z, MS…)."""
    return graceid[:1] in "GEHMT" and graceid[1:].isdigit()


def open_adapter(settings: GraceDBSettings) -> GraceDBAdapter:
    """The adapter for these settings."""
    asking = Questioner(
        host=urlsplit(settings.service_url).netloc,
        lets_us_in=settings.lets_us_in,
        timeout_s=settings.timeout_s,
        tries=settings.tries,
        pause_s=settings.pause_s,
        secrets=() if settings.token is None else (settings.token,),
    )
    return GraceDBAdapter(settings, asking)
