"""A profile's files are deleted with it. No profile names a file that no longer exists."""

from __future__ import annotations

import pytest

from numberdesk.domain.catalogue import Specification
from numberdesk.domain.profile import ProfileKey
from numberdesk.domain.statuses import ValueKind
from numberdesk.domain.values import Answer
from numberdesk.services.paging import Tokens
from numberdesk.services.problems import Problem, ProblemError
from numberdesk.services.profiles import Profiles
from tests.support.desks import ADesk

KEY = ProfileKey(provider="telnyx", account="default", country="DE", number_type="local")


@pytest.fixture
def desk() -> ADesk:
    desk = ADesk()
    desk.carrier.specifications = [Specification(id="r-1", name="Proof of address", kind=ValueKind.DOCUMENT)]
    return desk


@pytest.fixture
def profiles(desk: ADesk) -> Profiles:
    return Profiles(desk.store, desk, desk.bucket, desk.uploads, desk, Tokens(lambda: b"key"))


def uploaded(desk: ADesk, profiles: Profiles) -> list[Answer]:
    form = profiles.form(KEY, "proof.pdf", "application/pdf", "ada")
    desk.bucket.content[form.fields["key"]] = b"%PDF-1.7 Geheim"
    value = {"kind": "file", "file_id": form.file_id}
    return [Answer.model_validate({"requirement": "r-1", "value": value})]


def put(profiles: Profiles, answers: list[Answer]) -> None:
    profiles.put(KEY, answers, enabled=True, version=None, by="ada")


def test_file_is_kept_while_its_profile_names_it(desk: ADesk, profiles: Profiles) -> None:
    first, second = uploaded(desk, profiles), uploaded(desk, profiles)
    put(profiles, first)
    put(profiles, first)
    assert len(desk.bucket.content) == 2
    put(profiles, second)
    assert len(desk.bucket.content) == 1
    profiles.delete(KEY)
    assert desk.bucket.content == {}


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_file_deleted_with_its_profile_cannot_be_used_again(desk: ADesk, profiles: Profiles, how: str) -> None:
    answers = uploaded(desk, profiles)
    put(profiles, answers)
    if how == "replaced":
        put(profiles, [])
    else:
        profiles.delete(KEY)
    with pytest.raises(ProblemError) as caught:
        put(profiles, answers)
    assert caught.value.problem is Problem.FILE_MISSING
    assert [issue.field for issue in caught.value.issues] == ["answers.0.value.file_id"]


def test_file_uploaded_for_one_profile_cannot_be_used_by_another(desk: ADesk, profiles: Profiles) -> None:
    answers = uploaded(desk, profiles)
    other = KEY.with_(number_type="mobile")
    with pytest.raises(ProblemError) as raised:
        profiles.put(other, answers, enabled=True, version=None, by="ada")
    assert raised.value.problem is Problem.FILE_MISSING
    put(profiles, answers)
