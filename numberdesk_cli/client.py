"""A client of numberdesk's API, for applications, the command line and the console.

    desk = Client(Target.stack("numberdesk"))
    desk.submit({"order_id": "shop-4711", "provider": "telnyx", ...})
    for order in desk.orders(attention=True):
        print(order.order_id, order.next_deadline)

Each method is one route of the API and returns its answer as the API's own model. Lists are iterators that read one page after the
other. Reads are tried again; writes never are, since only an order has an id by which a repetition is harmless.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from numberdesk.api.models.base import Items, Listing
from numberdesk.api.models.desk import (
    AccountView,
    Activity,
    DeadLetterView,
    PlacingView,
    QueueCounts,
    Redriven,
    Replayed,
    WebhookView,
)
from numberdesk.api.models.orders import CommentView, NumberView, OrderList, OrderView, Submitted
from numberdesk.api.models.providers import ProviderView
from numberdesk.api.models.requirements import NewUpload, OrderRequirementsView
from numberdesk.api.models.today import SpendingView, StatusView, VettingView
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.ledger import Entry
from numberdesk.domain.listings import Delivery, Offer, Owned, Registration
from numberdesk.domain.profile import Profile
from numberdesk_cli.connection import Connection, Query, path_of, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from types import TracebackType

    from numberdesk.domain.lists import Summary
    from numberdesk.domain.statuses import AssetState, OrderState
    from numberdesk_cli.target import Target


class Client:
    """The API of one stack.

    Args:
        target: the stack, with the credentials to sign by.
        transport: what sends requests; for tests.
        sleep: waits between tries, in seconds; for tests.
    """

    def __init__(
        self,
        target: Target,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = Connection(target, transport=transport, sleep=sleep)
        self._get, self._pages, self._write = self.connection.get, self.connection.pages, self.connection.write

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.connection.http.close()

    # Orders

    def submit(self, message: Mapping[str, Any] | bytes) -> OrderView | Submitted:
        """Submit an order. The same message again is harmless: the API answers with the order that is there.

        Raises:
            ProblemError: it is not valid (`issues` names every field), or its id was used for another request.
        """
        status, body = self.connection.send("POST", "orders", message)
        return read(Submitted, body) if status == httpx.codes.ACCEPTED else read(OrderView, body)

    def orders(
        self,
        *,
        state: OrderState | str | None = None,
        provider: str | None = None,
        country: str | None = None,
        metadata: str | None = None,
        month: str | None = None,
        is_open: bool = False,
        attention: bool = False,
        deadline_before: datetime | None = None,
    ) -> Iterator[Summary]:
        """List orders by one of these, the newest first; before a deadline the nearest first."""
        query = {
            "state": state,
            "provider": provider,
            "country": country,
            "metadata": metadata,
            "month": month,
            "open": is_open or None,
            "attention": attention or None,
            "deadline_before": deadline_before,
        }
        yield from self._pages(OrderList, "orders", query=query)

    def order_page(self, query: Query, *, limit: int, token: str | None = None) -> OrderList:
        """Read one page of orders, for who shows pages."""
        return self._get(OrderList, "orders", query={**query, "limit": limit, "next": token})

    def order(self, order_id: str) -> OrderView:
        """Read an order."""
        return self._get(OrderView, "orders", order_id)

    def numbers(self, order_id: str, state: AssetState | str | None = None) -> Iterator[NumberView]:
        """List the numbers and keywords of an order."""
        yield from self._pages(Listing[NumberView], "orders", order_id, "numbers", query={"state": state})

    def ledger(self, order_id: str) -> Iterator[Entry]:
        """List what happened to an order."""
        yield from self._pages(Listing[Entry], "orders", order_id, "ledger")

    def webhooks(self, order_id: str) -> Iterator[WebhookView]:
        """List the webhooks of an order as they came."""
        yield from self._pages(Listing[WebhookView], "orders", order_id, "webhooks")

    def comments(self, order_id: str) -> Iterator[CommentView]:
        """List the comments of an order, as they were last seen."""
        yield from self._pages(Listing[CommentView], "orders", order_id, "comments")

    def order_requirements(self, order_id: str) -> list[OrderRequirementsView]:
        """Say what an order takes, and where each requirement stands."""
        return self._get(Items[OrderRequirementsView], "orders", order_id, "requirements").items

    def supply(
        self,
        order_id: str,
        values: Sequence[Mapping[str, Any]],
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> OrderView:
        """Supply values, each as `{"requirement": ..., "value": {"kind": "text", "text": ...}}`."""
        body = {"values": list(values), "sub_order_id": sub_order_id, "number": number, "resubmit": resubmit}
        return self._write(OrderView, "POST", "orders", order_id, "requirements", body=body)

    def attach_group(
        self,
        order_id: str,
        requirement_group_id: str,
        *,
        sub_order_id: str | None = None,
        number: str | None = None,
        resubmit: bool = False,
    ) -> OrderView:
        """Answer with a requirement group that the provider has."""
        body = {
            "requirement_group_id": requirement_group_id,
            "sub_order_id": sub_order_id,
            "number": number,
            "resubmit": resubmit,
        }
        return self._write(OrderView, "POST", "orders", order_id, "requirement-group", body=body)

    def upload(self, order_id: str, filename: str, content_type: str, content: bytes) -> str:
        """Upload a document of an order and return the file's id, to be supplied as a value."""
        body = {"filename": filename, "content_type": content_type}
        form = self._write(NewUpload, "POST", "orders", order_id, "files", body=body)
        return self.connection.post_file(form, filename, content_type, content)

    def comment(self, order_id: str, text: str, sub_order_id: str | None = None) -> OrderView:
        """Post a comment to the provider's reviewers."""
        body = {"text": text, "sub_order_id": sub_order_id}
        return self._write(OrderView, "POST", "orders", order_id, "comments", body=body)

    def mark_comment_read(self, order_id: str, comment_id: str) -> OrderView:
        """Mark a comment as read at the provider."""
        return self._write(OrderView, "POST", "orders", order_id, "comments", comment_id, "read")

    def extend(self, order_id: str, *, text: str | None = None, sub_order_id: str | None = None) -> OrderView:
        """Ask the provider for more time, in your own words or in numberdesk's."""
        body = {"text": text, "sub_order_id": sub_order_id}
        return self._write(OrderView, "POST", "orders", order_id, "extensions", body=body)

    def acknowledge(self, order_id: str, until: datetime, *, reason: str | None = None) -> OrderView:
        """Say that you are on it, until then. The reason stays in its ledger."""
        body = {"until": until.isoformat(), "reason": reason}
        return self._write(OrderView, "POST", "orders", order_id, "acknowledgements", body=body)

    def cancel(self, order_id: str, sub_order_id: str | None = None, *, reason: str | None = None) -> OrderView:
        """Cancel an order, or a sub order. The reason stays in its ledger."""
        body = {"sub_order_id": sub_order_id, "reason": reason}
        return self._write(OrderView, "POST", "orders", order_id, "cancel", body=body)

    def sync(self, order_id: str, *, reason: str | None = None) -> OrderView:
        """Poll an order now. The reason stays in its ledger."""
        return self._write(OrderView, "POST", "orders", order_id, "sync", body={"reason": reason})

    def replay(self, order_id: str, webhook_ids: Sequence[str] | None = None, *, dry_run: bool) -> Replayed:
        """Handle an order's webhooks again."""
        body = {"webhook_ids": webhook_ids, "dry_run": dry_run}
        return self._write(Replayed, "POST", "orders", order_id, "replay", body=body)

    def approve(
        self,
        order_id: str,
        *,
        since: datetime | None = None,
        most: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> OrderView:
        """Let a held order go on. `since` ties the decision to the hold that was seen; the reason stays in its ledger."""
        body = {"since": since and since.isoformat(), "most": most and dict(most), "reason": reason}
        return self._write(OrderView, "POST", "orders", order_id, "approve", body=body)

    def reject(self, order_id: str, reason: str, *, since: datetime | None = None) -> OrderView:
        """Cancel a held order. The reason stays in its ledger."""
        body = {"reason": reason, "since": since and since.isoformat()}
        return self._write(OrderView, "POST", "orders", order_id, "reject", body=body)

    def resolve(
        self,
        order_id: str,
        *,
        placed_as: str | None = None,
        place_again: bool | None = None,
        delivered: Sequence[str] | None = None,
        attempt: int | None = None,
        reason: str | None = None,
    ) -> OrderView:
        """Say what became of a purchase with an unknown outcome: exactly one of the first three."""
        body = {
            "placed_as": placed_as,
            "not_placed": None if place_again is None else {"place_again": place_again},
            "delivered": delivered,
            "attempt": attempt,
            "reason": reason,
        }
        return self._write(OrderView, "POST", "orders", order_id, "resolve", body=body)

    def release(self, order_id: str, value: str, *, reason: str | None = None) -> OrderView:
        """Give a number or keyword back for good. The reason stays in its order's ledger."""
        path = ("orders", order_id, "numbers", value.removeprefix("+"), "release")
        return self._write(OrderView, "POST", *path, body={"confirm": value, "reason": reason})

    def erase(self, order_id: str, *, reason: str | None = None) -> OrderView:
        """Erase the personal data of an order that has ended. The reason stays in its ledger."""
        return self._write(OrderView, "POST", "orders", order_id, "erase", body={"reason": reason})

    # Placing and accounts

    def placing(self) -> PlacingView:
        """Say whether orders are placed, and if not, why."""
        return self._get(PlacingView, "placing")

    def turn_placing(self, *, is_open: bool, reason: str = "") -> PlacingView:
        """Switch all placing off or on."""
        return self._write(PlacingView, "PUT", "placing", body={"open": is_open, "reason": reason})

    def confirm_restore(
        self, *, without: Sequence[str] = (), search_until: datetime | None = None, reason: str | None = None
    ) -> PlacingView:
        """Let placing go on from a restored table."""
        until = search_until and search_until.isoformat()
        body = {"without": list(without), "search_until": until, "reason": reason}
        return self._write(PlacingView, "POST", "placing", "confirm-restore", body=body)

    def spending(self) -> SpendingView:
        """Say what is reserved of each account's limits today, and what is left of them."""
        return self._get(SpendingView, "spending")

    def status(self, month: str | None = None) -> StatusView:
        """Say how numberdesk stands; orders are counted by state for those received in a month (`2026-11`), by default this one."""
        return self._get(StatusView, "status", query={"month": month})

    def vetting(self, months: int = 3) -> VettingView:
        """Say how long numbers were vetted in the last months, by provider, country and number type."""
        return self._get(VettingView, "vetting", query={"months": months})

    def activity(self, *, month: str | None = None, by: str | None = None) -> Iterator[Entry]:
        """List what callers of the API did in a month (`2026-11`), by default this one: all, or one by its ARN; the newest first."""
        yield from self._pages(Activity, "activity", query={"month": month, "by": by})

    def accounts(self) -> list[AccountView]:
        """List the accounts that there are."""
        return self._get(Items[AccountView], "accounts").items

    def retire(self, provider: str, account: str, *, force: bool = False, reason: str | None = None) -> AccountView:
        """Retire an account. The reason stays in its ledger."""
        body = {"force": force, "reason": reason}
        return self._write(AccountView, "POST", "accounts", provider, account, "retire", body=body)

    def reinstate(self, provider: str, account: str, *, reason: str | None = None) -> AccountView:
        """Use a retired account again. The reason stays in its ledger."""
        body = {"reason": reason}
        return self._write(AccountView, "POST", "accounts", provider, account, "reinstate", body=body)

    # Providers

    def providers(self) -> list[ProviderView]:
        """Say what each provider can do."""
        return self._get(Items[ProviderView], "providers").items

    def requirements(
        self,
        provider: str,
        *,
        country: str | None = None,
        number_type: str | None = None,
        number: str | None = None,
        account: str = "default",
    ) -> list[Specification]:
        """Say what numbers take, before they are bought."""
        query = {"country": country, "number_type": number_type, "number": number, "account": account}
        return self._get(Items[Specification], "providers", provider, "requirements", query=query).items

    def search(
        self,
        provider: str,
        *,
        what: Literal["numbers", "keywords", "regions"] = "numbers",
        criteria: Mapping[str, Any] | None = None,
        keywords: Sequence[str] = (),
        limit: int = 20,
        account: str = "default",
    ) -> list[Offer]:
        """Search for numbers, keywords or regions. It reserves and buys nothing."""
        body = {
            "what": what,
            "criteria": criteria and dict(criteria),
            "keywords": list(keywords),
            "limit": limit,
            "account": account,
        }
        return self._write(Items[Offer], "POST", "providers", provider, "search", body=body, reads=True).items

    def owned(self, provider: str, account: str = "default") -> Iterator[Owned]:
        """List what an account owns."""
        # The provider decides how long a page is.
        yield from self._pages(Listing[Owned], "providers", provider, "numbers", query={"account": account}, limit=None)

    def registrations(self, provider: str, account: str = "default") -> list[Registration]:
        """List registered webhooks or postbacks."""
        query = {"account": account}
        return self._get(Items[Registration], "providers", provider, "webhooks", query=query).items

    def register(
        self, provider: str, *, account: str = "default", event: str | None = None, token: str | None = None
    ) -> Registration:
        """Register this stack's webhook or postback."""
        body = {"account": account, "event": event, "token": token}
        return self._write(Registration, "POST", "providers", provider, "webhooks", body=body)

    def unregister(self, provider: str, registration_id: str, account: str = "default") -> None:
        """Delete a registration."""
        self.connection.send(
            "DELETE", path_of("providers", provider, "webhooks", registration_id, query={"account": account})
        )

    def deliveries(
        self,
        provider: str,
        account: str = "default",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        event: str | None = None,
        delivered: bool | None = None,
        url: str | None = None,
    ) -> Iterator[Delivery]:
        """List webhooks that a provider sent, and how they were answered, in the provider's order.

        Args:
            provider: whose.
            account: the account at the provider.
            since: of those whose delivery began then or later.
            until: of those whose delivery began then or earlier.
            event: only those that report this event, by the provider's name.
            delivered: only those that were delivered, or that were not.
            url: a text in the address that they were sent to.
        """
        query = {
            "account": account,
            "since": since,
            "until": until,
            "event": event,
            "delivered": delivered,
            "url": url,
        }
        yield from self._pages(Listing[Delivery], "providers", provider, "deliveries", query=query, limit=None)

    # Profiles

    def profiles(self, provider: str) -> Iterator[Profile]:
        """List a provider's profiles."""
        yield from self._pages(Listing[Profile], "profiles", query={"provider": provider})

    def profile(self, provider: str, account: str, country: str, number_type: str) -> Profile:
        """Read a profile."""
        return self._get(Profile, "profiles", provider, account, country, number_type)

    def put_profile(
        self,
        provider: str,
        account: str,
        country: str,
        number_type: str,
        answers: Sequence[Mapping[str, Any]],
        *,
        enabled: bool = True,
        version: int | None = None,
    ) -> Profile:
        """Write a profile; only if it still has this version, where one is given."""
        body = {"answers": list(answers), "enabled": enabled, "version": version}
        return self._write(Profile, "PUT", "profiles", provider, account, country, number_type, body=body)

    def delete_profile(self, provider: str, account: str, country: str, number_type: str) -> None:
        """Delete a profile and its files."""
        self.connection.send("DELETE", path_of("profiles", provider, account, country, number_type))

    def upload_to_profile(
        self,
        provider: str,
        account: str,
        country: str,
        number_type: str,
        filename: str,
        content_type: str,
        content: bytes,
    ) -> str:
        """Upload a document of a profile and return the file's id."""
        body = {"filename": filename, "content_type": content_type}
        path = ("profiles", provider, account, country, number_type, "files")
        return self.connection.post_file(
            self._write(NewUpload, "POST", *path, body=body), filename, content_type, content
        )

    # Dead letters and webhooks of no order

    def dead_letter_counts(self) -> QueueCounts:
        """Say how many messages lie in each dead-letter queue."""
        return self._get(QueueCounts, "dead-letters")

    def dead_letters(self, queue: Literal["orders", "sync"]) -> list[DeadLetterView]:
        """Look at dead letters."""
        return self._get(Items[DeadLetterView], "dead-letters", queue).items

    def redrive(
        self, queue: Literal["orders", "sync"], message_ids: Sequence[str] | None = None, *, dry_run: bool
    ) -> Redriven:
        """Put dead letters back on their queue: these, or all."""
        body = {"message_ids": message_ids, "dry_run": dry_run}
        return self._write(Redriven, "POST", "dead-letters", queue, "redrive", body=body)

    def unmatched_webhooks(self, day: date) -> Iterator[WebhookView]:
        """List a day's webhooks that belong to no order."""
        yield from self._pages(Listing[WebhookView], "unmatched-webhooks", query={"day": day})

    def replay_unmatched(self, day: date, webhook_ids: Sequence[str] | None = None, *, dry_run: bool) -> Replayed:
        """Handle a day's unmatched webhooks again."""
        body = {"day": day.isoformat(), "webhook_ids": webhook_ids, "dry_run": dry_run}
        return self._write(Replayed, "POST", "unmatched-webhooks", "replay", body=body)
