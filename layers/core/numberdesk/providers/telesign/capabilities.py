"""What TeleSign's direct orders can do, as data."""

from __future__ import annotations

from datetime import timedelta

from numberdesk.domain.capabilities import Ability, Capabilities, Findability

CAPABILITIES = Capabilities(
    provider="telesign",
    # The Transaction Callback Service covers messages and calls only (TeleSign docs: transaction callback service).
    sends_webhooks=False,
    # No reference field and no documented filter: our reference is in the description, which is echoed.
    findability=Findability.BY_CONTENT,
    match_is_proof=True,
    # DELETE while `accepted` (TeleSign docs: cancel a direct order); /numbers and /leases (its swagger); the list of direct
    # orders, and DELETE /leases/{lease_id} (TeleSign docs: cancel a lease).
    abilities=frozenset({Ability.CANCEL, Ability.SEARCH_NUMBERS, Ability.OWNED, Ability.ORDERS, Ability.RELEASE}),
    knows_deadlines=False,
    # partial_order_match=false delivers the full quantity or nothing (TeleSign docs: create a direct order).
    promises_all_or_nothing=True,
    max_items={"criteria": 1},
    # No source names a limit; a larger request can be split into several orders.
    max_assets=250,
    max_total_items=1,
    criteria_fields=frozenset({"country", "features", "prefix", "city", "cities"}),
    required_criteria_fields=frozenset({"country"}),
    number_types=frozenset({"local", "mobile", "toll_free"}),
    features=frozenset({"sms", "voice"}),
    takes_contact=True,
    # Its example is resolved in minutes; some need manual work, and no limit is published (TeleSign docs: direct orders).
    pending={"telesign": timedelta(days=4)},
    ways_out={
        "numbers": "describe them by criteria (country, prefix), or order these very numbers from telnyx or callfire",
        "keywords": "order keywords from callfire",
    },
)
