"""The commands against the real API on moto: what they print, what they ask, and how they end."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from numberdesk.domain.statuses import OrderState
from numberdesk_cli import app
from numberdesk_cli.errors import Exit
from numberdesk_cli.explain import ENOUGH
from numberdesk_cli.output import Output, shown
from numberdesk_cli.session import Session
from tests.support import aws
from tests.support.api_transport import ApiTransport, client, target
from tests.support.builders import body
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cyclopts import App

    from tests.support.aws import World

GERMAN = {"criteria": {"country": "DE", "city": "Berlin"}, "quantity": 1}


class Command:
    """Runs command lines against a world. `answers` are what a person types."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.transport = ApiTransport(world)
        self.answers: list[str] = []
        self.asked: list[str] = []
        self.out, self.err = "", ""
        monkeypatch.setattr(app, "make_session", self._session)
        self._capture: Callable[[], tuple[str, str]] = lambda: ("", "")

    def _session(self, find: object, out: Output) -> Session:
        out = Output(as_json=out.as_json, stdout=self._stdout, stderr=self._stderr)
        return Session(
            lambda: target(self.world),
            out,
            connect=lambda _: client(self.world, self.transport),
            now=self.world.clock.now,
            asks=self._answer,
            can_ask=lambda: bool(self.answers),
        )

    def _answer(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    def __call__(self, line: str, *more: str, answers: tuple[str, ...] = ()) -> int:
        """Run a command line; `more` are arguments with spaces in them."""
        self._stdout, self._stderr = io.StringIO(), io.StringIO()
        self.answers, self.asked = list(answers), []
        code = app.main([*line.split(), *more])
        self.out, self.err = self._stdout.getvalue(), self._stderr.getvalue()
        return code

    def json(self, line: str, *more: str) -> list[dict[str, Any]]:
        """Run a command with --json, and read what it prints."""
        assert self(f"{line} --json", *more) == Exit.DONE, self.err
        return [json.loads(each) for each in self.out.splitlines()]

    def wrote(self) -> list[tuple[str, str]]:
        """Return the requests that may have changed something."""
        return [(method, path) for method, path in self.transport.requests if method != "GET"]


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command line of a world without orders."""
    return Command(world, monkeypatch)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Return the command line of a world whose order of two numbers is beyond a limit."""
    with aws.world(SpendingLimits='{"numbers_per_order": 1}') as world:
        world.send(body())
        world.settle()
        yield Command(world, monkeypatch)


def vetted(desk: Command, order_id: str = "order-1") -> None:
    """Make a German order wait for its requirements."""
    desk.world.telnyx.configure(vetting_seconds=1)
    desk.world.send(body(order_id, GERMAN))
    desk.world.pass_time(3)


def test_order_is_submitted_shown_listed_and_exported(desk: Command, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text(json.dumps(body()), encoding="utf-8")
    assert desk("order submit", str(file)) == Exit.DONE
    assert "order-1: accepted" in desk.out
    desk.world.pass_time(3)
    assert desk("order submit", str(file)) == Exit.DONE
    assert "order-1 was submitted before. Nothing is ordered again." in desk.err
    assert "It is complete: 2 of 2 delivered." in desk.out
    assert desk("orders list --state completed") == Exit.DONE
    assert "order-1" in desk.out
    assert desk("orders list") == Exit.DONE
    assert "no order matches" in desk.err
    assert desk("orders show order-1") == Exit.DONE
    assert "numberdesk orders erase order-1" in desk.out
    [shown] = desk.json("orders show order-1")
    assert (shown["schema_version"], shown["state"]) == (1, "completed")
    assert [row["order_id"] for row in desk.json("orders list --state completed")] == ["order-1"]
    assert desk.world.bought() == 1


def test_order_file_with_mistakes_is_told_at_the_field(desk: Command, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    for text, said, sent in (
        ("{", "is not JSON (line 1, column 2)", 0),
        ("[]", "is not a JSON object", 0),
        (json.dumps({**body(), "quantty": 1, "provider": "telnxy"}), "quantty: unknown field", 1),
    ):
        file.write_text(text, encoding="utf-8")
        assert desk("order submit", str(file)) == Exit.USAGE
        assert said in desk.err
        assert len(desk.wrote()) == sent
    assert desk("order submit /no/such/file") == Exit.USAGE
    assert "No such file" in desk.err
    assert desk.world.peek("OrderQueue") == []


def test_one_number_and_then_the_order_are_answered(desk: Command) -> None:
    desk.world.telnyx.configure(vetting_seconds=1)
    desk.world.send(body("order-1", {**GERMAN, "quantity": 2}))
    desk.world.pass_time(3)
    number = desk.world.order().assets[0].value
    line = f"requirements supply order-1 --number {number}"
    assert desk(line, "Business Name", "--text", "Example GmbH") == Exit.DONE, desk.err
    desk.world.pass_time(10)
    group_id = desk.world.telnyx.full_group("DE", "local")
    assert desk(f"requirements supply order-1 --group {group_id} --number {number} --sub-order x") == Exit.USAGE
    assert "sub_order_id or number" in desk.err
    assert desk(f"requirements supply order-1 --group {group_id}") == Exit.DONE, desk.err
    assert [(each.number, each.group_id) for each in desk.world.order().operations] == [
        (number, None),
        (None, group_id),
    ]
    desk.world.pass_time(120, steps=4, sweep=True)
    assert desk.world.order().state is OrderState.COMPLETED


def test_wrong_command_line_sends_nothing(desk: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for line, said in (
        ("orders list --stat pending", "--stat"),
        ("orders list --state lost", "lost"),
        ("orders frobnicate", "frobnicate"),
        ("orders cancel", "orders cancel: ORDER-ID is missing"),
        ("numbers list", "numbers list: PROVIDER is missing"),
        ("trigger telnyx", "trigger: EVENT is missing"),
        ("orders list --state", "--state requires an argument"),
        ("acknowledge order-1 --for soon", "is not a duration"),
        ("orders resolve order-1", "exactly one answer"),
        ("requirements supply order-1 name --text a --date 2026-11-30", "exactly one value"),
        ("requirements supply order-1 --text a", "no requirement is named"),
        ("requirements supply order-1 name --group g-1", "--group says itself what is answered"),
        ("replay", "name an order"),
        ("search telnyx --where state", "no criterion"),
        ("orders watch", "no order is named"),
    ):
        assert desk(line) == Exit.USAGE, line
        assert said in desk.err + capsys.readouterr().err, line
    assert desk.transport.requests == []


def test_act_on_money_is_shown_asked_for_and_needs_a_reason(held: Command) -> None:
    assert held("orders approve order-1 --dry-run") == Exit.DONE
    assert "Approve the purchase" in held.err
    assert "Cost: 2 numbers or keywords" in held.err
    assert "Left of today's limits: at most 1 in one order." in held.err
    assert "Nothing was done" in held.err
    assert held("orders approve order-1") == Exit.USAGE
    assert "a reason is needed" in held.err
    assert held("orders approve order-1 --reason", "we need it") == Exit.USAGE
    assert "nobody can be asked" in held.err
    assert held("orders approve order-1", answers=("", "yes")) == Exit.USAGE
    assert held("orders approve order-1", answers=("we need it", "no")) == Exit.REFUSED
    assert held.wrote() == []
    assert held("orders approve order-1", answers=("we need it", "yes")) == Exit.DONE
    held.world.pass_time(3)
    assert held.world.bought() == 1
    approvals = [entry for entry in held.json("orders ledger order-1") if "we need it" in json.dumps(entry)]
    assert approvals


def test_act_that_the_order_does_not_take_is_not_sent(desk: Command) -> None:
    desk.world.send(body())
    desk.world.pass_time(3)
    assert desk("orders approve order-1 --yes --reason", "because") == Exit.REFUSED
    assert "takes no approve now" in desk.err
    assert "numberdesk explain order-1" in desk.err
    assert desk.wrote() == []


def test_somebody_who_is_at_it_is_named_before_a_decision(desk: Command) -> None:
    vetted(desk)
    assert desk("acknowledge order-1 --for 4h") == Exit.DONE
    assert desk("orders cancel order-1 --dry-run") == Exit.DONE
    assert "alice is at it until" in desk.err


def test_activity_shows_who_did_what_and_why(desk: Command) -> None:
    assert desk("activity") == Exit.DONE
    assert "nobody did anything in that month" in desk.err
    vetted(desk)
    assert desk("orders sync order-1 --reason", "Telnyx called.") == Exit.DONE
    desk.world.clock.advance(1)
    assert desk("acknowledge order-1 --for 4h --reason", "Asking sales.") == Exit.DONE
    assert desk("activity") == Exit.DONE
    for said in ("alice", "ReminderAcknowledged", "SyncRequested", "order/order-1", "Telnyx called.", "Asking sales."):
        assert said in desk.out
    reasons = [row["data"]["reason"] for row in desk.json("activity")]
    assert reasons == ["Asking sales.", "Telnyx called."]
    assert [row["kind"] for row in desk.json("activity --limit 1")] == ["ReminderAcknowledged"]
    assert desk.json("activity --month 2026-10") == desk.json("activity --by arn:aws:iam::1:user/eve") == []


def test_status_says_how_many_orders_need_a_person(desk: Command) -> None:
    vetted(desk)
    assert desk("status") == Exit.DONE
    assert "1 needs a person" in desk.out
    vetted(desk, "order-2")
    assert desk("status") == Exit.DONE
    assert "2 need a person" in desk.out


def test_usual_time_of_vetting_is_shown_and_explained(desk: Command) -> None:
    assert desk("vetting") == Exit.DONE
    assert "no vetting ended in the last 3 months" in desk.err
    for number in range(ENOUGH):
        vetted(desk, f"order-{number}")
    desk.world.telnyx.supply("*")
    desk.world.pass_time(120, steps=4, sweep=True)
    assert desk("vetting --months 1") == Exit.DONE
    assert "telnyx DE local" in desk.out
    [row] = desk.json("vetting")
    assert (row["ended"], row["delivered"]) == (ENOUGH, ENOUGH)
    vetted(desk, "another")
    assert desk("explain another") == Exit.DONE
    assert "Telnyx usually takes about" in desk.out
    assert any("usually takes" in reason for reason in desk.json("explain another")[0]["reasons"])
    # What is usual is an extra: without it the rest is told.
    desk.transport.before = lambda request: httpx.Response(404) if request.url.path.endswith("/vetting") else None
    assert desk("explain another") == Exit.DONE
    assert "usually" not in desk.out
    assert desk("vetting") != Exit.DONE


def test_account_is_used_again_with_a_reason(desk: Command) -> None:
    desk.world.send(body())
    desk.world.pass_time(3)
    assert desk("accounts retire telnyx default --yes --reason", "The contract ends.") == Exit.DONE
    desk.world.clock.advance(1)
    assert desk("accounts reinstate telnyx default --yes --reason", "It was extended.") == Exit.DONE
    deeds = [(row["kind"], row["data"]["reason"]) for row in desk.json("activity")]
    assert deeds == [("AccountReinstated", "It was extended."), ("AccountRetired", "The contract ends.")]


def test_order_is_rejected_with_a_reason(held: Command) -> None:
    assert held("orders reject order-1 --yes --reason", "too dear") == Exit.DONE
    assert "It was cancelled before anything was bought." in held.out
    assert any("too dear" in entry["message"] for entry in held.json("orders ledger order-1"))


def test_requirements_are_listed_and_answered(desk: Command, tmp_path: Path) -> None:
    vetted(desk)
    rows = desk.json("requirements list order-1")
    kinds = {row["specification"]["kind"]: row["specification"]["name"] for row in rows if row["specification"]}
    assert desk("needs-attention") == Exit.DONE
    assert "Requirements need a value." in desk.out
    proof = tmp_path / "proof.pdf"
    proof.write_bytes(b"%PDF-1.7 a proof")
    assert desk("requirements supply order-1", kinds["document"], "--file", str(proof)) == Exit.DONE
    assert desk("requirements supply order-1", kinds["text"], "--text", "Example GmbH") == Exit.DONE
    desk.world.pass_time(3)
    assert desk("acknowledge order-1") == Exit.DONE
    assert f"1 requirement needs a value: “{kinds['address']}”." in desk.out
    states = {row["requirement"]["name"]: row["requirement"]["state"] for row in desk.json("requirements list order-1")}
    assert states[kinds["document"]] != "awaiting_value"
    assert states[kinds["text"]] != "awaiting_value"
    (tmp_path / "proof.gif").write_bytes(b"GIF89a")
    assert desk("requirements supply order-1", kinds["document"], "--file", str(tmp_path / "proof.gif")) == Exit.USAGE


def test_deadlines_are_listed_with_the_time_left(desk: Command) -> None:
    vetted(desk)
    assert desk("deadlines --within 90d") == Exit.DONE
    assert "order-1" in desk.out
    assert "days" in desk.out
    assert desk("deadlines --within 1m") == Exit.DONE
    assert "no deadline within 1m" in desk.err


def test_reviewers_are_written_to_and_more_time_is_asked_for(desk: Command) -> None:
    vetted(desk)
    assert desk("comments add order-1", "Please look again.") == Exit.DONE
    assert desk("extend order-1 --text", "Two more weeks, please.") == Exit.DONE
    desk.world.pass_time(3)
    said = [row["body"] for row in desk.json("comments list order-1")]
    assert {"Please look again.", "Two more weeks, please."} <= set(said)


def test_placing_is_closed_and_opened_with_a_reason(desk: Command) -> None:
    assert desk("placing close --yes") == Exit.USAGE
    assert desk("placing close --reason", "stocktaking", "--yes") == Exit.DONE
    desk.world.send(body())
    desk.world.settle()
    assert desk.world.bought() == 0
    assert desk("explain order-1") == Exit.DONE
    assert "for placing to be switched on" in desk.out
    assert desk("placing status") == Exit.DONE
    assert "stocktaking" in desk.out
    assert desk("placing open --yes") == Exit.DONE
    assert "Orders are placed." in desk.out


def test_dead_letters_are_listed_shown_and_put_back(desk: Command) -> None:
    desk.world.send("{ no json")
    desk.world.settle()
    [letter] = desk.json("dead-letters list")
    assert letter["queue"] == "orders"
    assert desk("dead-letters show orders", letter["message_id"]) == Exit.DONE, desk.err
    assert "{ no json" in desk.out
    assert desk("dead-letters redrive orders --dry-run") == Exit.DONE
    assert letter["message_id"] in desk.err
    assert desk("dead-letters redrive orders --yes") == Exit.DONE
    assert "1 put back" in desk.out


def test_numbers_are_searched_listed_and_released(desk: Command) -> None:
    assert desk("search telnyx --country US --city Chicago --limit 3") == Exit.DONE
    assert len(desk.out.splitlines()) == 4
    desk.world.send(body())
    desk.world.pass_time(3)
    [order] = desk.json("orders show order-1")
    number = order["assets"][0]["value"]
    assert desk("numbers list telnyx") == Exit.DONE
    assert number in desk.out
    assert desk("numbers release order-1", number, "--yes", "--reason", "not needed") == Exit.DONE
    desk.world.pass_time(3)
    assert any(entry["kind"] == "NumberReleased" for entry in desk.json("orders ledger order-1"))


def test_profile_is_written_listed_shown_and_deleted(desk: Command, tmp_path: Path) -> None:
    [there] = [row for row in desk.json("requirements of telnyx DE local") if row["kind"] == "text"][:1]
    file = tmp_path / "profile.json"
    answers = [{"requirement": there["id"], "value": {"kind": "text", "text": "Example GmbH"}}]
    file.write_text(json.dumps({"answers": answers, "version": 0}), encoding="utf-8")
    assert desk("profiles put telnyx DE local", str(file)) == Exit.DONE
    assert desk("profiles put telnyx DE local", str(file)) == Exit.REFUSED
    assert "somebody else wrote this profile" in desk.err
    assert desk("profiles list telnyx") == Exit.DONE
    assert "DE" in desk.out
    assert desk("profiles show telnyx DE local") == Exit.DONE
    assert json.loads(desk.out)["answers"] == answers
    assert desk("profiles delete telnyx DE local --yes") == Exit.DONE
    assert desk("profiles show telnyx DE local") == Exit.REFUSED


def test_watch_prints_each_entry_once_and_ends_with_the_order(desk: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.world.send(body())
    monkeypatch.setattr("numberdesk_cli.commands.orders.time.sleep", lambda _: desk.world.pass_time(3))
    assert desk("orders watch order-1 --json") == Exit.DONE
    entries = [json.loads(line) for line in desk.out.splitlines()]
    assert [entry["kind"] for entry in entries].count("OrderCompleted") == 1
    assert len({entry["position"] for entry in entries}) == len(entries)
    assert desk("orders watch order-1 --json --after", entries[1]["position"]) == Exit.DONE
    assert [json.loads(line) for line in desk.out.splitlines()] == entries[2:]
    vetted(desk, "order-2")
    assert desk("orders cancel order-2 --yes --reason", "The office is not opened.") == Exit.DONE
    assert desk("orders watch order-1 order-2") == Exit.UNFINISHED
    assert "  order-1  OrderReceived  asked: 2; request hash: " in desk.out
    assert "{" not in desk.out


def test_export_never_writes_a_cell_that_a_spreadsheet_runs(desk: Command, capsys: pytest.CaptureFixture[str]) -> None:
    desk.world.send(body())
    desk.world.pass_time(3)
    assert desk("export --state completed --numbers") == Exit.DONE
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    value = rows[0].index("value")
    assert [row[value][:2] for row in rows[1:]] == ["'+", "'+"]
    assert desk("export --state completed --numbers --format jsonl") == Exit.DONE
    assert [json.loads(line)["value"][0] for line in capsys.readouterr().out.splitlines()] == ["+", "+"]


def test_lost_answer_ends_with_a_code_of_its_own_and_is_not_repeated(held: Command) -> None:
    def fail(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            raise httpx.ReadTimeout("slow", request=request)
        return None

    held.transport.before = fail
    assert held("orders approve order-1 --yes --reason", "we need it") == Exit.OUTCOME_UNKNOWN
    assert "Do not repeat" in held.err
    assert len(held.wrote()) == 1


def test_stack_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBERDESK_HOME", str(tmp_path))
    assert app.main(["orders", "list", "--local"]) == Exit.USAGE
    assert "no local stack runs here" in (said := capsys.readouterr().err)
    assert "make up" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("text", ["\x1b[2Jcleared", "\u202egnp.exe", "a\x07b", "\x9b31m"])
def test_text_of_others_never_steers_the_terminal(text: str) -> None:
    assert shown(text).isprintable()


def test_every_command_has_a_help_text() -> None:
    def commands(of: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name in of:
            if not name.startswith("-"):
                yield (*path, name), of[name]
                if not of[name].default_command:
                    yield from commands(of[name], (*path, name))

    found = dict(commands(app.app))
    assert len(found) > 40
    assert [path for path, command in found.items() if not command.help] == []


def shown_in_the_docs() -> list[str]:
    """Return the command lines of docs/cli.md, without those that are patterns."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    numberdesk ")]
    a_pattern = re.compile(r"\.\.\.|(?<![\w-])(?!DE|US)[A-Z]{2,}(?!\w)")
    return [line.removeprefix("numberdesk ") for line in lines if not a_pattern.search(line)]


def test_documented_session_works_line_by_line(desk: Command, capsys: pytest.CaptureFixture[str]) -> None:
    desk.world.telnyx.configure(vetting_seconds=1)
    lines = shown_in_the_docs()
    assert len(lines) > 35
    for line in lines:
        if line.startswith("console"):
            continue  # it serves until it is ended: tests/console
        code = desk("", *shlex.split(line))
        # Something always needs a person here: nobody is subscribed.
        assert code == (Exit.UNFINISHED if line == "doctor" else Exit.DONE), f"{line}: {desk.err}"
        desk.world.pass_time(3)
    assert desk.world.order("13-answered-by-a-person").state.value == "cancelled"
    assert capsys.readouterr().out


def test_exit_codes_are_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == [code.value for code in Exit]


def commands(of: App, *names: str) -> Iterator[tuple[str, App]]:
    """Return the commands of an app, with their whole names, those below them included."""
    for name in of:
        if not name.startswith("-"):
            below = of[name]
            yield " ".join((*names, name)), below
            yield from commands(below, *names, name)


def test_every_command_and_each_of_its_options_says_what_it_is_for() -> None:
    silent = []
    for name, command in commands(app.app):
        if not command.help.strip().endswith((".", "}")):
            silent.append(f"{name}: {command.help}")
        if command.default_command is not None:
            options = command.assemble_argument_collection(parse_docstring=True)
            silent += [f"{name} {each.name}" for each in options if each.parse and not each.parameter.help]
    assert silent == []
