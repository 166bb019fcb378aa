"""Messages to people about a purchase, its result, and a provider's contradictory or unreadable answers. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from numberdesk.domain.change import ALL_OR_NOTHING
from numberdesk.domain.messages.fact import ORDER_AGAIN, UNANNOUNCED, Fact, given_reason, why_cancelled
from numberdesk.domain.statuses import ChangeKind, RequirementState
from numberdesk.domain.text import joined, paragraph, quoted
from numberdesk.domain.wording import MAX_NAME, because, count, instant, listed, reason, shown, time_left, who

if TYPE_CHECKING:
    from collections.abc import Callable


def _placed(fact: Fact) -> str:
    how = (
        "was found at the provider after its answer had been lost; it was bought once, and there is nothing to do"
        if fact.data["found"]
        else "was placed"
    )
    short = f" Left out: {reason(fact.data['shortfall'])}." if fact.data["shortfall"] else ""
    return f"{fact.who} {how}.{short}"


def _held(fact: Fact) -> str:
    why = reason(fact.data["why"])
    match fact.data["hold"]:
        case "switch":
            return f"{fact.who} waits: {why}. numberdesk continues automatically."
        case "not_permitted":
            return (
                f"{fact.who} waits: {why}. Nothing was bought. Have it permitted to the account at {fact.provider} (its level, a verification, "
                "what its key may do), or cancel the order. numberdesk retries automatically; other orders continue."
            )
        case "no_account":
            return (
                f"{fact.who} waits: {why}. Nothing was bought. numberdesk continues automatically once the account can be used; if the name is wrong, "
                "cancel the order and order again with the right one, under another order id."
            )
    return (
        f"{fact.who} is held and not sent to its provider: {why}. Approve or reject it through numberdesk's API; until "
        "then it stays received."
    )


def _unknown(fact: Fact) -> str:
    if fact.data["searching"]:
        return (
            f"{fact.who} was sent, and no clear answer came back. It may have been bought; it is not sent again blindly. "
            "numberdesk is searching for it at the provider and will report what it finds."
        )
    return (
        f"{fact.who} was sent, no clear answer came back, and it could not be found by searching. It may have been bought; it is not "
        f"sent again, and stays unknown until a person resolves it. {reason(fact.data['look_for'])}"
    )


def _duplicate_found(fact: Fact) -> str:
    duplicate = quoted(fact.data["duplicate"])
    what = (
        f"was bought a second time as {duplicate}; its own purchase is {quoted(fact.data['recorded'])}"
        if fact.data["recorded"]
        else f"has ended ({fact.order.state.value}), but a purchase of it was found: {duplicate}"
    )
    todo = (
        "numberdesk is cancelling it; check at the provider whether that was in time."
        if fact.data["cancelling"]
        else "The provider has no way to cancel it: give its numbers back there if you do not need them."
    )
    return f"{fact.who} {what}. {todo}"


# The result of an order


def _completed(fact: Fact) -> str:
    left = [each.label for each in fact.order.requirements if each.own and each.state is not RequirementState.APPROVED]
    todo = f" Still to do on its own list: {listed(left)}. Tick it off through numberdesk's API." if left else ""
    return f"{fact.who} is complete: {fact.data['delivered']} of {fact.data['asked']} delivered.{todo}"


def _partially_completed(fact: Fact) -> str:
    return (
        f"{fact.who} ended with only {fact.data['delivered']} of {fact.data['asked']} delivered. Missing: {reason(fact.data['missing'])}. "
        "What was delivered is yours and billed; order the rest anew under another order id if you still need it."
    )


def _failed(fact: Fact) -> str:
    if fact.data["reason"] == "refused":
        why = f"{fact.data['detail']} ({fact.data['code']})" if fact.data["code"] else fact.data["detail"]
    else:
        why = f"the provider ended it ({fact.data['provider_status']})"
    return (
        f"{fact.who} failed: {reason(why)}. Nothing was delivered. Correct it and order again under another order id."
    )


def _cancelled(fact: Fact) -> str:
    if fact.order.provider_order_id is None:
        by = who(fact.data["asked_by"])
        if (given := fact.data.get("rejected_because")) is not None:
            return f"{fact.who} was rejected by {by} before anything was bought{because(given)}."
        return f"{fact.who} was cancelled before anything was bought, as {by} asked{given_reason(fact)}."
    unannounced = UNANNOUNCED if fact.data["unannounced"] else ""
    return f"{fact.who} was cancelled {why_cancelled(fact)}; nothing was delivered.{unannounced} {ORDER_AGAIN}it."


def _sub_order_ended(fact: Fact) -> str:
    unannounced = UNANNOUNCED if fact.data["unannounced"] else ""
    state = fact.data["state"]
    return (
        f"{fact.who}: {fact.where} {'was ' if state == 'cancelled' else ''}{state} {why_cancelled(fact)}; "
        f"{count(fact.data['numbers'], 'number')} of it will not be delivered.{unannounced} The rest of the order goes on. {ORDER_AGAIN}"
        "what is lost."
    )


def _deleted(fact: Fact) -> str:
    if all(asset.released_at for asset in fact.order.assets):
        return (
            f"All numbers of {fact.who} were given back, and none of them is billed any more. There is nothing to do."
        )
    return (
        f"All numbers of {fact.who} were deleted from the account. If none of your people did that, ask the provider."
    )


def _still_pending(fact: Fact) -> str:
    status = fact.data["provider_status"]
    since = datetime.fromisoformat(fact.data["pending_since"])
    return (
        f"{fact.who} has been pending at {fact.provider}{f', which calls it {quoted(status)}' if status else ''}, without progress since "
        f"{fact.instant('pending_since')} ({time_left(fact.now - since)}). Up to {time_left(timedelta(seconds=fact.data['usual_seconds']))} "
        f"are usual for numbers of this kind. Ask {fact.provider} what it waits for, or cancel it if you no longer need it. Polling goes on; "
        "this message is sent once while nothing changes."
    )


def _stuck(fact: Fact) -> str:
    return (
        f"{fact.who}: {fact.data['failed_runs']} runs in a row ended by a time-out, a crash or an error, without an outcome. The order is retried "
        "in a quarter of an hour, and then less and less often; until then it is not polled. Look for its order id in the logs of "
        "place_order and sync_order. If the order itself is the cause, cancel it and send a corrected one under a new id."
    )


def _erased(fact: Fact) -> str:
    return (
        f"{fact.who}: its personal data was erased, as {who(fact.data['by'])} asked{given_reason(fact)}. Events and e-mails that went out, dead letters and the "
        "provider's own records still have it."
    )


# Contradictory, unreadable and unstable answers of a provider


def _contradiction(fact: Fact) -> str:
    if fact.data["recorded"] == ALL_OR_NOTHING:
        return (
            f"{fact.who} was asked for all or nothing, and {fact.provider} delivered {fact.data['shown']}. "
            "They are recorded as delivered and are billed; give them back there if they are of no use, and ask the provider why."
        )
    theirs = f"{fact.data['shown']} (its own status: {fact.data['provider_status']})"
    return (
        f"{fact.who} is recorded as {fact.data['recorded']}, but the provider now shows {reason(theirs)}. The record was left as it is; please "
        "check the order at the provider and decide which is right."
    )


def _field(name: str) -> str:
    return paragraph(name, MAX_NAME)


def _unknown_value(fact: Fact) -> str:
    values = fact.data.get("values") or [fact.data["value"]]
    what = f"{joined(map(shown, values), total=fact.data.get('value_count'))} in {_field(fact.data['field'])}"
    return (
        f"{fact.who}: {fact.provider} shows something that numberdesk cannot read: {what}. Polling goes "
        "on; check at the provider what it means, and whether you must act on it."
    )


def _delivery_unread(fact: Fact) -> str:
    unread = (f"{shown(each['value'])} in {_field(each['field'])}" for each in fact.data["unread"])
    return (
        f"{fact.who} has ended at {fact.provider}, but not all that it delivered could be read: "
        f"{joined(unread, total=fact.data['unread_count'])}. "
        f"{fact.data['delivered']} of {fact.data['asked']} are recorded as delivered; it may be more. Do not order again: check the order there "
        "first. It stays open and polling goes on; say through numberdesk's API what was delivered, or wait until it can be read."
    )


def _unstable(fact: Fact) -> str:
    until_calm = "further changes are not reported until its answer stays the same for some hours."
    match fact.data["what"]:
        case "deadline":
            values = (instant(datetime.fromisoformat(value), fact.zone) for value in fact.data["values"])
            return (
                f"{fact.who}: the provider answers with different deadlines of {fact.where} in turn: {joined(values)}. Reminders follow the "
                f"earliest, {fact.instant('deadline')}, and {until_calm} Check there which one is valid."
            )
        case "requirements":
            return (
                f"{fact.who}: the provider answers with different states of {listed(fact.data['requirements'])} for {fact.where} in turn. The "
                f"one that needs most from you is kept, and {until_calm} Check there which one is valid."
            )
        case "sub_order":
            what = f"whether sub order {quoted(fact.data['sub_order_id'])} has ended"
        case "delivery":
            what = "what it delivered"
        case "outcome":
            what = "its result"
        case _:
            what = "its state"
    return (
        f"{fact.who}: the provider answers differently in turn about {what}: {listed(fact.data['values'])}. F{until_calm[1:]} "
        "Check the order there."
    )


SENTENCES: dict[ChangeKind, Callable[[Fact], str]] = {
    ChangeKind.ORDER_PLACED: _placed,
    ChangeKind.ORDER_HELD: _held,
    ChangeKind.ORDER_UNKNOWN: _unknown,
    ChangeKind.DUPLICATE_PURCHASE_FOUND: _duplicate_found,
    ChangeKind.ORDER_COMPLETED: _completed,
    ChangeKind.ORDER_PARTIALLY_COMPLETED: _partially_completed,
    ChangeKind.ORDER_FAILED: _failed,
    ChangeKind.ORDER_CANCELLED: _cancelled,
    ChangeKind.SUB_ORDER_ENDED: _sub_order_ended,
    ChangeKind.ORDER_DELETED: _deleted,
    ChangeKind.ORDER_STILL_PENDING: _still_pending,
    ChangeKind.ORDER_STUCK: _stuck,
    ChangeKind.PERSONAL_DATA_ERASED: _erased,
    ChangeKind.PROVIDER_CONTRADICTION: _contradiction,
    ChangeKind.UNKNOWN_PROVIDER_VALUE: _unknown_value,
    ChangeKind.DELIVERY_UNREAD: _delivery_unread,
    ChangeKind.VALUE_UNSTABLE: _unstable,
}
