"""What Telnyx requires before numbers are bought: `GET /regulatory_requirements`, completed from `/requirement_types`.

Both describe a requirement under the same id with different fields (OpenAPI document): lengths are strings in the first and integers in
the second, live responses contain nulls, and only the first has `regex` and `case_sensitive`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from numberdesk.domain import patterns
from numberdesk.domain.catalogue import Criteria, Specification, character_class
from numberdesk.domain.statuses import ValueKind
from numberdesk.providers.base import RefusedError, UnreadableError
from numberdesk.providers.json_values import Fields, fields, integer, prose, rows, text
from numberdesk.providers.telnyx.errors import BadRequestError, NotFoundError
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
    """Return the requirements for numbers of a country and type, or for one number (E.164)."""
    if not (country or number):
        raise RefusedError("Telnyx lists requirements by country or for one number; name one of them")
    filters = {"country_code": country, "phone_number_type": number_type, "phone_number": number, "action": "ordering"}
    try:
        given = ((f"filter[{name}]", it) for name, it in filters.items() if it)
        data, whole = api.listed("regulatory_requirements", *given)
    except (NotFoundError, BadRequestError) as error:
        raise RefusedError(f"Telnyx lists no such requirements: {error.detail}", code=error.code) from error
    if not whole:
        # A value for a requirement that was not read would be refused as unknown.
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
    """Read one requirement, from `GET /regulatory_requirements` (`shown`) and from its type (`of_type`)."""
    types = [it for it in (text(shown.get("field_type")), text(of_type.get("type"))) if it]
    field_type = next((it for it in types if value_kind(it) is not ValueKind.UNKNOWN), types[0] if types else "")
    sources = (shown, of_type)
    # `name` here is `label` in `GET /phone_numbers_regulatory_requirements`.
    names = (" ".join(prose(source.get(key), most=256).split()) for source in sources for key in ("name", "label"))
    written = _present(of_type.get("acceptance_criteria")) | _present(shown.get("acceptance_criteria"))
    return Specification(
        id=requirement_id,
        name=next(filter(None, names), requirement_id),
        kind=value_kind(field_type),
        provider_status=field_type,
        description=next(filter(None, (prose(source.get("description")) for source in sources)), ""),
        example=next(filter(None, (prose(source.get("example")) for source in sources)), ""),
        criteria=criteria(written),
        country=country,
        number_type=number_type,
    )


def criteria(written: Fields) -> Criteria:
    """Read acceptance criteria. What is unknown or cannot be read is kept as it was written."""
    read: dict[str, object] = {}
    unread: dict[str, str] = {}
    for name, value in written.items():
        field, reader = _CRITERIA.get(name, ("", None))
        understood = reader(value) if reader else None
        if understood is not None:
            read[field] = understood
        elif text(name):
            unread[name] = _as_written(value)
    if read.get("max_length") == 0:  # no value could ever be that short
        del read["max_length"]
    return Criteria.model_validate({**read, "unread": unread})


def _values(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    read = [prose(str(item)) if isinstance(item, str | int) else "" for item in value]
    # If one were left out, an acceptable value would be refused here.
    return tuple(read) if all(read) else None


def _sentence(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    sentence = str(value)
    return prose(sentence) if len(sentence) <= _MAX_CRITERION else None


def _pattern(value: object) -> str | None:
    pattern = _sentence(value)
    # A pattern between slashes, as some languages write it, would match the slashes too.
    return pattern if pattern and not pattern.startswith("/") and patterns.readable(pattern) else None


def _characters(value: object) -> str | None:
    sentence = _sentence(value)
    # A sentence is for people; a character class must be readable.
    is_class = sentence is not None and sentence.startswith("[") and sentence.endswith("]")
    return None if sentence is None or (is_class and character_class(sentence) is None) else sentence


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
"""Telnyx's criteria: our name of each, and its reader, which returns None for what it cannot read."""


def _as_written(value: object) -> str:
    if isinstance(value, str):
        return prose(value, most=_MAX_CRITERION)
    try:
        return json.dumps(value)[:_MAX_CRITERION]
    except RecursionError:
        return "(nested too deep)"


def _present(value: object) -> Fields:
    """Return the criteria that have a value: not null, not empty, not the string `None`."""
    return {
        name: it
        for name, it in fields(value).items()
        if it not in _NOTHING and not (isinstance(it, str) and it.strip().lower() in ("", "none", "null"))
    }


def _lacks(shown: Fields) -> bool:
    unknown = value_kind(text(shown.get("field_type"))) is ValueKind.UNKNOWN
    return unknown or not (
        shown.get("name") and shown.get("description") and _present(shown.get("acceptance_criteria"))
    )


def _types(api: Api) -> dict[str, Fields]:
    try:
        # However many there are: they only describe requirements that are known already.
        listed = rows(api.listed("requirement_types")[0])
    except (NotFoundError, BadRequestError):
        return {}
    return {type_id: row for row in listed if (type_id := text(row.get("id")))}
