"""Stores that speak S3, through boto3."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from llama.ports import NoSuchObject, StoredObject, TransferRefused
from llama.services.storage.setup import EXTRA, StorageSettings

try:
    import boto3 as _boto3  # noqa: F401
except ImportError as error:
    raise TransferRefused(f"s3:// needs a library that is not installed: {EXTRA}") from error

from llama.services.storage import s3_parts
from llama.services.storage.asking import AccessDenied, Patience, no_bucket, translated
from llama.services.storage.s3_client import client_of
from llama.services.storage.s3_fetching import SHA256, fetch, md5_of

AT_ONCE = 64 * 1024 * 1024
"""Larger files go in parts, which the store puts together at the end."""


class S3:
    """Objects of buckets, `s3://BUCKET/KEY`. An object is put by one request, or in parts that count once all came.

    The SHA-256 of what we put goes along as metadata, and is checked when it is fetched; of what others put the
    length is, and the MD5 where the store says it.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._patience = Patience(settings.tries, settings.pause_s)
        self._buckets: set[str] = set()
        try:
            with translated("s3://"):
                self._client = client_of(settings)
        except ValueError as error:  # an endpoint that is no address
            raise TransferRefused(f"s3://: {error}; correct endpoint of [storage]") from error

    def list(self, url: str, *, recursive: bool = True, prefix: bool = False) -> Iterator[StoredObject]:
        if url == "s3://":
            yield from self._list_buckets(url)
            return
        bucket, key = _place(url)
        begin = key if not key or prefix or key.endswith("/") else f"{key}/"
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": begin} | ({} if recursive else {"Delimiter": "/"})
        while True:
            page = self._patience.insist(url, partial(self._client.list_objects_v2, **asked))
            found = [
                StoredObject(f"s3://{bucket}/{one['Key']}", one["Size"], _utc(one), md5=md5_of(one))
                for one in page.get("Contents", [])
            ]
            found += [
                StoredObject(f"s3://{bucket}/{one['Prefix']}", 0, folder=True)
                for one in page.get("CommonPrefixes", [])
            ]
            yield from sorted(found, key=lambda one: one.url)
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _list_buckets(self, url: str) -> Iterator[StoredObject]:
        for one in self._patience.insist(url, self._client.list_buckets)["Buckets"]:
            when = str(one["CreationDate"].strftime("%Y-%m-%dT%H:%M:%SZ"))
            yield StoredObject(f"s3://{one['Name']}/", 0, when, folder=True)

    def find(self, url: str) -> StoredObject | None:
        bucket, key = _file(url)
        try:
            head = self._patience.insist(url, lambda: self._client.head_object(Bucket=bucket, Key=key))
        except NoSuchObject:
            self._require(bucket)  # its answer is the same when there is no bucket
            return None
        self._buckets.add(bucket)
        sha256 = head.get("Metadata", {}).get(SHA256)
        return StoredObject(url, head["ContentLength"], _utc(head), sha256, md5=md5_of(head))

    def digest(self, url: str) -> str | None:
        found = self.find(url)
        return found.sha256 if found else None

    def get(self, url: str, target: Path) -> None:
        bucket, key = _file(url)
        place = {"Bucket": bucket, "Key": key}
        self._patience.insist(url, lambda: fetch(self._client, url, place, target))

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        bucket, key = _file(url)
        more: dict[str, Any] = {"ACL": "public-read"} if public else {}
        with source.open("rb") as file:
            more["Metadata"] = {SHA256: hashlib.file_digest(file, "sha256").hexdigest()}
            if os.fstat(file.fileno()).st_size > AT_ONCE:
                self._put_in_parts(file, url, more)
            else:
                self._put_at_once(file, url, {"Bucket": bucket, "Key": key, **more})

    def close(self) -> None:
        self._client.close()

    def _put_at_once(self, file: IO[bytes], url: str, sent: dict[str, Any]) -> None:
        """By one request. Before it is made a second time it is looked whether the first one came."""
        file.seek(0)
        sent["ContentMD5"] = s3_parts.base64_md5(file)
        tried = False

        def send() -> None:
            nonlocal tried
            if tried and self.digest(url) == sent["Metadata"][SHA256]:
                return
            tried = True
            file.seek(0)
            self._client.put_object(Body=file, **sent)

        self._patience.insist(url, send)

    def _put_in_parts(self, file: IO[bytes], url: str, more: dict[str, Any]) -> None:
        """Parts that came stay: when it is put again they are not sent again."""
        bucket, key = _file(url)
        place, size = {"Bucket": bucket, "Key": key}, os.fstat(file.fileno()).st_size
        parts = s3_parts.InParts(self._client, self._patience, url, place, more, size)
        try:
            went_on = parts.put(file)
        except TransferRefused:
            if self.digest(url) == more["Metadata"][SHA256]:
                return  # it was put together, and only the answer was lost
            raise
        if not went_on:
            return
        if self.digest(url) != more["Metadata"][SHA256]:  # it was begun with other things beside it
            parts.put(file)
        else:
            access = more.get("ACL", "private")
            with suppress(TransferRefused):  # where a bucket has no such lists, nobody was let in before either
                self._patience.insist(url, partial(self._client.put_object_acl, ACL=access, **place))

    def _require(self, bucket: str) -> None:
        """TransferRefused where there is no such bucket. One that we may not look into is there."""
        if bucket in self._buckets:
            return
        url = f"s3://{bucket}"
        try:
            with suppress(AccessDenied):
                self._patience.insist(url, lambda: self._client.head_bucket(Bucket=bucket))
        except NoSuchObject as error:
            raise no_bucket(url) from error
        self._buckets.add(bucket)


def _place(url: str) -> tuple[str, str]:
    bucket, _, key = url.partition("://")[2].partition("/")
    if not bucket:
        raise TransferRefused(f"{url} names no bucket; write s3://BUCKET/KEY")
    return bucket, key


def _file(url: str) -> tuple[str, str]:
    bucket, key = _place(url)
    if not key or key.endswith("/"):
        raise TransferRefused(f"{url} names no file; write s3://BUCKET/KEY")
    return bucket, key


def _utc(answer: dict[str, Any]) -> str:
    return str(answer["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ"))
