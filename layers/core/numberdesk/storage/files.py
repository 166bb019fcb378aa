"""The bucket with people's files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from numberdesk.services import aws_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from types_boto3_s3 import S3Client

    from numberdesk.domain.profile import Upload

_MISSING = frozenset({"NoSuchKey", "NoSuchVersion"})


class Bucket:
    """Implements `services.ports.Files`. The bucket keeps every version of a file."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self._name = name

    def form(self, upload: Upload, *, max_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        """Create a form for uploading this one file, and return the URL to post to and its fields.

        Key and content type are conditions of the form, so others are refused, and so are an empty file and one of more bytes. It is signed
        with the caller's credentials and expires with them at the latest.
        """
        conditions: list[Any] = [
            {"Content-Type": upload.content_type},
            ["content-length-range", 1, max_bytes],
        ]
        form = self._client.generate_presigned_post(
            self._name,
            upload.key,
            Fields={"Content-Type": upload.content_type},
            Conditions=conditions,
            ExpiresIn=int(valid_for.total_seconds()),
        )
        return form["url"], form["fields"]

    def read(self, key: str, version_id: str | None, *, max_bytes: int) -> tuple[bytes, str | None] | None:
        """Read a file, or one version of it, with its version id; None where it does not exist or is too long."""
        which: Any = {"VersionId": version_id} if version_id else {}
        try:
            answer = self._client.get_object(Bucket=self._name, Key=key, **which)
        except ClientError as error:
            if aws_errors.code(error) in _MISSING:
                return None
            raise
        # Check the length before reading. `closing`, because as a context manager the body is the bare connection, which reads a broken
        # connection as the end of the file.
        with closing(answer["Body"]) as body:
            if answer["ContentLength"] > max_bytes:
                return None
            return body.read(), answer.get("VersionId")

    def size(self, key: str) -> int | None:
        try:
            return self._client.head_object(Bucket=self._name, Key=key)["ContentLength"]
        except ClientError as error:
            # A response to HEAD has no body, so its status is the only code.
            if aws_errors.code(error) == "404":
                return None
            raise

    def delete(self, key: str) -> None:
        # The key may be a prefix of other keys.
        self._delete(version for version in self._versions(key) if version[0] == key)

    def delete_all(self, prefix: str) -> int:
        return self._delete(self._versions(prefix))

    def mark(self, key: str) -> None:
        self._client.put_object(Bucket=self._name, Key=key, Body=b"")

    def marks(self, prefix: str) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"]

    def _versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield every version, including delete markers, of the files whose keys have this prefix."""
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield version["Key"], version["VersionId"]

    def _delete(self, versions: Iterable[tuple[str, str]]) -> int:
        count = 0
        for count, (key, version_id) in enumerate(versions, 1):  # noqa: B007 - how many there were
            self._client.delete_object(Bucket=self._name, Key=key, VersionId=version_id)
        return count
