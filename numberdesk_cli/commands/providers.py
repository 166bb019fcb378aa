"""Providers: what they offer, what accounts own, where they send webhooks, and profiles that answer requirements."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from numberdesk_cli.commands.orders import duration, read_json_file
from numberdesk_cli.errors import Exit, UsageError
from numberdesk_cli.session import (
    Account,
    Country,
    Desk,
    DryRun,
    Flag,
    NumberType,
    OrderId,
    Provider,
    Reason,
    Text,
    Yes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numberdesk.domain.listings import Owned
    from numberdesk_cli.session import Session

numbers = App(name="numbers", help="List the numbers that accounts own, and release them.")
profiles = App(name="profiles", help="Manage profiles: stored answers to requirements.")
providers = App(name="providers", help="Show what each provider can do, and its webhooks.")


def register(app: App) -> None:
    """Add the commands."""
    app.command(numbers)
    app.command(profiles)
    app.command(providers)
    app.command(search)


def search(
    provider: Provider,
    *keywords: str,
    country: str | None = None,
    number_type: Annotated[str | None, Parameter(name="--type")] = None,
    city: str | None = None,
    area_code: str | None = None,
    feature: Annotated[list[str] | None, Parameter(negative="")] = None,
    where: Annotated[
        list[str] | None, Parameter(negative="", help="Any other criterion of the order message, such as state=IL.")
    ] = None,
    what: Literal["numbers", "keywords", "regions"] = "numbers",
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 20,
    account: Account = "default",
    desk: Desk,
) -> int:
    """Search for numbers, keywords or regions. A search reserves and buys nothing.

    Args:
        keywords: The keywords to look for, instead of criteria.
        country: The country, as two letters, such as US.
        number_type: The type of number, such as local or toll_free.
        city: The city.
        area_code: The area code, without a leading zero.
        feature: A feature that the numbers must have, such as sms. It may be repeated.
        what: What to search for.
        limit: List at most this many.
    """
    criteria: dict[str, Any] = {
        "country": country,
        "number_type": number_type,
        "city": city,
        "area_code": area_code,
        "features": feature,
    }
    for each in where or ():
        name, _, value = each.partition("=")
        if not value:
            raise UsageError(f"--where {each!r} is no criterion; nothing was sent", "Write --where state=IL.")
        criteria[name] = value
    given = {name: value for name, value in criteria.items() if value}
    found = desk.client.search(
        provider,
        what="keywords" if keywords else what,
        criteria=given or None,
        keywords=keywords,
        limit=limit,
        account=account,
    )
    desk.out.items(
        found,
        [
            ("VALUE", lambda it: it.value),
            ("TYPE", lambda it: it.number_type or it.kind),
            ("COUNTRY", lambda it: it.country),
            ("WHERE", lambda it: list(it.region.values())),
            ("UPFRONT", lambda it: it.upfront_cost),
            ("MONTHLY", lambda it: it.monthly_cost),
            ("CURRENCY", lambda it: it.currency),
            ("FEATURES", lambda it: it.features),
        ],
        none="nothing is offered",
    )
    return Exit.DONE


@numbers.command(name="list")
def list_numbers(provider: Provider, *, account: Account = "default", desk: Desk) -> int:
    """List the numbers and keywords that an account owns, with their monthly cost."""
    owned = list(desk.client.owned(provider, account))
    desk.out.items(
        owned,
        [
            ("VALUE", lambda it: it.value),
            ("TYPE", lambda it: it.number_type or it.kind.value),
            ("COUNTRY", lambda it: it.country),
            ("SINCE", lambda it: it.since),
            ("MONTHLY", lambda it: it.monthly_cost),
            ("CURRENCY", lambda it: it.currency),
            ("STATUS", lambda it: "released" if it.given_back else it.provider_status),
        ],
        none="the account owns nothing",
    )
    for currency, total in totals(owned).items():
        desk.out.note(f"{total} {currency} a month")
    return Exit.DONE


def totals(owned: Iterable[Owned]) -> dict[str, Decimal]:
    """Add up the monthly costs by currency, as far as they are known."""
    found: dict[str, Decimal] = {}
    for each in owned:
        try:
            amount = Decimal(each.monthly_cost or "")
        except InvalidOperation:
            continue
        if not each.given_back and amount.is_finite():
            found[each.currency or ""] = found.get(each.currency or "", Decimal(0)) + amount
    return found


@numbers.command
def release(
    order_id: OrderId, number: str, *, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False, desk: Desk
) -> int:
    """Release a number or keyword of an order. It cannot be taken back.

    Args:
        number: The number, such as +4930901820, or the keyword.
    """
    return desk.decide(
        order_id,
        "release",
        lambda order, why: desk.client.release(order.order_id, number, reason=why),
        reason=reason,
        dry_run=dry_run,
        yes=yes,
    )


@providers.command(name="list")
def list_providers(*, desk: Desk) -> int:
    """List what each provider can do."""
    desk.out.items(
        desk.client.providers(),
        [
            ("PROVIDER", lambda it: it.provider),
            ("CAN", lambda it: [each.value for each in it.abilities]),
            ("WEBHOOKS", lambda it: it.sends_webhooks),
            ("A LOST PURCHASE IS FOUND", lambda it: it.findability.value.replace("_", " ")),
            ("MOST NUMBERS", lambda it: it.max_assets),
        ],
    )
    return Exit.DONE


@providers.command
def webhooks(provider: Provider, *, account: Account = "default", desk: Desk) -> int:
    """List the webhooks or postbacks that are registered at a provider."""
    desk.out.items(
        desk.client.registrations(provider, account),
        [
            ("ID", lambda it: it.id),
            ("URL", lambda it: it.url),
            ("EVENT", lambda it: it.event),
            ("ENABLED", lambda it: it.enabled),
            ("STATUS", lambda it: it.provider_status),
            ("NOTE", lambda it: it.note),
        ],
        none="nothing is registered",
    )
    return Exit.DONE


@providers.command
def deliveries(
    provider: Provider,
    *,
    account: Account = "default",
    within: str = "1d",
    event: str | None = None,
    failed: Flag = False,
    elsewhere: Flag = False,
    desk: Desk,
) -> int:
    """List webhooks that a provider sent to this stack, and how they were answered, by the provider's own log.

    Args:
        within: How far to look back, such as 90m, 4h or 7d.
        event: Only webhooks that report this event, by the provider's name.
        failed: Only webhooks that were not delivered.
        elsewhere: Include webhooks that were sent to other addresses.
    """
    desk.out.items(
        desk.client.deliveries(
            provider,
            account,
            since=desk.now() - duration(within),
            event=event,
            delivered=False if failed else None,
            url=None if elsewhere else desk.target.url,
        ),
        [
            ("STARTED", lambda it: it.started_at),
            ("EVENT", lambda it: it.event),
            ("DELIVERED", lambda it: it.delivered),
            ("ANSWERS", lambda it: [each.answer or "no answer" for each in it.attempts]),
            ("ERRORS", lambda it: [code for each in it.attempts for code in each.codes]),
            ("WEBHOOK", lambda it: it.webhook_id),
        ],
        none="no webhook is logged",
    )
    return Exit.DONE


@providers.command
def unregister(
    provider: Provider, registration_id: str, *, account: Account = "default", yes: Yes = False, desk: Desk
) -> int:
    """Delete a registered webhook. numberdesk then finds changes by polling alone.

    Args:
        registration_id: The id, as `providers webhooks` lists it.
    """
    desk.confirm(f"Delete {registration_id} at {provider}?", yes=yes)
    desk.client.unregister(provider, registration_id, account)
    desk.out.line("Deleted.")
    return Exit.DONE


# Profiles


@profiles.command(name="list")
def list_profiles(provider: Provider, *, desk: Desk) -> int:
    """List a provider's profiles."""
    desk.out.items(
        desk.client.profiles(provider),
        [
            ("ACCOUNT", lambda it: it.key.account),
            ("COUNTRY", lambda it: it.key.country),
            ("TYPE", lambda it: it.key.number_type),
            ("ENABLED", lambda it: it.enabled),
            ("ANSWERS", lambda it: [answer.requirement for answer in it.answers]),
            ("VERSION", lambda it: it.version),
        ],
        none="there is no profile",
    )
    return Exit.DONE


