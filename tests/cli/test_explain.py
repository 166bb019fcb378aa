"""An explanation offers what the desk takes, and nothing else."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from docs import explained
from numberdesk.api.models.orders import OrderView
from numberdesk.api.models.today import VettingTimesView
from numberdesk.domain import lists
from numberdesk.services.problems import Problem, ProblemError
from numberdesk_cli.commands.orders import lines_of
from numberdesk_cli.explain import ATTENTION, ENOUGH, explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numberdesk_cli.explanation import ActName
    from tests.support.desks import ADesk

BY = explained.ALICE
ACTS: dict[ActName, Callable[[ADesk], object]] = {
    "approve": lambda desk: desk.commands.approve("order-1", BY),
    "reject": lambda desk: desk.commands.reject("order-1", "too dear", BY),
    "resolve": lambda desk: desk.commands.resolve_not_placed("order-1", BY, place_again=False),
    "comment": lambda desk: desk.commands.comment("order-1", "Please look again.", BY),
    "extend": lambda desk: desk.commands.extend("order-1", BY),
    "acknowledge": lambda desk: desk.commands.acknowledge("order-1", desk.time + timedelta(hours=1), BY),
    "sync": lambda desk: desk.commands.sync("order-1", BY),
    "cancel": lambda desk: desk.commands.cancel("order-1", BY),
    "erase": lambda desk: desk.commands.erase("order-1", BY),
    "release": lambda desk: desk.commands.release_number("order-1", "+4930111", BY),
}
TITLES = [title for title, _ in explained.desks()]


def desk_of(title: str) -> ADesk:
    """Return a fresh desk with the order of an example."""
    return dict(explained.desks())[title]


@pytest.mark.parametrize("title", TITLES)
def test_every_offered_act_is_taken(title: str) -> None:
    desk = desk_of(title)
    offered = {act.name for act in explain(OrderView.of(desk.order), desk.time).acts}
    for name in offered & ACTS.keys():
        ACTS[name](desk_of(title))


@pytest.mark.parametrize("title", TITLES)
def test_act_that_is_not_offered_is_refused(title: str) -> None:
    desk = desk_of(title)
    offered = {act.name for act in explain(OrderView.of(desk.order), desk.time).acts}
    # Polling an order that has ended, or acknowledging one without a deadline, is harmless and seldom of use.
    for name in ACTS.keys() - offered - {"sync", "acknowledge"}:
        with pytest.raises(ProblemError) as refused:
            ACTS[name](desk_of(title))
        assert refused.value.problem is not Problem.CHANGED_MEANWHILE


@pytest.mark.parametrize("title", TITLES)
def test_explanation_is_sentences_about_the_future_and_commands_that_exist(title: str) -> None:
    desk = desk_of(title)
    story = explain(OrderView.of(desk.order), desk.time)
    for sentence in (
        story.headline,
        *story.reasons,
        *(each.what for each in story.next),
        *(act.effect for act in story.acts),
    ):
        assert sentence[0].isupper() or sentence[0].isdecimal() or sentence.startswith("numberdesk"), sentence
        assert sentence[-1] == ".", sentence
    assert all(each.at > desk.time for each in story.next)
    assert [each.at for each in story.next] == sorted(each.at for each in story.next)
    assert len(list(lines_of(OrderView.of(desk.order), desk.time))) < 40


def times(delivered: int = ENOUGH, country: str = "DE", provider: str = "telnyx") -> VettingTimesView:
    return VettingTimesView(
        provider=provider,
        country=country,
        number_type="local",
        ended=delivered,
        delivered=delivered,
        mean_seconds=3600,
        median_seconds=2 * 86_400,
        p90_seconds=6 * 86_400,
    )


@pytest.mark.parametrize("title", TITLES)
def test_usual_time_is_told_while_the_provider_vets_such_numbers(title: str) -> None:
    desk = desk_of(title)
    order = OrderView.of(desk.order)
    usual = "Telnyx usually takes about 2 days to vet DE local numbers, and about 6 days in one case of ten (5 orders lately)."
    told = explain(order, desk.time, vetting=[times(), times(country="FR"), times(provider="telesign")]).reasons
    is_vetted = title in VETTED
    assert [reason for reason in told if "usually" in reason] == [usual] * is_vetted
    assert explain(order, desk.time, vetting=[times(ENOUGH - 1)]) == explain(order, desk.time)


VETTED = {title for title in TITLES if title.startswith("Action required: a value") or title == "Pending: under review"}


def test_every_reason_for_attention_has_a_sentence() -> None:

    source = inspect.getsource(lists.attention)
    assert {reason for reason in ATTENTION if f'"{reason}"' in source} == ATTENTION.keys()
    assert source.count('": ') == len(ATTENTION)
