"""What CallFire's number orders (REST 1.1) can do, as data."""

from __future__ import annotations

from datetime import timedelta

from numberdesk.domain.capabilities import Ability, Capabilities, Findability

_POSTBACKS = (
    "CallFire recommends a postback to learn that an order is finished (WSDL and pages on CreateNumberOrder), but none of its "
    "trigger events is about orders: orders are polled, and a postback is only a hint to poll."
)
_KEYWORDS_BACK = (
    "Whether CallFire's API can release a keyword is not certain: the schema of `Release` has `Number` mandatory, the help page "
    "requires the keyword's number, and the reference shows both as optional. It is sent with its short code, then alone, and "
    "counts as released when the account's list shows that it no longer renews. If CallFire refuses it, or it still renews, "
    "people are notified: release it on CallFire's own pages."
)
_SPARSE = (
    "v2's list does not show what an order that waits for payment is for: a person sees such orders as candidates for a purchase "
    "with an unknown outcome."
)

CAPABILITIES = Capabilities(
    provider="callfire",
    # See _POSTBACKS.
    sends_webhooks=False,
    # By v2 `GET /orders`, where the account's settings allow it; no reference is echoed.
    findability=Findability.BY_CONTENT,
    # v2's orders show counts and what was delivered, not what was requested (its schema, `NumberOrder`).
    finds_by_counts=True,
    match_is_proof=False,
    # Neither 1.1 nor v2 has a call that cancels an order.
    abilities=frozenset(
        {
            Ability.SEARCH_NUMBERS,
            Ability.SEARCH_KEYWORDS,
            Ability.SEARCH_REGIONS,
            Ability.OWNED,
            Ability.REGISTER,
            # v2 `GET /orders`, where the account's settings allow it; without it this account lists none.
            Ability.ORDERS,
            # PUT /number/release (CallFire docs: disable auto-renew for a number or keyword).
            Ability.RELEASE,
        }
    ),
    knows_deadlines=False,
    promises_all_or_nothing=False,
    # CreateNumberOrder is one flat form with one field for each of these.
    max_items={"numbers": 1, "keywords": 1, "criteria.local": 1, "criteria.toll_free": 1},
    # No source names a limit; a larger request can be split into several orders.
    max_assets=250,
    max_total_items=None,
    criteria_fields=frozenset(
        {
            "country",
            "prefix",
            "city",
            "state",
            "zipcode",
            "rate_center",
            "lata",
            "latitude",
            "longitude",
            "time_zone",
        }
    ),
    number_types=frozenset({"local", "toll_free"}),
    # GetNumberOrder may be called at most once a second (CallFire docs: order new numbers).
    call_interval=timedelta(seconds=1),
    # Orders are processed at once; no limit is published.
    pending={"callfire": timedelta(days=1)},
    not_sure=(_POSTBACKS, _KEYWORDS_BACK, _SPARSE),
    ways_out={"criteria": "callfire sells local and toll_free numbers; order other types from telnyx or telesign"},
)
