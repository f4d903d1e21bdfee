"""Asking a neutrino service over HTTP: where a token may go, how long to wait, when to try again, what to refuse.

A token goes over https, or over plain http to this machine, and nowhere else: not where a redirection leads, not to
a proxy that could read it. What may pass by itself (no connection, no answer in time, 408, 425, 429, 5xx) is tried
again with growing pauses, and then is `ServiceBusy`: whoever asked waits. All else needs a person: `ServiceError`.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from llama.formats.limits import MAX_RECORD_BYTES
from llama.sections import Secret, hiding
from llama.services.errors import ServiceBusy, ServiceError

FIRST_PAUSE_S = 0.5
_AT_ONCE = 1 << 16
_PASSING = (408, 425, 429)
_SERVER_ERROR = 500
_REFUSED = {
    401: "it does not know the token",
    403: "the token does not let us see this",
    404: "there is nothing at this address",
}
_SHOWN = 200


def wrong_address(url: str) -> str | None:
    """Why a service cannot be asked at this address; None when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return f"{url!r} is no address ({error})"
    if parts.scheme not in ("http", "https") or not host:
        return f"{url!r} is no address like https://neutrinos.example.org/v1"
    if parts.username is not None or parts.query or parts.fragment:
        return f"the address of {host} must have no user name, no ? and no #; the token has a setting of its own"
    if parts.scheme == "http" and not _here(host):
        return (
            f"http://{host} would send the token where anybody can read it; it must be https://, but on this machine"
        )
    return None


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Bearer(requests.auth.AuthBase):
    """Puts in the token; being there it also keeps requests from looking for another in ~/.netrc."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if self._token is not None:
            found = self._token.reveal()
            if not re.fullmatch(r"[!-~]+", found):
                raise ServiceError("the token has characters that no token has; give it again")
            request.headers["Authorization"] = f"Bearer {found}"
        return request


class Asking:
    """One service that can be asked; `get` is one answer."""

    def __init__(
        self,
        url: str,
        token: Secret | None = None,
        *,
        timeout_s: float = 20.0,
        patience_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout_s` is for one answer, `patience_s` for all pauses between tries; ServiceError for a bad `url`."""
        if why := wrong_address(url):
            raise ServiceError(why)
        self.url = url
        self._token, self._timeout_s, self._patience_s, self._sleep = token, timeout_s, patience_s, sleep
        self._session = requests.Session()
        # A proxy is meant for the outside, and would see what goes over plain http
        self._session.trust_env = url.startswith("https:")

    @property
    def host(self) -> str:
        """How people know it."""
        return urlsplit(self.url).netloc

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def get(self, parameters: Mapping[str, str]) -> bytes:
        """The body of one answer. ServiceBusy when it has none to give for now, ServiceError for what is none."""
        left, pause = self._patience_s, FIRST_PAUSE_S
        with hiding([self._token] if self._token else []):
            while True:
                try:
                    return self._once(parameters)
                except ServiceBusy as error:
                    wait = max(pause, error.wait_s)
                    if wait > left:
                        raise
                self._sleep(wait)
                left, pause = left - wait, 2 * pause

    def _once(self, parameters: Mapping[str, str]) -> bytes:
        with (
            self._reaching(),
            self._session.get(
                self.url,
                params=dict(parameters),
                headers={"Accept": "application/json"},
                auth=_Bearer(self._token),
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            self._check_status(answer)
            body = self._body(answer)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html" or body.lstrip()[:1] == b"<":
            raise ServiceError(f"{self.host} answers with a web page and not with JSON: is {self.url} its address?")
        return body

    def _body(self, answer: requests.Response) -> bytes:
        """All of it, in time and not without end."""
        deadline = time.monotonic() + self._timeout_s
        parts, size = [], 0
        # what has come so far, or a slow sender would be waited for until all of that much has
        read = getattr(answer.raw, "read1", answer.raw.read)
        while part := read(_AT_ONCE, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MAX_RECORD_BYTES:
                raise ServiceError(f"{self.host} sends more than {MAX_RECORD_BYTES >> 20} MiB in one answer: no list")
            if time.monotonic() > deadline:
                raise ServiceBusy(f"{self.host} gave no whole answer within {self._timeout_s:g} s")
        return b"".join(parts)

    def _check_status(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status == requests.codes.ok:
            return
        said = f"{self.host} answers {status} {answer.reason}".rstrip()
        if status in _PASSING or status >= _SERVER_ERROR:
            raise ServiceBusy(said, wait_s=_retry_after(answer))
        if target := answer.headers.get("Location"):
            raise ServiceError(f"{said} and sends us to {target[:_SHOWN]}; set url to that, if that is it")
        raise ServiceError(f"{said}: {_REFUSED.get(status, 'it does not take the question')}")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Whatever the network does becomes an error of ours, that names the host and no more."""
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        try:
            yield
        except requests.exceptions.SSLError as error:
            raise ServiceError(f"the certificate of {self.host} is not accepted ({_last(error)})") from error
        except (requests.Timeout, ReadTimeoutError) as error:
            raise ServiceBusy(f"{self.host} gave no answer within {self._timeout_s:g} s") from error
        except requests.ConnectionError as error:
            raise ServiceBusy(f"{self.host} cannot be reached ({_last(error)})") from error
        except (requests.RequestException, HTTPError) as error:
            raise ServiceBusy(f"the answer of {self.host} broke off ({_last(error)})") from error


def _retry_after(answer: requests.Response) -> float:
    """Seconds that the service wants to be left alone; a date or nonsense is none."""
    said = answer.headers.get("Retry-After", "").strip()
    return float(said) if re.fullmatch(r"[0-9]{1,6}", said) else 0.0


def _last(error: Exception) -> str:
    """What happened, without the libraries' account of every layer that it passed."""
    return str(error).rpartition(": ")[2].rstrip("')\"")[:_SHOWN] or type(error).__name__
