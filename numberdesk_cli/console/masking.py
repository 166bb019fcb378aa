"""Webhooks and dead letters as they came, without the values that look personal or secret.

The shape stays, so that a person sees what a provider sent. What is hidden is chosen by the names of fields, and by what looks like an
e-mail address wherever it stands. Numbers that are ordered stay: they are what the desk is about.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from numberdesk.domain.text import SHORTENED

if TYPE_CHECKING:
    from pydantic import JsonValue

HIDDEN = "[hidden]"
MAX_SHOWN = 20_000
"""Characters of one body on a page."""
_PERSONAL = frozenset(
    {
        "address",
        "addresses",
        "admin",
        "answer",
        "answers",
        "birth",
        "birthday",
        "body",
        "borough",
        "city",
        "comment",
        "comments",
        "company",
        "contact",
        "date_of_birth",
        "dob",
        "document",
        "documents",
        "email",
        "emails",
        "extended",
        "firstname",
        "given",
        "key",
        "lastname",
        "locality",
        "mail",
        "name",
        "names",
        "neighborhood",
        "note",
        "passport",
        "password",
        "phone",
        "postal",
        "reason",
        "metadata",
        "secret",
        "signature",
        "street",
        "surname",
        "tax",
        "text",
        "token",
        "username",
        "value",
        "values",
        "zip",
    }
)
"""Words in the names of fields."""
_PLAIN = frozenset(
    {
        "phone_number",
        "phone_numbers",
        "phone_number_id",
        "phone_number_type",
        "phone_numbers_count",
        "number_type",
        "event_type",
        "record_type",
        "key_id",
        "document_id",
        "address_id",
    }
)
"""Names of fields that have such a word in them and hold nothing personal."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# A body may be megabytes of anything: each of these reads it once, whatever is in it.
_TOKEN = re.compile(r"[^\s<>\"'=&;,]+")
_ELEMENT = re.compile(r"<([A-Za-z_][\w:.-]*)((?:\s[^<>]*)?)>([^<>]*)</\1>")
_PAIR = re.compile(r"(?:(?<=^)|(?<=&))([^=&\s]+)=([^&\s]*)")


def is_personal(field: str) -> bool:
    """Say whether a field of this name may hold something personal or secret."""
    words = [word.lower() for word in _WORD.findall(field)]
    return "_".join(words) not in _PLAIN and not _PERSONAL.isdisjoint(words)


def masked(value: JsonValue) -> JsonValue:
    """Hide what looks personal in a document."""
    if isinstance(value, dict):
        return {name: HIDDEN if is_personal(name) and _holds(it) else masked(it) for name, it in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return _without_addresses(value) if isinstance(value, str) else value


def _without_addresses(text: str) -> str:
    """Hide what looks like an e-mail address."""
    return _TOKEN.sub(lambda found: HIDDEN if "@" in found[0][1:-1] else found[0], text) if "@" in text else text


def _holds(value: JsonValue) -> bool:
    return value not in (None, "", [], {}) and not isinstance(value, bool)


def masked_json(value: JsonValue) -> str:
    """Write a document for people, without what looks personal."""
    return _shown(json.dumps(masked(value), ensure_ascii=False, indent=2))


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}{SHORTENED}"


def masked_text(text: str) -> str:
    """Hide what looks personal in a text: JSON, a form's fields, or the elements of XML."""
    try:
        return masked_json(json.loads(text))
    except (ValueError, RecursionError):
        pass
    shown = _ELEMENT.sub(
        lambda found: (
            f"<{found[1]}{found[2]}>{HIDDEN if is_personal(found[1]) and found[3] else found[3]}</{found[1]}>"
        ),
        text,
    )
    shown = _PAIR.sub(lambda found: f"{found[1]}={HIDDEN if is_personal(found[1]) and found[2] else found[2]}", shown)
    return _shown(_without_addresses(shown))
