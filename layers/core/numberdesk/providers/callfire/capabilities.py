"""What CallFire's number orders (REST 1.1) can do, as data."""

from __future__ import annotations

from datetime import timedelta

from numberdesk.domain.capabilities import Ability, Capabilities, Findability

_POSTBACKS = (
    "CallFire recommends a postback to learn that an order is finished (WSDL and pages on CreateNumberOrder), and none of its "
    "trigger events is about orders: orders are polled, and a postback that comes all the same is a hint to poll."
)
_KEYWORDS_BACK = (
    "Whether a keyword can be given back by CallFire's API is not sure: the schema of `Release` has `Number` mandatory, the help "
    "page wants the number that the keyword is on, the reference shows both as optional. It is sent with its short code, then "
    "alone, and counts as given back when the account's list shows that it renews no more. Where CallFire refuses it, or it goes "
    "on renewing, people are told: give it back on CallFire's own pages."
)
_SPARSE = (
    "CallFire's orders that wait for payment do not show in v2's list what they are for: of a purchase with an unknown outcome they are named to "
    "a person as candidates."
)

CAPABILITIES = Capabilities(
    provider="callfire",
    # Its WSDL recommends a postback for orders, and none of its trigger events is about them; one that comes is a hint.
    sends_webhooks=False,
    # By v2 `GET /orders`, where the account's settings allow it; nothing of ours is echoed.
    findability=Findability.BY_CONTENT,
    # v2's orders show counts and what was fulfilled, not what was asked for (its schema, `NumberOrder`).
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
    # CreateNumberOrder is one flat form: each of these has one place in it.
    max_items={"numbers": 1, "keywords": 1, "criteria.local": 1, "criteria.toll_free": 1},
    # No source names a limit; what is larger can be split into several orders.
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
    # GetNumberOrder must be polled no more than once a second (CallFire docs: order new numbers).
    call_interval=timedelta(seconds=1),
    # Its orders are processed at once; no bound is published.
    pending={"callfire": timedelta(days=1)},
    not_sure=(_POSTBACKS, _KEYWORDS_BACK, _SPARSE),
    ways_out={"criteria": "callfire sells local and toll_free numbers; order other types from telnyx or telesign"},
)
