"""The bounds that docs/limits.md lists: each with the place of its value in the code, and the tests that hold it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from numberdesk.domain.costs import Limits
from numberdesk.domain.durations import duration_text
from numberdesk.domain.notices import Bounds
from numberdesk.domain.settings import Timings

_SETTINGS: dict[str, Any] = {"Timings": Timings(), "SpendingLimits": Limits(), "MessageBounds": Bounds()}


@dataclass(frozen=True)
class Limit:
    """A bound."""

    what: str
    value: str
    """Text with names in braces, which are read from the code: `{domain.patterns.MAX_PATTERN} characters`."""
    held_by: tuple[str, ...]
    """Tests (`tests/unit/domain/test_patterns.py::test_...`) and targets (`make sizes`)."""

    def text(self) -> str:
        """Return the value, with its names replaced by the values in the code."""
        return "".join(_shown(read(part)) if index % 2 else part for index, part in enumerate(self._parts()))

    def set_in(self) -> list[str]:
        """Return the names that set the value."""
        return list(self._parts()[1::2])

    def _parts(self) -> list[str]:
        return self.value.replace("}", "{").split("{")


def read(name: str) -> Any:
    """Read a constant below `numberdesk`, one of the tests, or the default of a setting."""
    place, _, last = name.rpartition(".")
    if place in _SETTINGS:
        return getattr(_SETTINGS[place], last)
    return getattr(importlib.import_module(place if place.startswith("tests.") else f"numberdesk.{place}"), last)


def _shown(value: Any) -> str:
    match value:
        case timedelta():
            return duration_text(value)
        case tuple():
            return ", ".join(map(_shown, value))
        case int():
            return f"{value:,}"
    return str(value)


def _limit(what: str, value: str, *held_by: str) -> Limit:
    return Limit(what, value, held_by)


_PATTERNS = "tests/unit/domain/test_patterns.py"
_TEXT = "tests/unit/domain/test_text.py"
_HOSTILE = "tests/unit/providers/test_hostile_text.py"
_ROWS = "tests/contract/test_store_rows.py"
_BOUNDS = "tests/unit/domain/test_bounds.py"
_WEBHOOKS = "tests/unit/services/test_notifications.py"
_STEADY = "tests/unit/domain/test_steady.py"
_MAILS = "tests/unit/services/test_bounded_mails.py"
_WAIT = "tests/unit/services/test_operations_wait.py"
_PENDING = "tests/unit/domain/test_pending.py"
_SWEEP = "tests/unit/services/test_sweep.py"
_PATHS = "tests/functional/test_addresses.py"
_APPROVALS = "tests/unit/services/test_approvals.py"

LIMITS: dict[str, tuple[Limit, ...]] = {
    "Text from providers and senders": (
        _limit(
            "A pattern in a provider's acceptance criteria, and the text that is matched against it. A longer pattern, or one that "
            "dialects read differently, is left to the provider and reported under `unread`",
            "{domain.patterns.MAX_PATTERN} and {domain.patterns.MAX_TEXT} characters, {domain.patterns.MAX_POSITIONS} "
            "positions with all repetitions expanded",
            f"{_PATTERNS}::test_pattern_size_is_bounded_with_repetitions_written_out",
            f"{_PATTERNS}::test_any_pattern_and_text_are_matched_quickly",
        ),
        _limit(
            "Any regular expression in the code, on text from outside",
            "linear time in the length of the text",
            f"{_HOSTILE}::test_no_expression_takes_more_than_linear_time",
        ),
        _limit(
            "A name, id or word from outside, in a message",
            "{domain.text.MAX_QUOTE} characters, one line, marked as quoted, no link",
            f"{_TEXT}::test_quotation_is_one_harmless_marked_line_of_bounded_length",
        ),
        _limit(
            "A ledger entry: its message, its data, and the comments reported with it",
            "{domain.ledger.MAX_MESSAGE} bytes, {domain.ledger.MAX_DATA} bytes, {domain.ledger.MAX_COMMENTS} comments",
            f"{_TEXT}::test_largest_entries_events_and_comments_fit",
            f"{_TEXT}::test_entry_fits_its_item_and_its_event_fits_the_bus",
        ),
        _limit(
            "An event, and the comments in it",
            "{messaging.events.MAX_BYTES} and {domain.ledger.MAX_QUOTED} bytes",
            f"{_TEXT}::test_largest_entries_events_and_comments_fit",
        ),
        _limit(
            "Validation issues of one message or call, and the size of each",
            "{domain.issues.MAX_ISSUES} issues of {domain.issues.MAX_BYTES} bytes",
            f"{_TEXT}::test_problem_is_harmless_and_bounded",
            f"{_TEXT}::test_twenty_issues_of_four_hundred_names_each_are_recorded_and_reported",
        ),
        _limit(
            "A provider's error text, and its code",
            "{providers.base._MAX_DETAIL} and {providers.base._MAX_CODE} bytes, one line",
            f"{_TEXT}::test_text_of_a_provider_is_one_harmless_line",
        ),
        _limit(
            "The detail of a problem that the API returns",
            "{services.problems.MAX_DETAIL} bytes",
            f"{_TEXT}::test_problem_is_harmless_and_bounded",
        ),
        _limit(
            "One message to people",
            "{domain.notices.MAX_BYTES} bytes (SNS takes 262,144)",
            f"{_TEXT}::test_mail_is_harmless_and_fits_the_topic",
        ),
    ),
    "Orders and their items": (
        _limit(
            "The row of the largest order, and any other item (DynamoDB takes 400 KB); the metric `LargestRowBytes` has an alarm",
            "{tests.contract.test_store_rows.MAX_OF_A_ROW} and {tests.contract.test_store_rows.MAX_OF_AN_ITEM} bytes",
            f"{_ROWS}::test_largest_order_is_written_read_and_written_again",
            f"{_ROWS}::test_any_order_is_read_as_written",
            f"{_ROWS}::test_size_of_a_large_item_is_measured",
        ),
        _limit(
            "One field of the row; a longer one is stored on pages",
            "{storage.pages.FIELD_BYTES} bytes",
            f"{_ROWS}::test_every_growing_field_can_be_paged",
            f"{_ROWS}::test_small_order_has_pages_only_for_its_numbers",
        ),
        _limit(
            "A transaction (DynamoDB takes 4 MB and 100 writes)",
            "{storage.orders._MAX_BYTES} bytes where it has pages, {storage.orders._MAX_WRITES} writes",
            f"{_ROWS}::test_largest_order_is_written_read_and_written_again",
            f"{_ROWS}::test_payloads_of_people_fit_into_one_transaction",
        ),
        _limit(
            "Numbers, sub orders, requirements, comments of one order",
            "{domain.bounds.MAX_ASSETS}, {domain.bounds.MAX_SUB_ORDERS}, {domain.bounds.MAX_REQUIREMENTS}, "
            "{domain.bounds.MAX_COMMENTS}",
            f"{_BOUNDS}::test_record_stays_within_bounds_for_any_polls",
            f"{_BOUNDS}::test_excess_is_reported_once_and_known_entries_are_followed",
            f"{_BOUNDS}::test_folding_the_largest_order_is_fast",
        ),
        _limit(
            "Different deadlines of one sub order; the latest ones are reported together with the first of them",
            "{domain.bounds.MAX_DEADLINES}",
            f"{_BOUNDS}::test_deadlines_beyond_the_bound_are_reported_with_the_first",
        ),
        _limit(
            "Requirements and features of one number",
            "{domain.bounds.MAX_OF_AN_ASSET}",
            f"{_ROWS}::test_larger_numbers_are_fewer_per_page",
        ),
        _limit(
            "Comments given as the reason of one rejection, and comments updated in one poll because they were read",
            "{domain.bounds.MAX_REASONS}, {domain.bounds.MAX_TURNED}",
            f"{_BOUNDS}::test_rejection_quotes_the_latest_comments_and_the_others_are_sent_separately",
            f"{_BOUNDS}::test_many_comments_marked_read_are_stored_over_several_polls",
        ),
        _limit(
            "Values that people supply in one call",
            "{domain.values.MAX_BYTES_OF_ANSWERS} bytes",
            f"{_ROWS}::test_payloads_of_people_fit_into_one_transaction",
        ),
        _limit(
            "Orders of one list that `GET /status` counts; beyond that it says that there are more",
            "{storage.lists.MAX_COUNTED} of each of {domain.activity.SHARDS} partitions",
            "tests/contract/test_store_lists.py::test_count_of_a_list_is_bounded_and_says_so",
        ),
        _limit(
            "Countries and types of one order whose vetting is counted, and calls to the table for `GET /vetting`",
            "{domain.vetting.MAX_KINDS}, 1 for each provider",
            "tests/unit/domain/test_vetting.py::test_bounded_number_of_kinds_is_counted",
            "tests/functional/test_today.py::test_vetting_of_a_year_takes_a_call_for_each_provider",
        ),
        _limit(
            "Calls to the table for a page of `GET /activity`, and places that it reads to find what one principal did; the rest is on later pages",
            "3 calls, {storage.ledger.MAX_SEARCHED} of each of {domain.activity.SHARDS} partitions",
            "tests/contract/test_store_activity.py::test_page_of_one_caller_among_many_takes_three_calls",
            "tests/contract/test_store_activity.py::test_pages_have_every_deed_once_and_the_newest_first",
        ),
        _limit(
            "A paging token; it is valid for its own list only",
            "2,048 characters",
            f"{_PATHS}::test_token_length_is_bounded",
            f"{_PATHS}::test_token_is_valid_only_for_its_own_list",
        ),
        _limit(
            "The cost of orders of any size, step by step",
            "[sizes.md](sizes.md)",
            "make sizes",
        ),
    ),
    "Webhooks and polls": (
        _limit(
            "Polls of one order that webhooks cause",
            "{Timings.hint_distance} between two; further ones after {Timings.hint_polls} if a webhook says that the order has ended",
            f"{_WEBHOOKS}::test_polls_keep_their_distance_and_the_last_webhook_is_handled",
            f"{_WEBHOOKS}::test_thousand_webhooks_in_a_minute_are_few_polls_and_few_versions",
        ),
        _limit(
            "One webhook, however often it comes",
            "one poll, one version of the order, one copy kept",
            f"{_WEBHOOKS}::test_webhook_repeated_200_times_in_five_minutes_is_one_poll_and_one_version",
            f"{_WEBHOOKS}::test_webhook_without_an_order_is_kept_once",
        ),
        _limit(
            "Notices of one kind about one unstable value; then it is reported as unstable, and held at its safest reading",
            "{domain.steady.MAX_MOVES} in {domain.steady.WINDOW}, and again after {domain.steady.CALM} and "
            "{domain.steady.CALM_READS} polls without a change",
            f"{_STEADY}::test_notices_and_wakes_per_day_are_bounded_for_any_reads",
            f"{_STEADY}::test_any_flapping_is_reported_a_few_times_a_day_and_polled_as_usual",
        ),
        _limit(
            "How often changes restart the cadence of polls",
            "{domain.steady.MAX_RESTARTS} times in {domain.steady.WINDOW}",
            f"{_STEADY}::test_changes_restart_the_cadence_a_bounded_number_of_times_a_day",
        ),
        _limit(
            "Writes of what came of an account's polls and webhooks, for `GET /status`",
            "3 in {services.health.EVERY} for each account: its last webhook, its last answered and its last failed poll",
            "tests/unit/services/test_health.py::test_instants_are_written_once_a_minute_and_every_poll_is_counted",
        ),
        _limit(
            "How late an order's own deadline is reported, in any state",
            "{tests.unit.services.test_own_deadlines.SWEEP}",
            "tests/unit/services/test_own_deadlines.py::test_each_reminder_is_sent_once_and_on_time_on_every_path",
        ),
        _limit("Forged webhooks beside genuine ones", "no genuine one is lost", "make flood"),
        _limit("How soon the alarm of each failure goes off, and recovers", "[ages.md](ages.md)", "make ages"),
    ),
    "Messages to people": (
        _limit(
            "Per hour, about one order, about one account, in all",
            "{MessageBounds.per_order}, {MessageBounds.per_account}, {MessageBounds.per_hour}",
            f"{_MAILS}::test_messages_per_hour_are_bounded_and_every_event_is_sent_or_summarized",
        ),
        _limit(
            "The same for reminders and missed deadlines, which have bounds of their own",
            "{MessageBounds.deadlines_per_order}, {MessageBounds.deadlines_per_account}, {MessageBounds.deadlines_per_hour}",
            f"{_MAILS}::test_reminder_is_delayed_only_by_reminders_of_the_same_order",
            "tests/functional/test_notifying.py::test_excess_reminders_are_summarized_within_five_minutes",
        ),
        _limit(
            "Summaries of events beyond these bounds, and the events in one",
            "one in {domain.notices.SUM_EVERY}, {services.notify.MAX_SUMMED} events",
            f"{_MAILS}::test_messages_per_hour_are_bounded_and_every_event_is_sent_or_summarized",
            "tests/functional/test_notifying.py::test_two_scheduled_runs_at_once_send_one_summary",
        ),
    ),
    "Waiting work": (
        _limit(
            "How long an operation waits until people are notified, and how many of its reasons they hear",
            "{Timings.operation_patience}, {domain.operations.MAX_WAIT_NOTICES}",
            f"{_WAIT}::test_waiting_operation_is_reported_after_the_patience_for_any_reason",
            f"{_WAIT}::test_new_reasons_are_reported_up_to_a_bound",
        ),
        _limit(
            "Tries of an operation whose own calls fail; then it is given up and reported",
            "{domain.operations.MAX_TRIES}",
            f"{_WAIT}::test_failing_operation_is_given_up_and_reported_only_as_that",
        ),
        _limit(
            "The pause between its tries",
            "an hour, and a tenth of the time to the next deadline",
            f"{_WAIT}::test_pauses_are_bounded",
        ),
        _limit(
            "The pause of an order whose account has no secret",
            "{services.attempt._MAX_WITHOUT}",
            "tests/functional/test_accounts.py::test_held_order_continues_automatically_once_the_secret_exists",
        ),
        _limit(
            "How often people hear that a provider keeps an order pending",
            "once, and once after each progress",
            f"{_PENDING}::test_unusually_long_pending_time_is_reported_once",
            f"{_PENDING}::test_flapping_restarts_the_age_no_more_often_than_progress_was_made",
        ),
        _limit(
            "When an erasure is repeated",
            "after {services.erasing.AGAIN}",
            "tests/functional/test_erasing.py::test_data_about_to_be_written_by_a_poll_is_erased_later",
        ),
    ),
    "Backlogs": (
        _limit(
            "Messages on a queue up to which the sweep adds more; deadlines go first, and do not wait for room",
            "{services.wake.MAX_WAITING}",
            f"{_SWEEP}::test_sweep_sends_no_more_wakes_than_the_queue_has_room_for",
            f"{_SWEEP}::test_deadlines_are_sent_before_any_number_of_other_wakes",
        ),
        _limit(
            "Wakes of one order on their way; after a lost wake the next one is sent, later each time",
            "1 in {Timings.wake_patience}, up to {services.wake.MAX_PATIENCE}",
            f"{_SWEEP}::test_each_due_order_gets_one_wake_at_a_time",
        ),
        _limit(
            "How often the sweep tries a row that cannot be read",
            "once in {services.waking.UNREAD_PAUSE}",
            f"{_SWEEP}::test_unreadable_rows_do_not_block_the_sweep",
        ),
        _limit(
            "Runs of one order that end with a time-out, a crash or an error; then people are notified, and the order rests before each further run",
            "{domain.stuck.MAX_FAILED_RUNS}; a rest of {domain.stuck.MIN_REST}, then longer each time, up to {domain.stuck.MAX_REST}",
            f"{_SWEEP}::test_order_whose_runs_die_uses_little_capacity_and_people_are_notified",
            "tests/unit/domain/test_stuck.py::test_rests_double_and_the_order_is_always_retried",
        ),
        _limit(
            "Messages handled for each call at a provider that spaces calls, however many orders wait for their turn",
            "{tests.support.backlog.MAX_MESSAGES}",
            "tests/functional/test_call_slots.py::test_backlog_costs_few_messages_per_call",
            "make backlog",
        ),
    ),
    "Money": (
        _limit(
            "How much more a purchase may cost than a person approved",
            "{SpendingLimits.approval_tolerance_percent} %, or up to the `most` of the approval",
            f"{_APPROVALS}::test_cost_of_a_purchase_never_exceeds_the_limits_or_the_approval",
            f"{_APPROVALS}::test_tolerance_comes_from_the_settings",
        ),
        _limit(
            "Purchases that an order adopts at once, each proven number by number or keyword by keyword",
            "{domain.bounds.MAX_ADOPTED}",
            "tests/unit/providers/test_callfire_adapter.py::"
            "test_proof_requires_every_named_number_and_no_more_than_ordered",
            "tests/functional/test_strangers.py::test_purchase_of_another_system_is_not_adopted_and_ends_no_order_of_ours",
        ),
    ),
}
