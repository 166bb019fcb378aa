"""Every story, each by itself, in one process (see `stage`). The local run plays them side by side on a deployed stack."""

import pytest

from local import report
from local.play import Play, Story
from local.stories import STORIES
from tests.stories.stage import moto_stage


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.number:02}-{story.tell.__name__}")
def test_story(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    told = Story(story.number, story.title, story.tell)
    with moto_stage() as stage:
        play = Play(stage, [told], print)
        play.run()
        report.settle(play)
        wrong = {order.order_id: report.faults_of_order(order) for order in play.orders}
        print(report.table(play, wrong))
        assert told.passed, told.why_not
        assert {order_id: faults for order_id, faults in wrong.items() if faults} == {}
        assert report.faults_of_run(play) == []