@profiles.command
def show(
    provider: Provider, country: Country, number_type: NumberType, *, account: Account = "default", desk: Desk
) -> int:
    """Print a profile as JSON. Its answers are personal data."""
    desk.out.json(desk.client.profile(provider, account, country, number_type))
    return Exit.DONE


@profiles.command
def put(
    provider: Provider,
    country: Country,
    number_type: NumberType,
    file: Text,
    *,
    account: Account = "default",
    desk: Desk,
) -> int:
    """Write a profile from a JSON file: {"answers": [{"requirement": ..., "value": {...}}], "enabled": true}.

    If the file has a `version`, the profile is written only if it still has that version.

    Args:
        file: The file, or - for standard input.
    """
    new = read_json_file(file)
    written = desk.client.put_profile(
        provider,
        account,
        country,
        number_type,
        new.get("answers", []),
        enabled=new.get("enabled", True),
        version=new.get("version"),
    )
    if desk.out.as_json:
        desk.out.json(written)
    else:
        desk.out.line(f"Written as version {written.version}: {len(written.answers)} answer(s).")
    return Exit.DONE


@profiles.command
def delete(
    provider: Provider,
    country: Country,
    number_type: NumberType,
    *,
    account: Account = "default",
    yes: Yes = False,
    desk: Desk,
) -> int:
    """Delete a profile and its files."""
    return _delete(desk, (provider, account, country, number_type), yes=yes)


def _delete(desk: Session, key: tuple[str, str, str, str], *, yes: bool) -> int:
    desk.confirm(f"Delete the profile {'/'.join(key)} with its files?", yes=yes)
    desk.client.delete_profile(*key)
    desk.out.line("Deleted.")
    return Exit.DONE
