"""Providers: what they offer, what accounts own, where they send webhooks, and profiles that answer requirements."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from numberdesk_cli.commands.orders import Flag, duration, read_json_file
from numberdesk_cli.errors import Exit, UsageError
from numberdesk_cli.session import Desk, Reason, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numberdesk.domain.listings import Owned
    from numberdesk_cli.session import Session

numbers = App(name="numbers", help="What accounts own.")
profiles = App(name="profiles", help="Profiles: stored answers to requirements.")
providers = App(name="providers", help="What each provider can do, and where it sends webhooks.")

Account = Annotated[str, Parameter(help="The account at the provider.")]


def register(app: App) -> None:
    """Add the commands."""
    app.command(numbers)
    app.command(profiles)
    app.command(providers)
    app.command(search)


def search(
    provider: str,
    *keywords: str,
    country: str | None = None,
    number_type: Annotated[str | None, Parameter(name="--type")] = None,
    city: str | None = None,
    area_code: str | None = None,
    feature: list[str] | None = None,
    where: Annotated[
        list[str] | None, Parameter(help="Another criterion of the order message, such as state=IL.")
    ] = None,
    what: Literal["numbers", "keywords", "regions"] = "numbers",
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 20,
    account: Account = "default",
    desk: Desk,
) -> int:
    """Search for numbers, keywords or regions. It reserves and buys nothing."""
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
def list_numbers(provider: str, *, account: Account = "default", desk: Desk) -> int:
    """List what an account owns, with the monthly totals."""
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
    order_id: str, number: str, *, reason: Reason = None, dry_run: Flag = False, yes: Flag = False, desk: Desk
) -> int:
    """Give a number or keyword of an order back, for good.

    Args:
        number: As the order shows it, with its plus.
        dry_run: Show the effect, and do nothing.
        yes: Do not ask.
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
    """Say what each provider can do."""
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
def webhooks(provider: str, *, account: Account = "default", desk: Desk) -> int:
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
    provider: str,
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
        provider: Whose webhooks.
        within: How far to look back: 90m, 4h, 7d.
        event: Only those that report this event, by the provider's name.
        failed: Only those that were not delivered.
        elsewhere: Also those that were sent to other addresses.
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
    provider: str, registration_id: str, *, account: Account = "default", yes: Flag = False, desk: Desk
) -> int:
    """Delete a registration. Orders are then found by polling alone."""
    desk.confirm(f"Delete {registration_id} at {provider}?", yes=yes)
    desk.client.unregister(provider, registration_id, account)
    desk.out.line("Deleted.")
    return Exit.DONE


# Profiles


@profiles.command(name="list")
def list_profiles(provider: str, *, desk: Desk) -> int:
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
        none="no profile is there",
    )
    return Exit.DONE


@profiles.command
def show(provider: str, country: str, number_type: str, *, account: Account = "default", desk: Desk) -> int:
    """Print a profile with its answers, which are personal data, as JSON."""
    desk.out.json(desk.client.profile(provider, account, country, number_type))
    return Exit.DONE


@profiles.command
def put(provider: str, country: str, number_type: str, file: Text, *, account: Account = "default", desk: Desk) -> int:
    """Write a profile from a JSON file: {"answers": [{"requirement": ..., "value": {...}}], "enabled": true}.

    A `version` in it is the one that was read: it is written only if that is still there.
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
    provider: str, country: str, number_type: str, *, account: Account = "default", yes: Flag = False, desk: Desk
) -> int:
    """Delete a profile and its files."""
    return _delete(desk, (provider, account, country, number_type), yes=yes)


def _delete(desk: Session, key: tuple[str, str, str, str], *, yes: bool) -> int:
    desk.confirm(f"Delete the profile {'/'.join(key)} with its files?", yes=yes)
    desk.client.delete_profile(*key)
    desk.out.line("Deleted.")
    return Exit.DONE
