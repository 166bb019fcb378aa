"""The local run: the deployed template on a local AWS, simulated providers, and the stories.

run                 deploy, play the twelve stories, print how every order ended, stop everything
stories [NUMBER...] the same with all stories, or with the stories of these numbers
up                  deploy and leave everything running
down                stop everything that `up` left running
url                 print the URL of the running stack's API
sign FILE           print the headers that make the file's bytes a genuine Telnyx webhook, for curl -H @-
"""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from local import report
from local.deployed import SWEEP, DeployedStage
from local.environment import CREDENTIALS, HOME, REGION, ROOT, LocalStack
from local.keys import Keys
from local.play import Play, Story
from local.simulator_process import BUILT_IN, Simulators
from local.stage import PermissionMissingError
from local.stories import STORIES, TWELVE
from local.world import TIMINGS, World
from numberdesk.providers import registry

MAILBOX = "mailbox"
SAMPLE_WEBHOOK = registry.samples("telnyx")["number_order.complete"].relative_to(ROOT)
BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds gone by."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def run(
    home: Path = HOME,
    template: Path = ROOT / "template.yaml",
    stories: Sequence[Story] = TWELVE,
    report_name: str = "run.json",
    ready: Callable[[], object] = lambda: None,
) -> int:
    """Play stories on a new stack and return the exit status. `ready` is called before the first story."""
    with World(home, template, say) as world:
        say(f"times are shortened: {json.dumps(TIMINGS)}")
        say(f"wake_orders runs every {SWEEP:.0f} s here, on AWS every minute")
        stage = DeployedStage(world)
        play = Play(stage, stories, say)
        ready()
        try:
            play.run()
            report.settle(play)
            stage.check_permissions()
        except PermissionMissingError as fault:
            say(f"FAILED, a permission is missing: {fault}")
            return 1
        return 0 if conclude(play, home, report_name) else 1


def conclude(play: Play, home: Path, report_name: str) -> bool:
    """Check every order and the run against the stories, print and write the report; return whether everything passed."""
    by_order = {order.order_id: report.faults_of_order(order) for order in play.orders}
    beside = report.faults_of_run(play)
    report.write(play, home / report_name)
    print(f"\n{report.table(play, by_order)}\n")
    for story in play.stories:
        print(f"story {story.number:2} {'passed' if story.passed else 'FAILED'}  {story.why_not or story.title}")
    wrong = [f"{order_id}: {fault}" for order_id, faults in by_order.items() for fault in faults] + beside
    for fault in wrong:
        print(f"WRONG: {fault}")
    passed = not wrong and all(story.passed for story in play.stories)
    say(f"written: {home / report_name}")
    if passed:
        say("all stories passed")
    else:
        say(f"FAILED; logs: {home}/emulator.log (functions included), {home}/simulators.log, {home}/sam-*.log")
    return passed


def numbered(numbers: Sequence[str]) -> list[Story]:
    """Return the stories of these numbers, or all.

    Raises:
        ValueError: no story has one of the numbers.
    """
    known = {str(story.number): story for story in STORIES}
    if unknown := sorted(set(numbers) - known.keys()):
        raise ValueError(f"there is no story {', '.join(unknown)}; there are 1 to {len(known)}")
    return [known[number] for number in numbers] or STORIES


def up() -> int:
    """Start everything, print how to use it, and leave it running."""
    world = World(say=say)
    try:
        world.start()
    except BaseException:
        world.stop()
        raise
    subscribe_somebody(world)
    world.detach()
    print(how_to_talk(world))
    return 0


def subscribe_somebody(world: World) -> None:
    """Subscribe a queue to the messages to people, in place of somebody's mailbox."""
    sqs = world.stack.client("sqs")
    url = sqs.create_queue(QueueName=MAILBOX)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = world.stack.outputs["NotificationTopicArn"]
    world.stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)


def how_to_talk(world: World) -> str:
    """Describe the running stack, with commands to copy."""
    outputs, python = world.stack.outputs, ".venv/bin/python -m local"
    exports = CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": world.stack.endpoint}
    lines = [
        "",
        "Running, on loopback only:",
        f"  API          {world.stack.api_url}",
        f"  table        {outputs['TableName']}",
        f"  order queue  {outputs['OrderQueueUrl']}",
        f"  sync queue   {outputs['SyncQueueUrl']}",
        f"  event bus    {outputs['EventBusName']}",
        f"  people       {outputs['NotificationTopicArn']}, to the queue {MAILBOX}",
        *(f"  {name:<12} {world.simulators.root(name)}  (controls: POST /_sim/...)" for name in BUILT_IN),
        "",
        "For AWS tools and SDKs (made-up credentials; they work nowhere else):",
        *(f"  export {name}={value}" for name, value in exports.items()),
        "",
        f"Times are shortened: {json.dumps(TIMINGS)}",
        "",
        "Order something, see what it waits for, and check the stack:",
        "  export NUMBERDESK_LOCAL=1",
        "  .venv/bin/numberdesk order submit events/orders/13-answered-by-a-person.json",
        "  .venv/bin/numberdesk explain 13-answered-by-a-person",
        "  .venv/bin/numberdesk doctor",
        "",
        "Send a signed webhook (for an unknown order: it is accepted and kept as unmatched):",
        f"  {python} sign {SAMPLE_WEBHOOK} | curl -i -H @- --data-binary @{SAMPLE_WEBHOOK} {world.telnyx_url}",
        "",
        "Stop it:",
        "  make down",
    ]
    return "\n".join(lines)


def down() -> int:
    """Stop everything that is running, if anything is."""
    stopped = False
    for part in (LocalStack, Simulators):
        with contextlib.suppress(FileNotFoundError):
            part.attach().stop()
            stopped = True
    say("stopped" if stopped else "nothing is running")
    return 0


def url() -> int:
    """Print the API's URL."""
    print(LocalStack.attach().api_url)
    return 0


def sign(name: str) -> int:
    """Print the headers for a body, one per line."""
    for header, value in Keys.load(HOME / "keys.json").sign(Path(name).read_bytes()).items():
        print(f"{header}: {value}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("run", "stories", "up", "down", "url", "sign"))
    parser.add_argument("names", nargs="*", metavar="FILE | NUMBER")
    options = parser.parse_args(arguments)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end)
    commands: dict[str, Callable[[], int]] = {
        "run": run,
        "stories": lambda: run(stories=numbered(options.names), report_name="stories.json"),
        "up": up,
        "down": down,
        "url": url,
        "sign": lambda: sign(options.names[0]),
    }
    try:
        return commands[options.command]()
    except (FileNotFoundError, RuntimeError, ValueError) as fault:
        say(f"FAILED: {fault}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything is stopped")
        return 130


def _end(_number: int, _frame: FrameType | None) -> None:
    # Like Ctrl-C: everything that was started is stopped on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
