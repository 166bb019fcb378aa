"""Uploaded files: which names are accepted, and what happens to a file that is too large."""

from __future__ import annotations

import pytest

from numberdesk.domain.profile import ProfileKey
from numberdesk.services import uploads as uploading
from numberdesk.services.problems import Problem, ProblemError
from tests.support.desks import ADesk

KEY = ProfileKey(provider="telnyx", account="default", country="DE", number_type="local")


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("proof.exe", "application/pdf"),
        ("proof.png", "application/pdf"),
        ("proof.pdf.7z", "application/pdf"),
        ("proof.pdf", "image/jpeg"),
        ("proof.jpg", "image/png"),
    ],
)
def test_name_that_contradicts_the_type_is_refused(filename: str, content_type: str) -> None:
    desk = ADesk()
    desk.place()
    with pytest.raises(ProblemError) as of_order:
        desk.uploads.for_order("order-1", filename, content_type, "ada")
    with pytest.raises(ProblemError) as of_profile:
        desk.uploads.for_profile(KEY, filename, content_type, "ada")
    for told in (of_order.value, of_profile.value):
        assert told.problem is Problem.INVALID
        assert [(issue.field, issue.code) for issue in told.issues] == [("filename", "not_of_type")]
        assert filename not in f"{told.detail} {told.issues}"


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("proof.PDF", "application/pdf"),
        ("proof.jpg", "image/jpeg"),
        ("proof.exe.jpeg", "image/jpeg"),
        ("proof.png", "image/png"),
        ("proof", "application/pdf"),
        ("proof of 22.11.2026", "application/pdf"),
        ("E. Mustermann", "application/pdf"),
    ],
)
def test_name_that_matches_the_type_or_has_no_extension_is_accepted(filename: str, content_type: str) -> None:
    assert ADesk().uploads.for_profile(KEY, filename, content_type, "ada").file_id


def test_file_over_the_limit_is_distinguished_from_a_missing_one() -> None:
    desk = ADesk()
    form = desk.uploads.for_profile(KEY, "proof.pdf", "application/pdf", "ada")
    with pytest.raises(ProblemError) as none:
        desk.uploads.take(uploading.of_profile(KEY), form.file_id)
    assert none.value.problem is Problem.FILE_MISSING
    desk.bucket.content[form.fields["key"]] = b"%PDF-1.7" + b"x" * form.max_bytes
    with pytest.raises(ProblemError) as large:
        desk.uploads.take(uploading.of_profile(KEY), form.file_id)
    assert large.value.problem is Problem.FILE_NOT_TAKEN
    assert str(form.max_bytes) in large.value.detail
