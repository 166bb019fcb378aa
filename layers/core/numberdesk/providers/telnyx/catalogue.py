"""What Telnyx asks for before numbers are bought: `GET /regulatory_requirements`, and what that lacks from `/requirement_types`.

Both describe a requirement under the same id and in different words (OpenAPI document): lengths are strings in the first
and integers in the second, live answers carry nulls, and the first alone knows `regex` and `case_sensitive`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from numberdesk.domain import patterns
from numberdesk.domain.catalogue import Criteria, Specification, character_class
from numberdesk.domain.statuses import ValueKind
from numberdesk.providers.base import RefusedError, UnreadableError
from numberdesk.providers.json_values import Fields, fields, integer, prose, rows, text
from numberdesk.providers.telnyx.faults import BadRequestError, NotFoundError
from numberdesk.providers.telnyx.statuses import value_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk.providers.telnyx.api import Api

_MAX_CRITERION = 500
_ELSEWHERE = frozenset({"porting", "branded_calling"})
"""Actions that are not ordering."""
_NOTHING: tuple[object, ...] = (None, "", [], {})
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def catalogue(api: Api, country: str | None, number_type: str | None, number: str | None) -> list[Specification]:
    """Say what numbers of a country and type take, or one number (E.164).

    Raises:
        RefusedError: neither a country nor a number is named, or Telnyx has no such country or type.
        UnreadableError, AccountFaultError, SlotBusyError: not read.
    """
    if not (country or number):
        raise RefusedError("Telnyx lists requirements by country, or for one number; name either")
    filters = {"country_code": country, "phone_number_type": number_type, "phone_number": number, "action": "ordering"}
    try:
        given = ((f"filter[{name}]", it) for name, it in filters.items() if it)
        data, whole = api.listed("regulatory_requirements", *given)
    except (NotFoundError, BadRequestError) as error:
        raise RefusedError(f"Telnyx lists no such requirements: {error.detail}", code=error.code) from error
    if not whole:
        # A value for one that was not read would be refused as asked for by nobody.
        raise UnreadableError("more requirements than can be read")
    found: dict[tuple[str, str | None, str | None], tuple[Fields, str | None, str | None]] = {}
    for row in rows(data):
        of = (text(row.get("country_code")) or country, text(row.get("phone_number_type")) or number_type)
        if text(row.get("action")) in _ELSEWHERE or country not in (None, of[0]) or number_type not in (None, of[1]):
            continue
        for shown in rows(row.get("regulatory_requirements")):
            if requirement_id := text(shown.get("id")):
                found.setdefault((requirement_id, *of), (shown, *of))
    types = _types(api) if any(_lacks(shown) for shown, *_ in found.values()) else {}
    return [
        specification(requirement_id, shown, types.get(requirement_id, {}), of_country, of_type)
        for (requirement_id, *_), (shown, of_country, of_type) in found.items()
    ]


def specification(
    requirement_id: str, shown: Fields, of_type: Fields, country: str | None, number_type: str | None
) -> Specification:
    """Read one requirement, from how `GET /regulatory_requirements` shows it and how its type is described."""
    words = [
        provider_status
        for provider_status in (text(shown.get("field_type")), text(of_type.get("type")))
        if provider_status
    ]
    known = next(
        (provider_status for provider_status in words if value_kind(provider_status) is not ValueKind.UNKNOWN), None
    )
    provider_status = known or (words[0] if words else "")
    sources = (shown, of_type)
    # What is called name here is called label in `GET /phone_numbers_regulatory_requirements`.
    names = (" ".join(prose(source.get(key), most=256).split()) for source in sources for key in ("name", "label"))
    told = _told(of_type.get("acceptance_criteria")) | _told(shown.get("acceptance_criteria"))
    return Specification(
        id=requirement_id,
        name=next(filter(None, names), requirement_id),
        kind=value_kind(provider_status),
        provider_status=provider_status,
        description=next(filter(None, (prose(source.get("description")) for source in sources)), ""),
        example=next(filter(None, (prose(source.get("example")) for source in sources)), ""),
        criteria=criteria(told),
        country=country,
        number_type=number_type,
    )


def criteria(told: Fields) -> Criteria:
    """Read acceptance criteria. What is not known, or not understood, is kept as it was told."""
    read: dict[str, object] = {}
    unread: dict[str, str] = {}
    for name, value in told.items():
        field, reader = _CRITERIA.get(name, ("", None))
        understood = reader(value) if reader else None
        if understood is not None:
            read[field] = understood
        elif text(name):
            unread[name] = _as_told(value)
    if read.get("max_length") == 0:  # no value could ever be that short
        del read["max_length"]
    return Criteria.model_validate({**read, "unread": unread})


def _values(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    read = [prose(str(item)) if isinstance(item, str | int) else "" for item in value]
    # With one of them left out, a value that would be accepted would be refused here.
    return tuple(read) if all(read) else None


def _sentence(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    sentence = str(value)
    return prose(sentence) if len(sentence) <= _MAX_CRITERION else None


def _pattern(value: object) -> str | None:
    pattern = _sentence(value)
    # Between slashes, as some languages write them, those would be read as part of what is to match.
    return pattern if pattern and not pattern.startswith("/") and patterns.readable(pattern) else None


def _characters(value: object) -> str | None:
    told = _sentence(value)
    # A sentence is for people; what is meant as a set of characters, and is not read, is not understood.
    is_set = told is not None and told.startswith("[") and told.endswith("]")
    return None if told is None or (is_set and character_class(told) is None) else told


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else _FLAGS.get(prose(value).strip().lower())


_CRITERIA: dict[str, tuple[str, Callable[[object], object]]] = {
    "min_length": ("min_length", integer),
    "max_length": ("max_length", integer),
    "acceptable_values": ("accepted_values", _values),
    "acceptable_characters": ("accepted_characters", _characters),
    "regex": ("pattern", _pattern),
    "case_sensitive": ("case_sensitive", _flag),
    "locality_limit": ("locality_limit", _sentence),
    "time_limit": ("time_limit", _sentence),
}
"""Telnyx's criteria: what each is called here, and what reads it (none: not understood)."""


def _as_told(value: object) -> str:
    if isinstance(value, str):
        return prose(value, most=_MAX_CRITERION)
    try:
        return json.dumps(value)[:_MAX_CRITERION]
    except RecursionError:
        return "(nested too deep)"


def _told(value: object) -> Fields:
    """Give the criteria that say something: nulls, empty ones, and `None` in a string do not."""
    return {
        name: it
        for name, it in fields(value).items()
        if it not in _NOTHING and not (isinstance(it, str) and it.strip().lower() in ("", "none", "null"))
    }


def _lacks(shown: Fields) -> bool:
    unknown = value_kind(text(shown.get("field_type"))) is ValueKind.UNKNOWN
    return unknown or not (shown.get("name") and shown.get("description") and _told(shown.get("acceptance_criteria")))


def _types(api: Api) -> dict[str, Fields]:
    try:
        # As far as they go: more words for what is known already by its id.
        listed = rows(api.listed("requirement_types")[0])
    except (NotFoundError, BadRequestError):
        return {}
    return {type_id: row for row in listed if (type_id := text(row.get("id")))}
