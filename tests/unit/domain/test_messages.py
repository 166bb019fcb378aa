"""What people read."""

from datetime import timedelta

import pytest

from numberdesk.domain.messages import time_left


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
def test_time_left_is_told_in_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert time_left(duration) == text
