"""Every story separately, in one process (see `stage`). The local run plays them side by side on a deployed stack."""

import pytest

from local import report
from local.__main__ import numbered
from local.play import Play, Story
from local.stories import STORIES, field
from tests.stories.stage import moto_stage

# `make stories LIVE=off` plays all of them with simulators that answer only as documented.
DOCUMENTED = [story for story in STORIES if story.tell.__module__ == field.__name__]
PLAYED = [*((story, True) for story in STORIES), *((story, False) for story in DOCUMENTED)]


@pytest.mark.parametrize(
    ("story", "live"),
    PLAYED,
    ids=[f"{it.number:02}-{it.tell.__name__}-{'live' if live else 'documented'}" for it, live in PLAYED],
)
def test_story(story: Story, *, live: bool) -> None:
    told = Story(story.number, story.title, story.tell)
    with moto_stage(live=live) as stage:
        said: list[str] = []
        play = Play(stage, [told], said.append)
        play.run()
        report.settle(play)
        wrong = {order.order_id: report.faults_of_order(order) for order in play.orders}
        assert told.passed, "\n".join([*said, report.table(play, wrong)])
        assert {order_id: faults for order_id, faults in wrong.items() if faults} == {}
        assert report.faults_of_run(play) == []


def test_stories_are_chosen_by_their_numbers() -> None:
    assert [story.number for story in numbered(["34", "33"])] == [34, 33]
    assert [story.number for story in numbered([])] == list(range(1, len(STORIES) + 1))
    with pytest.raises(ValueError, match="no story 0, 99"):
        numbered(["99", "1", "0"])
