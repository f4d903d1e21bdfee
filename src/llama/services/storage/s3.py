"""Stores that speak S3, through boto3."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from llama.formats.whole import whole
from llama.ports import NoSuchObject, StoredObject, TransferError, TransferRefused
from llama.services.storage.setup import EXTRA, StorageSettings

try:
    import boto3
    from botocore.config import Config
except ImportError as error:
    raise TransferRefused(f"s3:// needs a library that is not installed: {EXTRA}") from error

from llama.services.storage.asking import AccessDenied, Patience, no_bucket, translated

_AT_ONCE = 64 * 1024 * 1024  # larger files go in parts, which the store puts together at the end
_PART = 16 * 1024 * 1024
_CHUNK = 1 << 20
_SHA256 = "sha256"


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
                self._client = _client(settings)
        except ValueError as error:  # an endpoint that is no address
            raise TransferRefused(f"s3://: {error}; correct endpoint of [storage]") from error

    def list(self, url: str, *, recursive: bool = True) -> Iterator[StoredObject]:
        bucket, key = _place(url)
        prefix = key if not key or key.endswith("/") else f"{key}/"
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix} | ({} if recursive else {"Delimiter": "/"})
        while True:
            page = self._patience.insist(url, lambda: self._client.list_objects_v2(**asked))
            found = [
                StoredObject(f"s3://{bucket}/{one['Key']}", one["Size"], _utc(one))
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

    def find(self, url: str) -> StoredObject | None:
        bucket, key = _file(url)
        try:
            head = self._patience.insist(url, lambda: self._client.head_object(Bucket=bucket, Key=key))
        except NoSuchObject:
            self._require(bucket)  # its answer is the same when there is no bucket
            return None
        self._buckets.add(bucket)
        return StoredObject(url, head["ContentLength"], _utc(head), head.get("Metadata", {}).get(_SHA256))

    def digest(self, url: str) -> str | None:
        found = self.find(url)
        return found.sha256 if found else None

    def get(self, url: str, target: Path) -> None:
        bucket, key = _file(url)

        def fetch() -> None:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            with closing(answer["Body"]) as body, whole(target) as file:
                _take(url, answer, body, file)

        self._patience.insist(url, fetch)

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        bucket, key = _file(url)
        more: dict[str, Any] = {"ACL": "public-read"} if public else {}
        with source.open("rb") as file:
            more["Metadata"] = {_SHA256: hashlib.file_digest(file, "sha256").hexdigest()}
            if os.fstat(file.fileno()).st_size > _AT_ONCE:
                self._put_in_parts(file, url, more)
                return
            file.seek(0)
            md5 = _base64_md5(file)

            def send() -> None:
                file.seek(0)
                self._client.put_object(Bucket=bucket, Key=key, Body=file, ContentMD5=md5, **more)

            self._patience.insist(url, send)

    def close(self) -> None:
        self._client.close()

    def _put_in_parts(self, file: IO[bytes], url: str, more: dict[str, Any]) -> None:
        """Each part is asked for by itself; where one cannot be put, the store forgets all of them."""
        bucket, key = _file(url)
        ask, place = self._patience.insist, {"Bucket": bucket, "Key": key}
        place["UploadId"] = ask(url, lambda: self._client.create_multipart_upload(**place, **more))["UploadId"]
        tags: list[str] = []
        file.seek(0)
        try:
            while part := file.read(_PART):
                sent = {"Body": part, "PartNumber": len(tags) + 1, "ContentMD5": _base64_md5(io.BytesIO(part))}
                tags.append(ask(url, partial(self._client.upload_part, **place, **sent))["ETag"])
            parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
            done = {**place, "MultipartUpload": {"Parts": parts}}
            ask(url, partial(self._client.complete_multipart_upload, **done))
        except BaseException as error:
            if isinstance(error, TransferRefused) and self.digest(url) == more["Metadata"][_SHA256]:
                return  # it was put together, and only the answer was lost
            with suppress(TransferError):
                ask(url, lambda: self._client.abort_multipart_upload(**place))
            raise

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


def _client(settings: StorageSettings) -> Any:
    """Its own tries are off, since ours are for what comes cut short as well; so are checksums of later years, since
    stores other than Amazon's refuse them."""
    config = Config(
        connect_timeout=settings.timeout_s,
        read_timeout=settings.timeout_s,
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=4,
    )
    secret = settings.secret.reveal() if settings.secret else None
    session = boto3.session.Session(settings.key_id, secret, region_name=settings.region)
    return session.client(
        "s3", endpoint_url=settings.endpoint, region_name=session.region_name or "us-east-1", config=config
    )


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _base64_md5(file: IO[bytes]) -> str:
    return base64.b64encode(hashlib.file_digest(cast("Any", file), _md5).digest()).decode()


def _take(url: str, answer: dict[str, Any], body: Any, file: IO[bytes]) -> None:
    """All of an answer to a file; TransferError when it is not all, or not what was put."""
    sha256, md5, size = hashlib.sha256(), _md5(), 0
    for chunk in body.iter_chunks(_CHUNK):
        sha256.update(chunk)
        md5.update(chunk)
        size += len(chunk)
        file.write(chunk)
    if size != (length := answer.get("ContentLength", size)):
        raise TransferError(f"{url}: {size} of {length} bytes came")
    put = answer.get("Metadata", {}).get(_SHA256)
    if put is not None and put != sha256.hexdigest():
        raise TransferError(f"{url}: what came is not what was put (SHA-256)")
    tag = str(answer.get("ETag", "")).strip('"').lower()
    plain = "SSECustomerAlgorithm" not in answer and not str(answer.get("ServerSideEncryption", "")).startswith(
        "aws:kms"
    )
    if put is None and plain and len(tag) == 32 and tag != md5.hexdigest():
        raise TransferError(f"{url}: what came is not what was put (MD5)")


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
