"""When a question is asked again, and the one place where what the libraries raise becomes an error of ours.

408, 409, 429 and all 5xx, silence, a lost connection and an answer that came damaged are tried again, each time after
twice the pause, or after what Retry-After says. What is refused (401, 403, 404) is not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import requests
import urllib3.exceptions

from llama.formats.errors import FormatError
from llama.ports import GraceDBError, GraceDBRefused
from llama.sections import Secret, hiding

T = TypeVar("T")
_LOG = logging.getLogger("llama.gracedb")

LONGEST_PAUSE_S = 60.0
LONGEST_RETRY_AFTER_S = 300.0
"""GraceDB says how long it wants to be left alone; no longer than this is believed."""
MOST_DAMAGED = 3
"""How often something is fetched that comes whole and cannot be read: it may be stored like that."""
_AGAIN = frozenset({408, 409, 429})
_HIDDEN = frozenset({401, 403, 404, 410})


class Again(GraceDBError):
    """What may go well another time, soon. `after_s` is when GraceDB wants to be asked."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True)
class Questioner:
    """How patient we are, and what nobody is to see.

    Attributes:
        host: how messages name the server.
        lets_us_in: whether credentials are sent.
        timeout_s, tries, pause_s: as in the settings.
        secrets: hidden in whatever the libraries say.
        sleep: waits so many seconds.
    """

    host: str
    lets_us_in: bool
    timeout_s: float
    tries: int
    pause_s: float
    secrets: tuple[Secret, ...] = ()
    sleep: Callable[[float], object] = time.sleep

    def ask(self, what: str, question: Callable[[], T]) -> T:
        """The answer. GraceDBRefused for what is not there or not shown, GraceDBError for what did not go well."""
        for attempt in range(1, self.tries + 1):
            try:
                with hiding(self.secrets), self._answering(what):
                    return question()
            except (Again, FormatError) as error:
                if attempt == self.tries or (isinstance(error, FormatError) and attempt == MOST_DAMAGED):
                    raise self._last(error) from error
                pause_s = self._pause_s(attempt, error)
                _LOG.info("%s; asked again in %.3g s", error, pause_s)
                self.sleep(pause_s)
        raise AssertionError("tries is at least 1")

    def _last(self, error: Exception) -> Exception:
        if isinstance(error, Again):
            return GraceDBError(f"{error} (asked {self.tries} times); try again later")
        return error

    def _pause_s(self, attempt: int, error: Exception) -> float:
        usual_s: float = min(self.pause_s * 2.0 ** (attempt - 1), LONGEST_PAUSE_S)
        wanted_s = error.after_s if isinstance(error, Again) and error.after_s is not None else 0.0
        return max(usual_s, min(wanted_s, LONGEST_RETRY_AFTER_S))

    @contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        where = f"{what} at {self.host}"
        try:
            yield
        except requests.HTTPError as error:
            raise self._of_status(where, error) from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise Again(f"{where}: no answer within {self.timeout_s:g} s") from error
        except requests.exceptions.SSLError as error:
            raise GraceDBError(f"{where}: its certificate is not accepted ({_last_words(error)})") from error
        except requests.JSONDecodeError as error:
            raise Again(f"{where}: the answer is no JSON, or came in part") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise Again(f"{where}: the answer came in part") from error
        except requests.ConnectionError as error:
            raise Again(f"{where}: no connection ({_last_words(error)})") from error
        except urllib3.exceptions.HTTPError as error:
            raise Again(f"{where}: the answer came in part ({_last_words(error)})") from error
        except (requests.RequestException, RuntimeError) as error:
            raise GraceDBError(f"{where}: {_last_words(error)}") from error
        except KeyError as error:
            raise GraceDBError(f"{where}: this GraceDB has no {error}; is [gracedb] service_url right?") from error

    def _of_status(self, where: str, error: requests.HTTPError) -> GraceDBError:
        answer = error.response
        status = 0 if answer is None else int(answer.status_code)
        said = f"{where}: it answered {status} {'' if answer is None else answer.reason}".rstrip()
        if status in _HIDDEN:
            return GraceDBRefused(self._hidden(where, status))
        if answer is not None and (status in _AGAIN or status >= 500):
            return Again(said, _retry_after_s(answer.headers.get("Retry-After")))
        return GraceDBError(said)

    def _hidden(self, where: str, status: int) -> str:
        if status == 410 or (status == 404 and self.lets_us_in):
            return f"{where}: there is no such thing"
        if status == 404:
            return f"{where}: there is no such thing, or it is not public: then set token or certificate of [gracedb]"
        if self.lets_us_in:
            return f"{where}: our credentials do not suffice ({status}); renew what [gracedb] names"
        return f"{where}: it is not public and needs credentials ({status}); set token or certificate of [gracedb]"


def _retry_after_s(said: str | None) -> float | None:
    """Seconds, or a date; None when it is neither."""
    if said is None:
        return None
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def _last_words(error: Exception) -> str:
    """What happened, without the libraries' account of every layer that it passed."""
    return str(error).rpartition(": ")[2].rstrip("')\"") or type(error).__name__
