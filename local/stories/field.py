"""Stories of live systems' behaviour beyond their documentation."""

from typing import cast

from local.play import Play, Steps, expect
from local.stories.telling import story, until_notified


@story(
    31,
    "Stock runs out in the middle of an order: of three numbers by name one is unavailable, another is sold between search and purchase"
    " together with one chosen by criteria, and a third item has no stock at all. Numbers are chosen again, those available are bought "
    "once, and people are notified of the shortfall.",
)
def stock_runs_out(play: Play) -> Steps:
    order = play.order("31-partly-in-stock", ends="partially_completed")
    nothing = play.order("31-nothing-left", ends="failed", purchases=0)
    there, goes, never = order.message["items"][0]["numbers"]
    stock = [there, goes, *(f"+64930013{index:02}" for index in range(12))]
    local = [{"phone_number": one, "country_code": "NZ", "phone_number_type": "local"} for one in stock]
    play.ask("telnyx", "add_inventory", numbers=local)
    play.ask("telnyx", "snatch", reference=order.reference, numbers=[goes], others=1)
    for each in (order, nothing):
        each.send()

    yield from nothing.until("failed")
    yield from until_notified(nothing, "OrderFailed")
    [told] = nothing.notified("OrderFailed")
    expect("none of the numbers is available" in told, f"why it failed is not in: {told}")

    yield from order.until("partially_completed")
    [again] = order.entries("PlacingAbandoned")
    expect(again.data["reason"] == "numbers_unavailable", f"a new choice was made because of {again.data}")
    [sale] = [one for one in play.ask("telnyx", "sales") if one["reference"] == order.reference]
    chosen = set(sale["numbers"]) - {there}
    expect(there in sale["numbers"] and len(chosen) == 3 and chosen <= set(stock[2:]), f"bought: {sale['numbers']}")
    first, second = (set(cast("list[str]", entry.data["chosen"])) for entry in order.entries("PlacingBegun"))
    expect(second == set(sale["numbers"]), f"chosen the second time: {second}")
    expect(first & second == {there}, f"chosen again although they were unavailable: {first & second}")
    yield from until_notified(order, "OrderPartiallyCompleted")
    [told] = order.notified("OrderPartiallyCompleted")
    expect(goes in told and never in told and there not in told, f"the shortfall is not in: {told}")
    expect("2 mobile numbers in NZ" in told, f"the item without stock is not in: {told}")
