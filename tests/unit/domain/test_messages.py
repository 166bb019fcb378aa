"""Texts for people."""

from datetime import timedelta

import pytest

from numberdesk.domain.wording import time_left, who


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=7, seconds=-7), "6 days 23 hours"),
        (timedelta(hours=1, seconds=-1), "59 minutes 59 seconds"),
        (timedelta(seconds=1, milliseconds=900), "1 second"),
        (timedelta(milliseconds=900), "0 seconds"),
    ],
)
def test_time_left_is_shown_in_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert time_left(duration) == text


@pytest.mark.parametrize(
    ("by", "named"),
    [
        ("arn:aws:iam::123456789012:user/alice", "alice"),
        ("arn:aws:iam::123456789012:user/team/alice", "alice"),
        ("arn:aws:sts::123456789012:assumed-role/ops/alice", "the role ops (session alice)"),
        ("arn:aws:sts::123456789012:assumed-role/intern/alice-the-cfo", "the role intern (session alice-the-cfo)"),
        ("policy", "the order's policy"),
    ],
)
def test_role_comes_before_the_session_name_that_its_user_chose(by: str, named: str) -> None:
    assert who(by) == named
