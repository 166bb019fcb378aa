"""The routes of providers, profiles, the switch of placing and dead letters: each parses, calls one service, shapes the answer."""

# Powertools reads these annotations when the app is built, so that nothing they name is imported for type checkers only.
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import Field

from numberdesk.api.caller import Caller, Services
from numberdesk.api.models import desk, providers, today
from numberdesk.api.models.base import Items, Limit, Listing, Month, NumberType, Provider, QueryNumber, Token, listed
from numberdesk.api.models.requirements import NewFile, NewProfile, NewUpload
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.listings import Delivery, Offer, Owned, Registration
from numberdesk.domain.model import GivenInstant
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.values import Account, Country, Id
from numberdesk.providers.base import Query as Wanted
from numberdesk.providers.base import Sent
from numberdesk.services.catalogue import About
from numberdesk.services.vetting import MAX_MONTHS

_Provider = Annotated[Provider, Path()]
_Account = Annotated[Account, Path()]
_Country = Annotated[Country, Path()]
_NumberType = Annotated[NumberType, Path()]
_Limit = Annotated[Limit, Query()]
_OfAccount = Annotated[Account, Query()]
_Next = Annotated[Token | None, Query(alias="next", description="The token that came with the page before.")]

_Text = Annotated[str, Field(min_length=1, max_length=256)]

_BY_DEFAULT = desk.ConfirmRestore()
_NOT_FORCED = desk.Retire()
_NO_REASON = desk.Reinstate()


def handlers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    """Make what answers them."""
    return [
        *_accounts(services, caller),
        *_providers(services, caller),
        *_profiles(services, caller),
        *_placing(services, caller),
        *_today(services),
        *_dead_letters(services),
    ]


