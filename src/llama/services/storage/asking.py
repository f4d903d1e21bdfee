"""When a store is asked again, and the one place where what boto3 raises becomes an error of ours.

Throttling, all 5xx, silence, a lost connection and an answer that was cut short are tried again, each time after
twice the pause. What is refused (credentials, a bucket or key that is not there) is not.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import botocore.exceptions as raised
import urllib3.exceptions

from llama.ports import NoSuchObject, TransferError, TransferRefused

T = TypeVar("T")
_LOG = logging.getLogger("llama.storage")

LONGEST_PAUSE_S = 60.0
SET_UP = "set key_id and secret of [storage], or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NO_KEY = {"NoSuchKey", "404", "NotFound"}
_WRONG = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthorizationHeaderMalformed",
}
_FORBIDDEN = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled"}
_AGAIN = {"SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestTimeout", "BadDigest"}


class AccessDenied(TransferRefused):
    """The store knows us, and does not let us do it."""


@dataclass(frozen=True)
class Patience:
    """How often something is asked, and the pause before the second time (s)."""

    tries: int
    pause_s: float

    def insist(self, url: str, ask: Callable[[], T]) -> T:
        """The answer to a question that changes nothing when it is asked twice; TransferError when there is none."""
        for tried in range(1, self.tries + 1):
            try:
                with translated(url):
                    return ask()
            except TransferRefused:
                raise
            except TransferError as error:
                if tried == self.tries:
                    often = f" (asked {tried} times)" if tried > 1 else ""
                    raise TransferError(f"{error}{often}") from error
                pause = min(self.pause_s * 2.0 ** (tried - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)
                _LOG.debug("%s; asked again in %.2f s", error, pause)
                time.sleep(pause)
        raise AssertionError("a question is asked at least once")


@contextmanager
def translated(url: str) -> Iterator[None]:
    """What boto3 and what it stands on raise, as one TransferError that names the address and says what to do."""
    try:
        yield
    except raised.ClientError as error:
        raise _answered(url, error) from error
    except (raised.NoCredentialsError, raised.PartialCredentialsError, raised.CredentialRetrievalError) as error:
        raise TransferRefused(f"{url}: there are no credentials for it; {SET_UP}") from error
    except raised.ParamValidationError as error:
        raise TransferRefused(f"{url}: it is no address of a store: {_line(error)}") from error
    except raised.ConnectionError as error:
        raise TransferError(f"{url}: no connection to {error.kwargs.get('endpoint_url', 'the store')}") from error
    except (raised.HTTPClientError, raised.IncompleteReadError, urllib3.exceptions.HTTPError) as error:
        raise TransferError(f"{url}: the answer was cut short or never came: {_line(error)}") from error
    except raised.BotoCoreError as error:
        raise TransferRefused(f"{url}: {_line(error)}") from error


def _answered(url: str, error: raised.ClientError) -> TransferError:
    """What the store itself said."""
    answer: dict[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return no_bucket(url)
    if code in _AGAIN or status >= 500 or status == 429:
        return TransferError(f"{url}: the store answered {status} {code}")
    if code in _NO_KEY:
        return NoSuchObject(f"there is no {url}")
    if code in _WRONG or status == 401:
        return TransferRefused(f"{url}: the store does not accept the credentials ({code}); {SET_UP}")
    if code in _FORBIDDEN or status == 403:
        return AccessDenied(f"{url}: the store does not let these credentials do it ({code or status}); {SET_UP}")
    return TransferRefused(f"{url}: the store answered {status} {code}")


def no_bucket(url: str) -> TransferRefused:
    """That there is none of that name."""
    return TransferRefused(f"{url}: there is no such bucket; correct its name, or the endpoint of [storage]")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
