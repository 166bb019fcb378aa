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
    """The bucket behind the desk's own words (`services.ports.Files`). It keeps every version of a file."""

    def __init__(self, client: S3Client, name: str) -> None:
        """Use this client and bucket."""
        self._client = client
        self._name = name

    def form(self, upload: Upload, *, max_bytes: int, valid_for: timedelta) -> tuple[str, dict[str, str]]:
        """Make a form by which this one file may be uploaded: the URL to post to, and its fields.

        The form names its key and content type as conditions, so a form with others is refused, and so are an empty file
        and one of more bytes. It is signed by whoever runs this and holds no longer than their own credentials.
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
        """Read a file, or one version of it, and say which version it is; none where there is none, or it is longer."""
        which: Any = {"VersionId": version_id} if version_id else {}
        try:
            answer = self._client.get_object(Bucket=self._name, Key=key, **which)
        except ClientError as error:
            if aws_errors.code(error) in _MISSING:
                return None
            raise
        # The length comes before the content, of which nothing is read where it is too much. As a context manager the body
        # would be the bare connection, which takes a broken one for the end of the file.
        with closing(answer["Body"]) as body:
            if answer["ContentLength"] > max_bytes:
                return None
            return body.read(), answer.get("VersionId")

    def size(self, key: str) -> int | None:
        """Say how many bytes a file has; none where there is none."""
        try:
            return self._client.head_object(Bucket=self._name, Key=key)["ContentLength"]
        except ClientError as error:
            # An answer to HEAD has no body, and so no code but its status.
            if aws_errors.code(error) == "404":
                return None
            raise

    def delete(self, key: str) -> None:
        """Delete a file with all its versions; nothing to do where there is none."""
        # Other keys may begin with this one.
        self._delete(version for version in self._versions(key) if version[0] == key)

    def delete_all(self, prefix: str) -> int:
        """Delete every file whose key begins so, with all versions; says how many versions that were."""
        return self._delete(self._versions(prefix))

    def mark(self, key: str) -> None:
        """Write a file without content."""
        self._client.put_object(Bucket=self._name, Key=key, Body=b"")

    def marks(self, prefix: str) -> Iterator[str]:
        """Give the key of every file whose key begins so."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"]

    def _versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Give every version, those that mark a deletion included, of the files whose keys begin so."""
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield version["Key"], version["VersionId"]

    def _delete(self, versions: Iterable[tuple[str, str]]) -> int:
        count = 0
        for count, (key, version_id) in enumerate(versions, 1):  # noqa: B007 - how many there were
            self._client.delete_object(Bucket=self._name, Key=key, VersionId=version_id)
        return count
