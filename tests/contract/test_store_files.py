"""The bucket of template.yaml, in moto."""

from __future__ import annotations

import base64
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from moto import mock_aws

from numberdesk.domain.profile import Upload
from numberdesk.runtime import aws
from numberdesk.storage.files import Bucket
from tests.support.builders import START
from tests.support.functions import LAMBDA
from tests.support.stack import REGION, create_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

    from numberdesk.services.ports import Files

MOST = 1000


def upload(key: str = "orders/order-1/f-1") -> Upload:
    return Upload(
        file_id="f-1",
        owner="order/order-1",
        key=key,
        content_type="application/pdf",
        filename="scan.pdf",
        created_at=START,
        created_by="arn:1",
    )


@pytest.fixture(scope="module")
def client() -> Iterator[tuple[S3Client, str]]:
    """Return the functions' own client, whose settings determine the upload forms."""
    with mock.patch.dict("os.environ", LAMBDA), mock_aws():
        aws.s3.cache_clear()
        aws.session.cache_clear()
        yield aws.s3(), create_stack().outputs["FilesBucketName"]
    aws.s3.cache_clear()
    aws.session.cache_clear()


class TestBucket:
    @pytest.fixture
    def bucket(self, client: tuple[S3Client, str]) -> Iterator[Files]:
        s3, name = client
        yield Bucket(s3, name)
        answer = s3.list_object_versions(Bucket=name)
        for version in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])

    def post(self, bucket: Files, content: bytes = b"%PDF-1", **fields: str) -> int:
        url, form = bucket.form(upload(), max_bytes=MOST, valid_for=timedelta(minutes=10))
        return requests.post(url, data=form | fields, files={"file": ("scan.pdf", content)}, timeout=9).status_code

    def test_form_uses_the_regional_endpoint(self, bucket: Files, client: tuple[S3Client, str]) -> None:
        url, _ = bucket.form(upload(), max_bytes=MOST, valid_for=timedelta(minutes=10))
        assert url == f"https://{client[1]}.s3.{REGION}.amazonaws.com/"

    def test_form_is_for_one_file(self, bucket: Files, client: tuple[S3Client, str]) -> None:
        """A condition fixes every field of the form, and the length."""
        _, fields = bucket.form(upload(), max_bytes=MOST, valid_for=timedelta(minutes=10))
        policy = json.loads(base64.b64decode(fields["policy"]))
        exact: dict[str, Any] = {}
        for condition in policy["conditions"]:
            if isinstance(condition, dict):
                exact |= condition
        assert ["content-length-range", 1, MOST] in policy["conditions"]
        bound = {name: value for name, value in fields.items() if name not in ("policy", "x-amz-signature")}
        assert exact == {"bucket": client[1], **bound}
        assert (exact["key"], exact["Content-Type"]) == ("orders/order-1/f-1", "application/pdf")
        assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"

    def test_uploaded_file_is_read_back(self, bucket: Files) -> None:
        assert self.post(bucket) == 204
        found = bucket.read("orders/order-1/f-1", None, max_bytes=MOST)
        assert found is not None
        content, version_id = found
        assert content == b"%PDF-1"
        assert version_id

    def test_checked_version_never_changes(self, bucket: Files) -> None:
        self.post(bucket, b"first")
        found = bucket.read("orders/order-1/f-1", None, max_bytes=MOST)
        assert found is not None
        self.post(bucket, b"second")
        assert bucket.read("orders/order-1/f-1", found[1], max_bytes=MOST) == (b"first", found[1])
        latest = bucket.read("orders/order-1/f-1", None, max_bytes=MOST)
        assert latest is not None
        assert latest[0] == b"second"

    def test_missing_file_is_none(self, bucket: Files) -> None:
        assert bucket.read("orders/order-1/f-1", None, max_bytes=MOST) is None
        self.post(bucket)
        assert bucket.read("orders/order-1/f-1", "0" * 32, max_bytes=MOST) is None
        assert bucket.read("orders/order-1/f-2", None, max_bytes=MOST) is None
        assert bucket.size("orders/order-1/f-2") is None

    def test_longer_file_is_none(self, bucket: Files) -> None:
        self.post(bucket, bytes(MOST))
        assert bucket.read("orders/order-1/f-1", None, max_bytes=MOST - 1) is None
        assert bucket.size("orders/order-1/f-1") == MOST
        assert bucket.read("orders/order-1/f-1", None, max_bytes=MOST) is not None

    def test_error_is_not_taken_for_a_missing_file(self, bucket: Files) -> None:
        assert isinstance(bucket, Bucket)
        with pytest.raises(ClientError, match="NoSuchBucket"):
            Bucket(bucket._client, "another").read("k", None, max_bytes=MOST)

    def test_truncated_file_is_no_file(self) -> None:
        class Broken:
            def get_object(self, **_: str) -> dict[str, Any]:
                return {"ContentLength": 10, "Body": StreamingBody(io.BytesIO(b"%PDF-"), 10), "VersionId": "v"}

        broken: Any = Broken()
        with pytest.raises(IncompleteReadError):
            Bucket(broken, "bucket").read("k", None, max_bytes=MOST)

    def test_delete_leaves_no_version_and_no_other_file(self, bucket: Files, client: tuple[S3Client, str]) -> None:
        s3, name = client
        for content in (b"first", b"second"):
            self.post(bucket, content)
        s3.delete_object(Bucket=name, Key="orders/order-1/f-1")
        s3.put_object(Bucket=name, Key="orders/order-1/f-10", Body=b"another")
        bucket.delete("orders/order-1/f-1")
        bucket.delete("orders/order-1/f-1")
        left = s3.list_object_versions(Bucket=name)
        assert [version["Key"] for version in left["Versions"]] == ["orders/order-1/f-10"]
        assert "DeleteMarkers" not in left

    def test_delete_all_leaves_no_version_and_no_other_file(self, bucket: Files, client: tuple[S3Client, str]) -> None:
        s3, name = client
        for key in (
            "orders/order-1/f-1",
            "orders/order-1/f-2",
            "orders/order-1/f-1",
            "orders/order-10/f-1",
            "profiles/f",
        ):
            s3.put_object(Bucket=name, Key=key, Body=b"x")
        s3.delete_object(Bucket=name, Key="orders/order-1/f-2")
        assert bucket.delete_all("orders/order-1/") == 4
        assert bucket.delete_all("orders/order-1/") == 0
        left = s3.list_object_versions(Bucket=name)
        assert [version["Key"] for version in left["Versions"]] == ["orders/order-10/f-1", "profiles/f"]
        assert "DeleteMarkers" not in left
