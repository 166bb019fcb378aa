"""What Telnyx can do, as data."""

from __future__ import annotations

from datetime import timedelta

from numberdesk.domain.capabilities import Ability, Capabilities, Findability

CAPABILITIES = Capabilities(
    provider="telnyx",
    sends_webhooks=True,
    # customer_reference is echoed and `GET /number_orders` filters by it (OpenAPI, number orders).
    findability=Findability.EXACT,
    match_is_proof=True,
    abilities=frozenset(
        {
            Ability.CATALOGUE,
            Ability.VALUES,
            Ability.COMMENTS,
            # "Deadlines can be extended upon request via comment on the order" (guide: number orders).
            Ability.EXTENSIONS,
            # `PATCH /sub_number_orders/{id}/cancel`, while it is pending (OpenAPI, sub number orders).
            Ability.CANCEL,
            Ability.SEARCH_NUMBERS,
            Ability.OWNED,
            Ability.REGISTER,
            # `GET /webhook_deliveries` (OpenAPI, webhook deliveries).
            Ability.DELIVERIES,
            Ability.ORDERS,
            # `DELETE /phone_numbers/{id}` (OpenAPI, phone number configurations).
            Ability.RELEASE,
        }
    ),
    knows_deadlines=True,
    # Sub orders are processed independently (guide: number orders), so one may fail while another is delivered.
    promises_all_or_nothing=False,
    # Telnyx publishes no limit of its own; an order message holds 50 items at most.
    max_items={"numbers": 50, "criteria": 50},
    max_total_items=None,
    # No limit is published for `POST /number_orders`. Inexplicit and advanced orders take 10,000 each (OpenAPI, guide: advanced orders).
    max_assets=10_000,
    # Only numbers that a search returned may be ordered (guide: number orders), each number by name needs a search, and this many
    # searches fit into place_order's time.
    max_named_numbers=50,
    criteria_fields=frozenset(
        {
            "country",
            "features",
            "area_code",
            "starts_with",
            "ends_with",
            "contains",
            "city",
            "state",
            "rate_center",
            "best_effort",
            "quickship",
        }
    ),
    # "country_code is always required" (guide: number search), although the OpenAPI document calls it optional.
    required_criteria_fields=frozenset({"country"}),
    number_types=frozenset({"local", "toll_free", "mobile", "national", "shared_cost"}),
    features=frozenset({"sms", "mms", "voice", "fax", "emergency"}),
    takes_requirement_groups=True,
    # "Mandatory" there (guide: requirement groups, as of 2026-04-10).
    group_countries={"CH": "41", "DK": "45", "IT": "39", "NO": "47", "PT": "351", "SE": "46"},
    pending={
        # How long vetting takes is not published; a review takes days.
        "telnyx": timedelta(days=7),
        # Not vetted.
        "telnyx/US/local": timedelta(days=1),
        "telnyx/CA/local": timedelta(days=1),
        # "May take up to 2 business days to activate" without quickship (OpenAPI, available phone numbers), and a weekend.
        "telnyx/*/toll_free": timedelta(days=4),
    },
    ways_out={"keywords": "order keywords from callfire"},
)
