"""The client of boto3, by what the settings, the environment and the file of `s3cmd` say, in this order."""

from __future__ import annotations

import configparser
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from llama.ports import TransferRefused
from llama.sections import Secret
from llama.services.storage.setup import StorageSettings

S3CFG = "~/.s3cfg"
AT_ONCE = 16
"""So many connections there may be."""
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_AMAZON = "s3.amazonaws.com"


def client_of(settings: StorageSettings) -> Any:
    """Its own tries are off, since ours are for what comes cut short as well; so are checksums of later years, since
    stores other than Amazon's refuse them."""
    config = Config(
        connect_timeout=settings.timeout_s,
        read_timeout=settings.timeout_s,
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=AT_ONCE,
    )
    settings = _with_s3cfg(settings)
    secret = settings.secret.reveal() if settings.secret else None
    session = boto3.session.Session(settings.key_id, secret, region_name=settings.region)
    return session.client(
        "s3", endpoint_url=settings.endpoint, region_name=session.region_name or "us-east-1", config=config
    )


def _with_s3cfg(settings: StorageSettings) -> StorageSettings:
    """Where neither settings nor the environment say who we are, the file of `s3cmd` does, if there is one."""
    if settings.key_id is not None or (settings.s3cfg is None and any(map(os.environ.get, _VARIABLES))):
        return settings
    path = (settings.s3cfg or Path(S3CFG)).expanduser()
    if not path.is_file():
        if settings.s3cfg is not None:
            raise TransferRefused(f"there is no {path}, which s3cfg of [storage] names")
        return settings
    said = _said(path)
    if not (said.get("access_key") and said.get("secret_key")):
        return settings
    there = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return replace(
        settings,
        key_id=said["access_key"],
        secret=Secret(said["secret_key"]),
        endpoint=settings.endpoint or there or _endpoint(said),
        region=settings.region or os.environ.get("AWS_DEFAULT_REGION") or _region(said),
    )


def _said(path: Path) -> dict[str, str]:
    reader = configparser.RawConfigParser(strict=False, comment_prefixes=("#", ";"), inline_comment_prefixes=None)
    try:
        reader.read_string(path.read_text(encoding="utf-8"))
        return dict(reader["default"])
    except (configparser.Error, KeyError, UnicodeDecodeError):
        # Not `from error`: it shows lines of the file, of which one is a secret
        raise TransferRefused(f"{path} cannot be read as a file of s3cmd; mend it, or set [storage]") from None


def _endpoint(said: dict[str, str]) -> str | None:
    """Its own address; none of Amazon's, which depend on the region."""
    host = said.get("host_base", "")
    if not host or host.endswith(_AMAZON):
        return None
    secure = said.get("use_https", "True").strip().lower() not in ("false", "no", "off", "0")
    return f"{'https' if secure else 'http'}://{host}"


def _region(said: dict[str, str]) -> str | None:
    """Without the two words that stand for Amazon's first one in old files."""
    region = said.get("bucket_location", "")
    return None if region in ("", "US", "default") else region
