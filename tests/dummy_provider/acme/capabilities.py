"""The capabilities of Acme."""

from __future__ import annotations

from datetime import timedelta

from numberdesk.domain.capabilities import Ability, Capabilities, Findability

CAPABILITIES = Capabilities(
    provider="acme",
    sends_webhooks=True,
    findability=Findability.EXACT,
    match_is_proof=True,
    abilities=frozenset({Ability.REGISTER}),
    knows_deadlines=False,
    promises_all_or_nothing=False,
    max_items={"criteria": 1},
    max_total_items=1,
    max_assets=10,
    criteria_fields=frozenset({"country"}),
    number_types=frozenset({"local"}),
    pending={"acme": timedelta(days=1)},
)
