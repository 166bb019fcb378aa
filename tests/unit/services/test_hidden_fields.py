"""Values with personal data or secrets do not show them in their text, which a log or an error may get."""

from typing import Any

import pytest

from numberdesk.domain.snapshot import CommentSeen
from numberdesk.providers.base import Credentials
from numberdesk.services.ports import DeadLetter, KeptComment, Webhook
from tests.support.orders import NOW

SECRET = "Erika Mustermann"


@pytest.mark.parametrize(
    "value",
    [
        Credentials("telnyx", "default", "https://api.telnyx.com/v2", {"api_key": SECRET}),
        CommentSeen("c-1", "s-1", SECRET, by_provider=True, at=NOW),
        KeptComment("c-1", "s-1", SECRET, by_provider=True, at=NOW),
        Webhook("e-1", "telnyx", "default", NOW, "00ff", body=SECRET.encode()),
        DeadLetter("m-1", SECRET, NOW, None, None, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_text_of_a_value_leaves_out_what_is_hidden(value: Any) -> None:
    for text in (repr(value), str(value), f"{value}", repr([value])):
        assert SECRET not in text
        assert text.removeprefix("[").startswith(f"{type(value).__name__}(")
