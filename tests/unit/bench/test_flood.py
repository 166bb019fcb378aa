"""The flood bench sends what it claims, judged by the receiver itself, and counts correctly."""

import base64
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.flood import BODY_LIMIT, OK, Hit, Shot, answers, counted, forged, genuine, misanswered, percentile, postbacks
from local.keys import Keys
from numberdesk.providers.info import WebhookAuth
from numberdesk.providers.registry import PROVIDERS
from numberdesk.services.receive import NotTakenError, Receiver, webhook_keys

KEYS = Keys.make()


def received(shot: Shot) -> tuple[int, str, list[dict[str, Any]]]:
    """Return the receiver's reaction to a request: its status, the reason, and what it put on the queue."""
    sent: list[dict[str, Any]] = []
    parameters = KEYS.parameters()
    variables = {it.keys_variable: parameters.get(it.keys_parameter, "") for it in PROVIDERS.values()}
    receiver = Receiver(
        keys=webhook_keys(variables.__getitem__),
        tolerance=timedelta(seconds=300),
        body_limit=BODY_LIMIT,
        send=lambda message: sent.append(json.loads(message)["webhook"]),
    )
    provider = shot.path.split("/")[2]
    event = {
        "resource": WebhookAuth.SIGNATURE if provider == "telnyx" else WebhookAuth.TOKEN,
        "headers": dict(shot.headers),
        "pathParameters": {"provider": provider, "token": shot.path.rpartition("/")[2]},
        "body": base64.b64encode(shot.body).decode(),
        "isBase64Encoded": True,
    }
    try:
        receiver.take_in(event, datetime.now(UTC))
    except NotTakenError as error:
        return error.status, str(error), sent
    return 200, "", sent


def test_every_forged_webhook_is_refused_for_its_own_reason() -> None:
    shots = forged(KEYS, random.Random(1), 60)
    reasons: dict[str, set[str]] = {}
    for shot in shots:
        status, reason, sent = received(shot)
        assert (status, sent) == (shot.expected, [])
        reasons.setdefault(shot.kind, set()).add(reason)
    large = f"the body has {BODY_LIMIT + 1} bytes, more than the limit of {BODY_LIMIT}"
    matches = "the signature matches no configured key"
    assert reasons == {
        "no signature": {"a signature header is missing"},
        "made-up signature": {matches},
        "no base64": {"the signature is not base64"},
        "another's key": {matches},
        "an hour old": {"the signature is too old"},
        "another body's signature": {matches},
        "unknown token": {"the token is not known"},
        "too large": {large},
    }
    assert len({shot.webhook_id for shot in shots if shot.webhook_id}) == len(
        [shot for shot in shots if shot.webhook_id]
    )


def test_every_authentic_webhook_is_accepted_with_its_own_event() -> None:
    shots = genuine(KEYS, random.Random(1), 20, ["T-1", "T-2"])
    about: Counter[str] = Counter()
    for shot in shots:
        status, _, [event] = received(shot)
        data = json.loads(base64.b64decode(event["body"]))["data"]
        assert (status, data["id"]) == (OK, shot.webhook_id)
        about[data["payload"]["id"]] += 1
    assert len({shot.webhook_id for shot in shots}) == 20
    assert (about.pop("T-1"), about.pop("T-2")) == (5, 5)
    assert set(about.values()) == {1}


def test_postback_is_accepted_by_its_token() -> None:
    shots = postbacks(KEYS, random.Random(1), 3)
    assert [received(shot)[0] for shot in shots] == [OK] * 3
    assert len({shot.webhook_id for shot in shots}) == 3


def test_deck_is_reproducible() -> None:
    one, other = (forged(KEYS, random.Random(4), 100) for _ in range(2))
    assert [(shot.kind, shot.webhook_id) for shot in one] == [(shot.kind, shot.webhook_id) for shot in other]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7], 50, 7),
        ([1, 2, 3, 4], 50, 2),
        ([4, 3, 2, 1], 75, 3),
        (range(1, 101), 95, 95),
        (range(1, 101), 99, 99),
        (range(1, 102), 99, 100),
        (range(1, 101), 100, 100),
        ([1, 2], 0, 1),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_percentile_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def hit(kind: str, status: int, expected: int, seconds: float = 0.01) -> Hit:
    return Hit(Shot(kind, "/webhooks/telnyx", {}, b"", expected, ""), status, seconds)


def test_unexpected_response_is_reported() -> None:
    hits = [hit("genuine", 200, 200), hit("genuine", 0, 200), hit("late", 200, 401), hit("late", 200, 401)]
    assert misanswered(hits) == ["1 genuine: answered 0, not 200", "2 late: answered 200, not 401"]
    assert misanswered([hit("genuine", 200, 200), hit("late", 401, 401)]) == []


def test_table_distinguishes_authentic_and_forged_webhooks() -> None:
    alone = [hit("genuine", 200, 200, 0.004)]
    flood = [
        hit("genuine", 200, 200, 0.02),
        hit("b", 401, 401, 0.03),
        hit("a", 413, 413, 0.05),
        hit("a", 401, 413, 0.1),
    ]
    assert list(answers(alone, flood))[2:] == [
        "| genuine, alone | 1 | 200: 1 | 1 | 4 | 4 | 4 | 4 |",
        "| genuine, in the flood | 1 | 200: 1 | 1 | 20 | 20 | 20 | 20 |",
        "| forged, all | 3 | 401: 2, 413: 1 | 1 | 50 | 100 | 100 | 100 |",
        "| forged: a | 2 | 401: 1, 413: 1 | 1 | 50 | 100 | 100 | 100 |",
        "| forged: b | 1 | 401: 1 | 1 | 30 | 30 | 30 | 30 |",
    ]


def test_statuses_are_counted_with_thousands_separators() -> None:
    assert counted([401] * 1960 + [200] + [401]) == "200: 1, 401: 1,961"
