"""The routes of providers, profiles, the switch of placing and dead letters: each parses, calls one service, shapes the answer."""

# Powertools reads these annotations when the app is built, so that nothing they name is imported for type checkers only.
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from numberdesk.api import models
from numberdesk.api.caller import Caller, Services
from numberdesk.api.models import Limit, NumberType, Provider, QueryNumber, Token
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.values import Account, Country
from numberdesk.providers.base import Query as Wanted
from numberdesk.services.catalogue import About

_Provider = Annotated[Provider, Path()]
_Account = Annotated[Account, Path()]
_Country = Annotated[Country, Path()]
_NumberType = Annotated[NumberType, Path()]
_Limit = Annotated[Limit, Query()]
_OfAccount = Annotated[Account, Query()]
_Next = Annotated[Token | None, Query(alias="next", description="The token that came with the page before.")]

_BY_DEFAULT = models.ConfirmRestore()
_NOT_FORCED = models.Retire()


def handlers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    """Make what answers them."""
    return [
        *_accounts(services, caller),
        *_providers(services, caller),
        *_profiles(services, caller),
        *_placing(services, caller),
        *_letters(services),
    ]


def _accounts(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_accounts() -> models.AccountList:
        return models.AccountList(items=[models.AccountView.of(each) for each in services.accounts.listed()])

    def retire_account(
        provider: _Provider, account: _Account, wish: Annotated[models.Retire, Body()] = _NOT_FORCED
    ) -> models.AccountView:
        by = caller().by
        return models.AccountView.of(services.accounts.retire(provider, account, by, force=wish.force))

    def reinstate_account(provider: _Provider, account: _Account) -> models.AccountView:
        return models.AccountView.of(services.accounts.reinstate(provider, account, caller().by))

    return [list_accounts, retire_account, reinstate_account]


def _providers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_providers() -> models.Providers:
        return models.Providers.model_validate({"items": services.providers.capabilities()})

    def list_requirements(
        provider: _Provider,
        country: Annotated[Country | None, Query(description="Together with number_type.")] = None,
        number_type: Annotated[NumberType | None, Query()] = None,
        number: Annotated[QueryNumber | None, Query(description="In place of country and type.")] = None,
        account: _OfAccount = "default",
    ) -> models.Requirements:
        about = About(country, number_type, number)
        return models.Requirements(items=services.catalogue.requirements(provider, account, about))

    def search(provider: _Provider, wanted: Annotated[models.Search, Body()]) -> models.Offers:
        query = Wanted(wanted.criteria, tuple(wanted.keywords), wanted.limit)
        return models.Offers(items=services.providers.search(provider, wanted.account, wanted.what, query))

    def list_owned(
        provider: _Provider,
        account: _OfAccount = "default",
        next_: _Next = None,
    ) -> models.OwnedList:
        return models.listed(models.OwnedList, services.providers.owned(provider, account, token=next_))

    def list_webhooks(provider: _Provider, account: _OfAccount = "default") -> models.Webhooks:
        return models.Webhooks(items=services.providers.registrations(provider, account))

    def register_webhook(provider: _Provider, new: Annotated[models.NewWebhook, Body()]) -> models.Webhook:
        url = caller().base_url
        return models.Webhook.model_validate(
            services.providers.register(provider, new.account, url, new.event, new.token).model_dump()
        )

    def unregister_webhook(
        provider: _Provider,
        registration_id: Annotated[models.RegistrationId, Path()],
        account: _OfAccount = "default",
    ) -> Response[None]:
        services.providers.unregister(provider, account, registration_id)
        return Response(204)

    return [
        list_providers,
        list_requirements,
        search,
        list_owned,
        list_webhooks,
        register_webhook,
        unregister_webhook,
    ]


def _profiles(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def list_profiles(
        provider: Annotated[Provider, Query()],
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> models.ProfileList:
        return models.listed(models.ProfileList, services.profiles.listed(provider, limit=limit, token=next_))

    def get_profile(provider: _Provider, account: _Account, country: _Country, number_type: _NumberType) -> Profile:
        return services.profiles.get(_key(provider, account, country, number_type))

    def put_profile(
        provider: _Provider,
        account: _Account,
        country: _Country,
        number_type: _NumberType,
        new: Annotated[models.NewProfile, Body()],
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
        file: Annotated[models.NewFile, Body()],
    ) -> models.NewUpload:
        key = _key(provider, account, country, number_type)
        return models.NewUpload.of(services.profiles.form(key, file.filename, file.content_type, caller().by))

    return [list_profiles, get_profile, put_profile, delete_profile, upload_profile_file]


def _key(provider: str, account: str, country: str, number_type: str) -> ProfileKey:
    return ProfileKey(provider=provider, account=account, country=country, number_type=number_type)


def _placing(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    def get_placing() -> models.PlacingView:
        return models.PlacingView.of(services.gate.view())

    def turn_placing(turned: Annotated[models.TurnPlacing, Body()]) -> models.PlacingView:
        by = caller().by
        return models.PlacingView.of(services.gate.turn(is_open=turned.open, reason=turned.reason, by=by))

    def confirm_restore(confirmed: Annotated[models.ConfirmRestore, Body()] = _BY_DEFAULT) -> models.PlacingView:
        by = caller().by
        placing = services.gate.confirm(search_until=confirmed.search_until, without=confirmed.without, by=by)
        return models.PlacingView.of(placing)

    return [get_placing, turn_placing, confirm_restore]


def _letters(services: Services) -> list[Callable[..., Any]]:
    def count_dead_letters() -> models.QueueCounts:
        return models.QueueCounts.model_validate(services.dead_letters.counts())

    def peek_dead_letters(queue: Annotated[Literal["orders", "sync"], Path()]) -> models.LetterList:
        return models.LetterList(items=[models.LetterView.of(letter) for letter in services.dead_letters.peek(queue)])

    def redrive_orders(redrive: Annotated[models.Redrive, Body()]) -> models.Redriven:
        done = services.dead_letters.redrive("orders", redrive.message_ids, dry_run=redrive.dry_run)
        return models.Redriven.of(done, dry_run=redrive.dry_run)

    def redrive_sync(redrive: Annotated[models.Redrive, Body()]) -> models.Redriven:
        done = services.dead_letters.redrive("sync", redrive.message_ids, dry_run=redrive.dry_run)
        return models.Redriven.of(done, dry_run=redrive.dry_run)

    def list_unmatched_events(
        day: Annotated[date, Query(description="UTC.")],
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> models.EventList:
        return models.event_page(services.reading.unmatched(day, limit=limit, token=next_))

    def replay_unmatched_events(replay: Annotated[models.ReplayDay, Body()]) -> models.Replayed:
        done = services.dead_letters.replay_unmatched(replay.day, replay.event_ids, dry_run=replay.dry_run)
        return models.Replayed.of(done, dry_run=replay.dry_run)

    return [
        count_dead_letters,
        peek_dead_letters,
        redrive_orders,
        redrive_sync,
        list_unmatched_events,
        replay_unmatched_events,
    ]
