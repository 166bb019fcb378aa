"""The routes of orders: each parses, calls one service, shapes the answer."""

# Powertools reads these annotations when the app is built, so that nothing they name is imported for type checkers only.
from collections.abc import Callable
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from numberdesk.api.caller import Caller, Services
from numberdesk.api.models import orders
from numberdesk.api.models.base import Items, Limit, Listing, Month, PathNumber, Provider, Token, listed
from numberdesk.api.models.desk import Replay, Replayed, WebhookView, webhook_page
from numberdesk.api.models.orders import CommentView, NumberView, OrderView
from numberdesk.api.models.requirements import AttachGroup, NewFile, NewUpload, OrderRequirementsView, SupplyValues
from numberdesk.domain.ledger import Entry
from numberdesk.domain.model import GivenInstant
from numberdesk.domain.order import Order
from numberdesk.domain.request import OrderId
from numberdesk.domain.statuses import AssetState, OrderState
from numberdesk.domain.values import Country, Id
from numberdesk.services.reading import Wanted

_Order = Annotated[OrderId, Path()]
_Limit = Annotated[Limit, Query()]
_Next = Annotated[Token | None, Query(alias="next", description="The token that came with the page before.")]
_NOTHING_ELSE = orders.Cancel()
_AS_SHOWN = orders.ApprovalTerms()
_OUR_WORDS = orders.MoreTime()
_NO_REASON = orders.Erasure()
_JUST_LOOK = orders.Look()


def handlers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    """Make what answers them."""
    return [
        *_readers(services),
        *_writers(services, caller),
        *_requirement_writers(services, caller),
        *_deciders(services, caller),
    ]


def _view(services: Services) -> Callable[[Order], OrderView]:
    """Make what shows an order that was written, as it is shown where it is read."""
    return lambda order: OrderView.of(services.reading.shown(order))


