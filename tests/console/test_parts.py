"""What the pages are made of: masking, CSV, charts, words and saved views. Pure, but for one file."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from numberdesk.api.models.today import VettingTimesView
from numberdesk.domain.change import Change
from numberdesk.domain.statuses import ChangeKind, OrderState
from numberdesk_cli.console import charts, csv_files, masking, saved, words
from numberdesk_cli.errors import DeskError, UsageError
from tests.support.browser import chromium
from tests.support.builders import entries, message, received

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


MOVED = {"extended": False, "asked_for": False, "unannounced": False}


# Masking


@pytest.mark.parametrize(
    "field",
    ["name", "business_name", "firstName", "EndUserAddress", "email", "contact", "field_value", "api_key", "signature"],
)
def test_field_that_may_hold_something_personal_is_hidden(field: str) -> None:
    assert json.loads(masking.masked_json({field: "Erika Mustermann", "status": "pending"})) == {
        field: "[hidden]",
        "status": "pending",
    }


@pytest.mark.parametrize("field", ["phone_number", "phone_numbers_count", "event_type", "id", "country_code", "status"])
def test_field_that_people_need_stays(field: str) -> None:
    assert json.loads(masking.masked_json({"data": [{field: "+4930901820"}]})) == {"data": [{field: "+4930901820"}]}


@pytest.mark.parametrize(
    ("text", "hidden", "kept"),
    [
        ('{"contact": {"email": "e@example.com"}, "order_id": "a"}', "e@example.com", '"order_id": "a"'),
        ("status=done&first_name=Erika&x=1", "Erika", "status=done"),
        ("<a><Status>done</Status><Name>Erika</Name></a>", "Erika", "<Status>done</Status>"),
        ("written to erika@example.com today", "erika@example.com", "written to"),
        ("[" * 100_000, "x", "["),
    ],
    ids=["json", "form", "xml", "prose", "nested too deep"],
)
def test_text_of_every_form_is_masked(text: str, hidden: str, kept: str) -> None:
    shown = masking.masked_text(text)
    assert hidden not in shown
    assert kept in shown


@pytest.mark.parametrize("piece", ["a", "<a", "a@", "a=", "&a", "<a>", "é "])
def test_megabytes_of_anything_are_masked_in_time_that_grows_with_them(piece: str) -> None:
    began = time.monotonic()
    shown = masking.masked_text(piece * (2_000_000 // len(piece)))
    assert time.monotonic() - began < 10
    assert len(shown) < masking.MAX_SHOWN + 20


def test_empty_values_and_switches_stay_so_that_one_sees_what_is_missing() -> None:
    document: dict[str, JsonValue] = {"name": None, "address": "", "documents": [], "contact": False}
    assert masking.masked(document) == document


# CSV


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cell_that_a_spreadsheet_would_compute_is_defused(start: str) -> None:
    written = csv_files.table(("a", "b"), [(f'{start}HYPERLINK("https://evil.example.com")', "plain")])
    [row] = list(csv.DictReader(io.StringIO(written, newline="")))
    assert row == {"a": f'\'{start}HYPERLINK("https://evil.example.com")', "b": "plain"}


def test_cells_without_a_value_are_empty() -> None:
    assert csv_files.table(("a", "b"), [(None, 1)]) == "a,b\r\n,1\r\n"


# Charts


def test_times_of_vetting_are_drawn_to_one_scale() -> None:
    def times(country: str, delivered: int, half: int | None, most: int | None) -> VettingTimesView:
        return VettingTimesView(
            provider="telnyx",
            country=country,
            number_type="toll_free",
            ended=delivered,
            delivered=delivered,
            mean_seconds=half,
            median_seconds=half,
            p90_seconds=most,
        )

    drawn = charts.by_time([times("DE", 3, 3600, 36_000), times("FR", 9, 7200, 72_000), times("BE", 0, None, None)])
    shown = [(each.label, each.count, each.at, each.half_length, each.most_length) for each in drawn]
    assert shown == [("Telnyx FR toll free", 9, 0, 10.0, 100.0), ("Telnyx DE toll free", 3, 1, 5.0, 50.0)]
    assert len(charts.by_time([times("DE", 3, 60, 60)] * 20)) == 12


def test_deadlines_are_counted_by_day_from_today_on() -> None:
    bars = charts.by_day([NOW, NOW + timedelta(hours=1), NOW + timedelta(days=29), NOW + timedelta(days=30)], NOW)
    assert (len(bars), bars[0].label, bars[-1].label) == (30, "2026-11-22", "2026-12-21")
    assert [bar.value for bar in bars if bar.value] == [2, 1]
    assert (bars[0].length, bars[-1].length) == (100, 50)
    assert {bar.length for bar in charts.by_day([], NOW)} == {0}


@pytest.mark.parametrize(
    ("left", "length", "tone"),
    [
        (timedelta(days=-1), 0, "bad"),
        (timedelta(hours=23), 3.2, "bad"),
        (timedelta(days=3), 10, "warn"),
        (timedelta(days=15), 50, "calm"),
        (timedelta(days=90), 100, "calm"),
    ],
)
def test_bar_of_the_time_left_is_full_at_thirty_days(left: timedelta, length: float, tone: str) -> None:
    assert charts.time_bar(NOW + left, NOW) == length
    assert words.urgency(NOW + left, NOW) == tone


def test_history_of_a_deadline_has_a_step_for_each_value_and_ends_when_it_is_erased() -> None:
    order, _ = received(message())
    data = {"deadline_id": "d", "deadline_version": 1, "sub_order_id": "s-1", "numbers": 1}
    first, second = "2026-12-01T00:00:00.000000Z", "2026-12-08T00:00:00.000000Z"
    ledger = [
        *entries(order, Change.of(ChangeKind.DEADLINE_SET, {**data, "deadline": first}), now=NOW),
        *entries(
            order,
            Change.of(
                ChangeKind.DEADLINE_MOVED,
                {**data, "deadline": second, "was": first, **MOVED},
            ),
            now=NOW + timedelta(days=1),
        ),
        *entries(
            order,
            Change.of(ChangeKind.DEADLINE_ERASED, {**data, "deadline": second, "reason": "over"}),
            now=NOW + timedelta(days=2),
        ),
    ]
    [history] = charts.deadline_histories(ledger, NOW + timedelta(days=4))
    assert [(step.what, step.x, step.until) for step in history.steps] == [
        ("set", 0, 25),
        ("moved", 25, 50),
        ("erased", 50, 100),
    ]
    # The later value is higher, and the erased one has none.
    assert history.steps[1].y < history.steps[0].y
    assert history.steps[2].value is None
    assert charts.deadline_histories([], NOW) == []


# Words


def test_totals_are_by_currency_and_skip_what_is_no_amount() -> None:
    added = words.totals([("1.10", "USD"), ("2", "USD"), ("3.00", "EUR"), (None, "USD"), ("1", None), ("?", "USD")])
    assert words.money(added) == "3.00 EUR, 3.10 USD"


def test_kinds_states_and_actors_are_written_in_words() -> None:
    assert words.words_of_kind(ChangeKind.PROVIDER_ACCOUNT_BLOCKED) == "Provider account blocked"
    assert words.plain(OrderState.ACTION_REQUIRED) == "action required"
    assert words.who("sync_order") == "numberdesk (following)"
    assert words.who("arn:aws:iam::123456789012:user/alice") == "alice"
    assert words.relative(NOW + timedelta(days=1), NOW) == "in 1 day"
    assert words.relative(NOW - timedelta(hours=2), NOW) == "2 hours ago"


# The browser of the tests


def test_chromium_is_the_one_that_is_named_or_one_at_a_usual_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = tmp_path / "chromium"
    usual.write_text("")
    usual.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NUMBERDESK_CHROMIUM", raising=False)
    assert chromium() == str(usual)
    monkeypatch.setenv("NUMBERDESK_CHROMIUM", str(tmp_path / "none"))
    assert chromium() is None
    monkeypatch.delenv("NUMBERDESK_CHROMIUM")
    monkeypatch.setenv("PATH", "")
    assert chromium() is None


# Saved views


def test_views_are_written_whole_and_read_back(tmp_path: Path) -> None:
    views = saved.SavedViews(tmp_path / "numberdesk" / "views.json")
    assert views.read() == {}
    views.save("Mine", "state=pending")
    views.save("Mine", "open=true")
    assert views.read() == {"Mine": "open=true"}
    assert [each.name for each in (tmp_path / "numberdesk").iterdir()] == ["views.json"]
    assert (tmp_path / "numberdesk" / "views.json").stat().st_mode & 0o077 == 0
    views.delete("Mine")
    views.delete("Mine")
    assert views.read() == {}


def test_name_or_number_of_views_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    views = saved.SavedViews(tmp_path / "views.json")
    for name in ("", "x" * 61):
        with pytest.raises(UsageError, match="1 to 60 characters"):
            views.save(name, "open=true")
    for number in range(50):
        views.save(str(number), "open=true")
    with pytest.raises(UsageError, match="50 views"):
        views.save("another", "open=true")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_file_that_holds_no_views_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "views.json"
    path.write_text(content)
    with pytest.raises(DeskError, match="does not hold saved views"):
        saved.SavedViews(path).save("Mine", "open=true")
    assert path.read_text() == content


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeskError):
        saved.SavedViews(tmp_path / "file" / "views.json").save("Mine", "open=true")


def test_views_are_kept_in_the_users_folder_for_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert saved.default_path() == tmp_path / "numberdesk" / "views.json"
