"""When the cloud is asked again, and the one place where what its library raises becomes an error of ours.

Too many requests (429), all 5xx, silence and a lost connection are tried again, each time after twice the pause, or
after what the cloud's headers say. What makes or changes something is tried again only where it is sure that it was
not done: after a 429, or when no connection came about. Otherwise it raises Uncertain.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from azure.core import exceptions as raised

from llama.ports import CloudError, CloudRefused, ReadOnlyToken, Uncertain
from llama.sections import Secret, hide, hiding
from llama.services.droplets.setup import TOKEN

T = TypeVar("T")
_NO_TRUST = "its certificate is not accepted; is endpoint of [droplets] right?"
_LOG = logging.getLogger("llama.droplets")

LONGEST_PAUSE_S = 60.0
LONGEST_WAIT_S = 3700.0
"""The cloud counts requests by the hour: what its headers say is believed up to a little more."""


class NotDone(CloudError):
    """What was not done, and may be another time, soon. `after_s` is when the cloud wants to be asked."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Unprocessable(CloudRefused):
    """The cloud would do such a thing for us, and cannot do this one."""


@dataclass(frozen=True)
class CloudPatience:
    """How patient we are, and what nobody is to see.

    Attributes:
        host: how messages name the cloud.
        timeout_s, tries, pause_s: as in the settings.
        secrets: hidden in whatever the library says.
        told: is told of a wait that is longer than a minute, as a sentence.
        sleep: waits so many seconds.
        clock: seconds since 1970.
    """

    host: str
    timeout_s: float
    tries: int
    pause_s: float
    secrets: tuple[Secret, ...] = ()
    told: Callable[[str], object] = _LOG.warning
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.time

    def ask(self, what: str, question: Callable[[], T], *, changes: bool = False) -> T:
        """The answer; `changes` for what must not be done twice."""
        for attempt in range(1, self.tries + 1):
            try:
                with hiding(self.secrets), self._answering(what, changes):
                    return question()
            except NotDone as error:
                if attempt == self.tries:
                    raise CloudError(f"{error} (asked {attempt} times); try again later") from error
                self._rest(error, attempt)
        raise AssertionError("tries is at least 1")

    def _rest(self, error: NotDone, attempt: int) -> None:
        usual_s = min(self.pause_s * 2.0 ** (attempt - 1), LONGEST_PAUSE_S)
        pause_s = max(usual_s, min(error.after_s or 0.0, LONGEST_WAIT_S))
        say = self.told if pause_s > LONGEST_PAUSE_S else _LOG.info
        say(f"{error}; asked again in {pause_s:.3g} s")
        self.sleep(pause_s)

    @contextmanager
    def _answering(self, what: str, changes: bool) -> Iterator[None]:
        where = f"{what} at {self.host}"
        try:
            yield
        except raised.HttpResponseError as error:
            if error.status_code is None or isinstance(error, raised.DecodeError):
                raise _cut_short(where, error, changes) from error
            raise self._of_status(where, error, changes) from error
        except (raised.ServiceRequestTimeoutError, raised.ServiceResponseTimeoutError) as error:
            silent = f"{where}: no answer within {self.timeout_s:g} s"
            unsent = isinstance(error, raised.ServiceRequestError)
            raise NotDone(silent) if unsent or not changes else Uncertain(silent) from error
        except raised.ServiceRequestError as error:
            if isinstance(error.inner_exception, requests.exceptions.SSLError):
                raise CloudRefused(f"{where}: {_NO_TRUST}") from error
            raise NotDone(f"{where}: no connection ({_last_words(error)})") from error
        except (raised.ServiceResponseError, ValueError) as error:
            raise _cut_short(where, error, changes) from error
        except raised.AzureError as error:
            raise CloudError(f"{where}: {_last_words(error)}") from error

    def _of_status(self, where: str, error: raised.HttpResponseError, changes: bool) -> CloudError:
        status = int(error.status_code or 0)
        said = hide(said_by(error), self.secrets)
        headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
        if status == 429:
            return NotDone(f"{where}: too many requests", self._after_s(headers))
        if status >= 500:
            failed = f"{where}: it answered {status}{said}"
            return Uncertain(failed) if changes else NotDone(failed, _number(headers.get("Retry-After")))
        if status == 401:
            return CloudRefused(f"{where}: the token is not accepted (401); renew {TOKEN}")
        if status == 403:
            return ReadOnlyToken(
                f"{where}: the token may not do this (403){said}; it may only read, or lacks this scope: "
                f"make one with read and write access, and set {TOKEN}"
            )
        if status == 404:
            return CloudRefused(f"{where}: there is no such thing (404){said}")
        return Unprocessable(f"{where}: it was refused ({status}){said}")

    def _after_s(self, headers: Mapping[str, str]) -> float | None:
        """When the cloud will listen again: Retry-After in seconds, or the moment at which its count starts anew."""
        if (after := _number(headers.get("Retry-After"))) is not None:
            return max(after, 0.0)
        reset = _number(headers.get("ratelimit-reset"))
        return None if reset is None else max(reset - self.clock(), 0.0)


def _cut_short(where: str, error: Exception, changes: bool) -> CloudError:
    cut = f"{where}: the answer was cut short, or is none ({type(error).__name__})"
    return Uncertain(cut) if changes else NotDone(cut)


def said_by(error: raised.HttpResponseError) -> str:
    """The cloud's own words, after a colon; empty when it gave none."""
    try:
        response: Any = error.response
        answer = response.json() if response is not None else None
    except Exception:  # noqa: BLE001 - a page for people, or bytes: whatever it is, it is no sentence for us
        return ""
    words = answer.get("message") if isinstance(answer, dict) else None
    return f": {' '.join(str(words).split())[:300]}" if words else ""


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _last_words(error: Exception) -> str:
    """What happened, without the libraries' account of every layer that it passed."""
    return str(error).rpartition(": ")[2].rstrip("')\"") or type(error).__name__
