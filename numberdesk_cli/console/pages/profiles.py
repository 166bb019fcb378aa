"""Profiles: stored answers to requirements. Their values are personal data, shown only on the page where they are edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from numberdesk.api.models.base import Listing
from numberdesk.domain.profile import NUMBER_TYPES, Profile
from numberdesk.providers.registry import NAMES
from numberdesk_cli.console import words
from numberdesk_cli.console.gathering import part
from numberdesk_cli.console.listing import address, one_page
from numberdesk_cli.console.values import FaultsError, content_type, given
from numberdesk_cli.console.visit import issues_of, status_of
from numberdesk_cli.errors import NotFoundError, ProblemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from numberdesk.domain.catalogue import Specification
    from numberdesk_cli.console.gathering import Part
    from numberdesk_cli.console.visit import Visit
    from numberdesk_cli.errors import DeskError

_EMPTY = 2
"""Empty answers at the end of the form, for what no catalogue names."""
_MAX_ANSWERS = 50
_Key = tuple[str, str, str, str]


def profiles(visit: Visit) -> Response:
    """List a provider's profiles."""
    provider = visit.query("provider") or next(iter(NAMES))
    query, token = {"provider": provider}, visit.query("next")
    found = part(
        visit.console.read(lambda: one_page(visit.client, Listing[Profile], "profiles", query=query, token=token))
    )
    return visit.page(
        "profiles.html",
        status=status_of(found.error) if found.error else 200,
        provider=provider,
        providers=list(NAMES),
        types=sorted(NUMBER_TYPES),
        found=found,
        next_page=address("/profiles", query, next=(found.value.next if found.value else "") or ""),
    )


def choose(visit: Visit) -> Response:
    """Go to the profile that somebody names. It need not be there: it is made when it is saved.

    Raises:
        UsageError: a part of its name is missing.
    """
    key = tuple(visit.query(name) for name in ("provider", "account", "country", "number_type"))
    if not all(key):
        raise UsageError("a profile is for a provider, an account, a country and a type", "Fill in all four.")
    return RedirectResponse(_address(key), 303)


def profile(visit: Visit) -> Response:
    """Show a profile, to be edited."""
    return _shown(visit)


def _shown(
    visit: Visit,
    *,
    status: int = 200,
    error: DeskError | None = None,
    faults: Mapping[str, str] | None = None,
    rows: list[dict[str, Any]] | None = None,
) -> Response:
    key = _key(visit)
    provider, account, country, number_type = key
    read, client = visit.console.read, visit.client
    asked = read(lambda: client.requirements(provider, country=country, number_type=number_type, account=account))
    found = read(lambda: _read(visit, key)).result()
    catalogue = part(asked)
    return visit.page(
        "profile.html",
        status=status,
        key=key,
        profile=found,
        version=found.version if found else 0,
        catalogue=catalogue,
        rows=rows or _rows(found, catalogue),
        here=_address(key),
        error=error,
        faults=faults or {},
    )


def _rows(found: Profile | None, catalogue: Part[list[Specification]]) -> list[dict[str, Any]]:
    """Return the form's rows: the answers, the requirements without one, and some that are empty."""
    rows: list[dict[str, Any]] = [
        {"requirement": each.requirement, "value": each.value.model_dump(mode="json")}
        for each in (found.answers if found else ())
    ]
    answered = found.answers if found else ()
    rows += [
        {"requirement": each.name, "value": {}, "specification": each}
        for each in catalogue.value or []
        if not any(answer.is_for(each.id, each.name) for answer in answered)
    ]
    return [*rows, *({"requirement": "", "value": {}} for _ in range(_EMPTY))]


def _read(visit: Visit, key: _Key) -> Profile | None:
    try:
        return visit.client.profile(*key)
    except NotFoundError:
        return None


def save(visit: Visit) -> Response:
    """Write a profile, if it is still the one that was seen."""
    key, form, version = _key(visit), visit.form, visit.form.text("version")
    rows, answers, places, faults = [], [], [], {}
    for index in range(_MAX_ANSWERS):
        prefix = f"a{index}."
        name = form.text(f"{prefix}requirement")
        try:
            value = given(form, prefix)
        except FaultsError as error:
            value = None
            faults[f"{prefix}value"] = error.faults[""]
        if (file := form.files.get(f"{prefix}file")) and name:
            try:
                kind = content_type(file)
            except FaultsError as error:
                faults[f"{prefix}file"] = error.faults["file"]
            else:
                file_id = visit.client.upload_to_profile(*key, file.name, kind, file.content)
                value = {"kind": "file", "file_id": file_id}
        if value is not None and not name:
            faults[f"{prefix}requirement"] = "Name the requirement that this answers."
        rows.append({"requirement": name, "value": value or {}})
        # An answer whose fields were all cleared is deleted.
        if name and value is not None:
            answers.append({"requirement": name, "value": value})
            places.append(index)
    last = max((index for index, row in enumerate(rows) if row["requirement"] or row["value"]), default=-1)
    shown = rows[: last + 1 + _EMPTY]
    if faults:
        again = FaultsError(faults)
        return _shown(visit, status=400, error=again, faults=faults, rows=shown)
    try:
        visit.client.put_profile(
            *key, answers, enabled=form.text("enabled") == "yes", version=int(version) if version.isdecimal() else 0
        )
    except ProblemError as error:
        return _shown(visit, status=error.status, error=error, faults=_placed(error, places), rows=shown)
    return visit.go(_address(key), "The profile was saved. New orders are answered from it while it is enabled.")


def _placed(error: ProblemError, places: list[int]) -> dict[str, str]:
    """Place the API's issues at the rows of the form, some of which were left out of what was sent."""
    placed = {}
    for field, message in issues_of(error):
        _, _, rest = field.partition("answers.")
        index, _, name = rest.partition(".")
        row = places[int(index)] if index.isdecimal() and int(index) < len(places) else None
        placed[field if row is None else f"a{row}.{name.removeprefix('value.')}"] = message
    return placed


def switch(visit: Visit) -> Response:
    """Enable or disable a profile, and leave its answers as they are."""
    key, on = _key(visit), visit.form.text("enabled") == "yes"
    found = visit.client.profile(*key)
    if visit.form.text("version") != str(found.version):
        raise UsageError("the profile changed since the page was loaded; nothing was done", "Look at it again.")
    answers = [answer.model_dump(mode="json") for answer in found.answers]
    visit.client.put_profile(*key, answers, enabled=on, version=found.version)
    return visit.go(_address(key), f"The profile is {'enabled' if on else 'disabled'}.")


def delete(visit: Visit) -> Response:
    """Delete a profile; first ask."""
    key = _key(visit)
    if visit.form.text("sure") != "yes":
        return visit.page("profile_delete.html", key=key, here=_address(key))
    visit.client.delete_profile(*key)
    return visit.go(f"/profiles?provider={words.in_path(key[0])}", "The profile and its files were deleted.")


def _address(key: tuple[str, ...]) -> str:
    return "/".join(("/profiles", *map(words.in_path, key)))


def _key(visit: Visit) -> _Key:
    return visit.path("provider"), visit.path("account"), visit.path("country"), visit.path("number_type")


_PATH = "/profiles/{provider}/{account}/{country}/{number_type}"
VIEWS = (
    ("GET", "/profiles", profiles),
    ("GET", "/profiles/choose", choose),
    ("GET", _PATH, profile),
    ("POST", _PATH, save),
    ("POST", f"{_PATH}/switch", switch),
    ("POST", f"{_PATH}/delete", delete),
)
