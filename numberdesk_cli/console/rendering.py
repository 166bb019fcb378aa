"""The templates' environment. Everything is escaped; a name that is missing is an error."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from numberdesk.domain import wording
from numberdesk_cli.console import charts, masking, values, words
from numberdesk_cli.console.pages.placing import seen_of

FOLDER = Path(__file__).parent
_NAVIGATION = (
    ("/", "Today"),
    ("/orders", "Orders"),
    ("/numbers", "Numbers"),
    ("/profiles", "Profiles"),
    ("/activity", "Activity"),
    ("/dead-letters", "Dead letters"),
    ("/providers", "Providers"),
    ("/placing", "Placing"),
)


def environment() -> Environment:
    """Make the environment."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        instant=words.instant,
        relative=words.relative,
        duration=wording.time_left,
        urgency=words.urgency,
        plain=words.plain,
        tone=words.tone,
        reasons=words.reasons,
        who=words.who,
        kind_words=words.words_of_kind,
        deed=words.deed,
        provider_name=words.provider,
        in_path=words.in_path,
        sub_order_name=words.sub_order_name,
        money=words.money,
        masked=masking.masked_json,
        masked_text=masking.masked_text,
        time_bar=charts.time_bar,
    )
    made.globals.update(
        navigation=_NAVIGATION,
        is_over=words.is_over,
        waiting_words=words.WAITING,
        queue_words=words.QUEUES,
        share_of=charts.share_of,
        address_fields=values.ADDRESS_FIELDS,
        has_address=values.has_address,
        row_kind=values.row_kind,
        row_values=values.row_values,
        seen_of_switch=seen_of,
    )
    return made