def _accounts(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_accounts() -> Items[desk.AccountView]:
        return Items[desk.AccountView](items=[desk.AccountView.of(each) for each in services.accounts.listed()])

    def retire_account(
        provider: _Provider, account: _Account, wish: Annotated[desk.Retire, Body()] = _NOT_FORCED
    ) -> desk.AccountView:
        by = caller().by
        return desk.AccountView.of(
            services.accounts.retire(provider, account, by, force=wish.force, reason=wish.reason)
        )

    def reinstate_account(
        provider: _Provider, account: _Account, wish: Annotated[desk.Reinstate, Body()] = _NO_REASON
    ) -> desk.AccountView:
        by = caller().by
        return desk.AccountView.of(services.accounts.reinstate(provider, account, by, reason=wish.reason))

    return [list_accounts, retire_account, reinstate_account]


def _providers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_providers() -> Items[providers.ProviderView]:
        return Items[providers.ProviderView].model_validate({"items": services.providers.capabilities()})

    def list_requirements(
        provider: _Provider,
        country: Annotated[Country | None, Query(description="Together with number_type.")] = None,
        number_type: Annotated[NumberType | None, Query()] = None,
        number: Annotated[QueryNumber | None, Query(description="In place of country and type.")] = None,
        account: _OfAccount = "default",
    ) -> Items[Specification]:
        about = About(country, number_type, number)
        return Items[Specification](items=services.catalogue.requirements(provider, account, about))

    def search(provider: _Provider, wanted: Annotated[providers.Search, Body()]) -> Items[Offer]:
        query = Wanted(wanted.criteria, tuple(wanted.keywords), wanted.limit)
        return Items[Offer](items=services.providers.search(provider, wanted.account, wanted.what, query))

    def list_owned(
        provider: _Provider,
        account: _OfAccount = "default",
        next_: _Next = None,
    ) -> Listing[Owned]:
        return listed(Listing[Owned], services.providers.owned(provider, account, token=next_))

    def list_registrations(provider: _Provider, account: _OfAccount = "default") -> Items[Registration]:
        return Items[Registration](items=services.providers.registrations(provider, account))

    def register_webhook(provider: _Provider, new: Annotated[providers.NewRegistration, Body()]) -> Registration:
        return services.providers.register(provider, new.account, caller().base_url, new.event, new.token)

    def unregister_webhook(
        provider: _Provider,
        registration_id: Annotated[Id, Path()],
        account: _OfAccount = "default",
    ) -> Response[None]:
        services.providers.unregister(provider, account, registration_id)
        return Response(204)

    def list_deliveries(
        provider: _Provider,
        account: _OfAccount = "default",
        since: Annotated[GivenInstant | None, Query(description="Of those whose delivery began then or later.")] = None,
        until: Annotated[
            GivenInstant | None, Query(description="Of those whose delivery began then or earlier.")
        ] = None,
        event: Annotated[
            _Text | None, Query(description="By the provider's name, such as number_order.complete.")
        ] = None,
        delivered: Annotated[bool | None, Query(description="Only those that were, or were not.")] = None,
        url: Annotated[_Text | None, Query(description="A text in the address that it was sent to.")] = None,
        next_: _Next = None,
    ) -> Listing[Delivery]:
        wanted = Sent(since, until, event, delivered, url)
        return listed(Listing[Delivery], services.providers.deliveries(provider, account, wanted, token=next_))

    return [
        list_providers,
        list_requirements,
        search,
        list_owned,
        list_registrations,
        register_webhook,
        unregister_webhook,
        list_deliveries,
    ]


def _profiles(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_profiles(
        provider: Annotated[Provider, Query()],
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> Listing[Profile]:
        return listed(Listing[Profile], services.profiles.listed(provider, limit=limit, token=next_))

    def get_profile(provider: _Provider, account: _Account, country: _Country, number_type: _NumberType) -> Profile:
        return services.profiles.get(_key(provider, account, country, number_type))

    def put_profile(
        provider: _Provider,
        account: _Account,
        country: _Country,
        number_type: _NumberType,
        new: Annotated[NewProfile, Body()],
    ) -> Profile:
        key = _key(provider, account, country, number_type)
        by = caller().by
        return services.profiles.put(key, new.answers, enabled=new.enabled, version=new.version, by=by)

    def delete_profile(
        provider: _Provider, account: _Account, country: _Country, number_type: _NumberType
    ) -> Response[None]:
        services.profiles.delete(_key(provider, account, country, number_type))
        return Response(204)

    def upload_profile_file(
        provider: _Provider,
        account: _Account,
        country: _Country,
        number_type: _NumberType,
        file: Annotated[NewFile, Body()],
    ) -> NewUpload:
        key = _key(provider, account, country, number_type)
        return NewUpload.of(services.profiles.form(key, file.filename, file.content_type, caller().by))

    return [list_profiles, get_profile, put_profile, delete_profile, upload_profile_file]


def _key(provider: str, account: str, country: str, number_type: str) -> ProfileKey:
    return ProfileKey(provider=provider, account=account, country=country, number_type=number_type)


def _placing(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def get_placing() -> desk.PlacingView:
        return desk.PlacingView.of(services.gate.view())

    def turn_placing(turned: Annotated[desk.TurnPlacing, Body()]) -> desk.PlacingView:
        by = caller().by
        return desk.PlacingView.of(services.gate.turn(is_open=turned.open, reason=turned.reason, by=by))

    def confirm_restore(confirmed: Annotated[desk.ConfirmRestore, Body()] = _BY_DEFAULT) -> desk.PlacingView:
        by = caller().by
        placing = services.gate.confirm(
            search_until=confirmed.search_until, without=confirmed.without, by=by, reason=confirmed.reason
        )
        return desk.PlacingView.of(placing)

    return [get_placing, turn_placing, confirm_restore]


def _today(services: Services) -> list[Callable[..., Any]]:
    def get_spending() -> today.SpendingView:
        return today.SpendingView.of(services.spending.today())

    def get_status(
        month: Annotated[
            Month | None,
            Query(
                description="Of the receipt of the orders that are counted by state, UTC; by default the present one."
            ),
        ] = None,
    ) -> today.StatusView:
        return today.StatusView.of(services.status.read(month))

    def get_vetting(
        months: Annotated[
            int, Query(ge=1, le=MAX_MONTHS, description="How many months (UTC) are read, the present one included.")
        ] = 3,
    ) -> today.VettingView:
        return today.VettingView.of(*services.vetting.read(months))

    def list_activity(
        month: Annotated[Month | None, Query(description="UTC; by default the present one.")] = None,
        by: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=512,
                description="Only what this principal did: an `actor`, exactly as it is shown.",
            ),
        ] = None,
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> desk.Activity:
        return listed(desk.Activity, services.reading.activity(month, by, limit=limit, token=next_))

    return [get_spending, get_status, get_vetting, list_activity]


def _dead_letters(services: Services) -> list[Callable[..., Any]]:
    def count_dead_letters() -> desk.QueueCounts:
        return desk.QueueCounts.model_validate(services.dead_letters.counts())

    def peek_dead_letters(queue: Annotated[Literal["orders", "sync"], Path()]) -> Items[desk.DeadLetterView]:
        return Items[desk.DeadLetterView](
            items=[desk.DeadLetterView.of(each) for each in services.dead_letters.peek(queue)]
        )

    def redrive_orders(redrive: Annotated[desk.Redrive, Body()]) -> desk.Redriven:
        done = services.dead_letters.redrive("orders", redrive.message_ids, dry_run=redrive.dry_run)
        return desk.Redriven.model_validate(done)

    def redrive_sync(redrive: Annotated[desk.Redrive, Body()]) -> desk.Redriven:
        done = services.dead_letters.redrive("sync", redrive.message_ids, dry_run=redrive.dry_run)
        return desk.Redriven.model_validate(done)

    def list_unmatched_webhooks(
        day: Annotated[date, Query(description="UTC.")],
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> Listing[desk.WebhookView]:
        return desk.webhook_page(services.reading.unmatched(day, limit=limit, token=next_))

    def replay_unmatched_webhooks(replay: Annotated[desk.ReplayDay, Body()]) -> desk.Replayed:
        done = services.dead_letters.replay_unmatched(replay.day, replay.webhook_ids, dry_run=replay.dry_run)
        return desk.Replayed.model_validate(done)

    return [
        count_dead_letters,
        peek_dead_letters,
        redrive_orders,
        redrive_sync,
        list_unmatched_webhooks,
        replay_unmatched_webhooks,
    ]