def _readers(services: Services) -> list[Callable[..., Any]]:
    def list_orders(
        state: Annotated[OrderState | None, Query()] = None,
        provider: Annotated[Provider | None, Query()] = None,
        country: Annotated[Country | None, Query()] = None,
        metadata: Annotated[
            str | None,
            Query(
                max_length=1024,
                description="The value under the stack's listed metadata key, exactly, as text: 7 finds the number and the text, true the truth value and the text.",
            ),
        ] = None,
        month: Annotated[
            Month | None, Query(description="Of the receipt, UTC: of the four before; by default the present one.")
        ] = None,
        open_: Annotated[bool | None, Query(alias="open", description="Those that are not over; only true.")] = None,
        attention: Annotated[bool | None, Query(description="Those that need a person; only true.")] = None,
        deadline_before: Annotated[
            GivenInstant | None, Query(description="Those whose next deadline is before this, the nearest first.")
        ] = None,
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> orders.OrderList:
        wanted = Wanted(state, provider, country, metadata, open_, attention, deadline_before, month)
        return listed(orders.OrderList, services.reading.orders(wanted, limit=limit, token=next_))

    def get_order(order_id: _Order) -> OrderView:
        return OrderView.of(services.reading.order(order_id))

    def list_numbers(
        order_id: _Order,
        state: Annotated[AssetState | None, Query()] = None,
        limit: _Limit = 50,
        next_: _Next = None,
    ) -> Listing[NumberView]:
        return listed(Listing[NumberView], services.reading.numbers(order_id, state, limit=limit, token=next_))

    def list_ledger(order_id: _Order, limit: _Limit = 50, next_: _Next = None) -> Listing[Entry]:
        return listed(Listing[Entry], services.reading.ledger(order_id, limit=limit, token=next_))

    def list_webhooks(order_id: _Order, limit: _Limit = 50, next_: _Next = None) -> Listing[WebhookView]:
        return webhook_page(services.reading.webhooks(order_id, limit=limit, token=next_))

    def list_comments(order_id: _Order, limit: _Limit = 50, next_: _Next = None) -> Listing[CommentView]:
        return listed(Listing[CommentView], services.reading.comments(order_id, limit=limit, token=next_))

    def list_order_requirements(order_id: _Order) -> Items[OrderRequirementsView]:
        return Items[OrderRequirementsView].model_validate({"items": services.catalogue.of_order(order_id)})

    return [list_orders, get_order, list_numbers, list_ledger, list_webhooks, list_comments, list_order_requirements]


def _writers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    view = _view(services)

    def submit_order(message: Annotated[orders.OrderMessage, Body()]) -> tuple[OrderView | orders.Submitted, int]:
        # The command reads the body itself, as the queue's reader does.
        order, _, _ = services.commands.submit(caller().body, caller().by)
        if order is None:
            return orders.Submitted(order_id=message.order_id), 202
        return view(order), 200

    def post_comment(order_id: _Order, comment: Annotated[orders.NewComment, Body()]) -> OrderView:
        by = caller().by
        return view(services.commands.comment(order_id, comment.text, by, sub_order_id=comment.sub_order_id))

    def mark_comment_read(order_id: _Order, comment_id: Annotated[Id, Path()]) -> OrderView:
        return view(services.commands.mark_read(order_id, comment_id, caller().by))

    def request_extension(order_id: _Order, wish: Annotated[orders.MoreTime, Body()] = _OUR_WORDS) -> OrderView:
        by = caller().by
        return view(services.commands.extend(order_id, by, sub_order_id=wish.sub_order_id, text=wish.text))

    def acknowledge(order_id: _Order, on_it: Annotated[orders.OnIt, Body()]) -> OrderView:
        return view(services.commands.acknowledge(order_id, on_it.until, caller().by, reason=on_it.reason))

    def cancel_order(order_id: _Order, what: Annotated[orders.Cancel, Body()] = _NOTHING_ELSE) -> OrderView:
        by = caller().by
        return view(services.commands.cancel(order_id, by, sub_order_id=what.sub_order_id, reason=what.reason))

    def sync_order(order_id: _Order, look: Annotated[orders.Look, Body()] = _JUST_LOOK) -> OrderView:
        return view(services.commands.sync(order_id, caller().by, reason=look.reason))

    def replay_webhooks(order_id: _Order, replay: Annotated[Replay, Body()]) -> Replayed:
        done = services.dead_letters.replay(order_id, replay.webhook_ids, dry_run=replay.dry_run)
        return Replayed.model_validate(done)

    return [
        submit_order,
        post_comment,
        mark_comment_read,
        request_extension,
        acknowledge,
        cancel_order,
        sync_order,
        replay_webhooks,
    ]


def _requirement_writers(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    view = _view(services)

    def supply_values(order_id: _Order, supplied: Annotated[SupplyValues, Body()]) -> tuple[OrderView, int]:
        order = services.commands.supply(
            order_id,
            supplied.values,
            caller().by,
            sub_order_id=supplied.sub_order_id,
            number=supplied.number,
            resubmit=supplied.resubmit,
        )
        # What is ticked off here is done; a value has still to go to the provider.
        return view(order), 200 if supplied.only_ticks else 202

    def attach_requirement_group(order_id: _Order, group: Annotated[AttachGroup, Body()]) -> OrderView:
        order = services.commands.attach_group(
            order_id,
            group.requirement_group_id,
            caller().by,
            sub_order_id=group.sub_order_id,
            number=group.number,
            resubmit=group.resubmit,
        )
        return view(order)

    def upload_order_file(order_id: _Order, file: Annotated[NewFile, Body()]) -> NewUpload:
        by = caller().by
        return NewUpload.of(services.uploads.for_order(order_id, file.filename, file.content_type, by))

    return [supply_values, attach_requirement_group, upload_order_file]


def _deciders(services: Services, caller: Callable[[], Caller]) -> list[Callable[..., Any]]:
    view = _view(services)

    def approve_order(order_id: _Order, approval: Annotated[orders.ApprovalTerms, Body()] = _AS_SHOWN) -> OrderView:
        done = services.commands.approve(
            order_id, caller().by, most=approval.most, since=approval.since, reason=approval.reason
        )
        return view(done)

    def reject_order(order_id: _Order, refusal: Annotated[orders.Rejection, Body()]) -> OrderView:
        return view(services.commands.reject(order_id, refusal.reason, caller().by, since=refusal.since))

    def resolve_purchase(order_id: _Order, resolution: Annotated[orders.Resolution, Body()]) -> OrderView:
        by, nothing = caller().by, resolution.not_placed
        attempt, reason = resolution.attempt, resolution.reason
        if nothing is not None:
            again = nothing.place_again
            done = services.commands.resolve_not_placed(order_id, by, place_again=again, attempt=attempt, reason=reason)
        elif resolution.delivered is not None:
            done = services.commands.resolve_delivered(order_id, resolution.delivered, by, reason=reason)
        else:
            bought = resolution.placed_as or ""
            done = services.commands.resolve_placed_as(order_id, bought, by, attempt=attempt, reason=reason)
        return view(done)

    def release_number(
        order_id: _Order, value: Annotated[PathNumber, Path()], given: Annotated[orders.GiveBack, Body()]
    ) -> OrderView:
        by, confirmed = caller().by, given.confirmed(value)
        return view(services.commands.release_number(order_id, confirmed, by, reason=given.reason))

    def erase_order(order_id: _Order, erasure: Annotated[orders.Erasure, Body()] = _NO_REASON) -> OrderView:
        return view(services.commands.erase(order_id, caller().by, reason=erasure.reason))

    return [approve_order, reject_order, resolve_purchase, release_number, erase_order]
