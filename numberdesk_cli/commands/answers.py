"""Work on an order that is being vetted: requirements, documents, comments, more time."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from numberdesk_cli.commands.orders import duration, read_json_file
from numberdesk_cli.errors import Exit, UsageError
from numberdesk_cli.session import Account, Country, Desk, Flag, NumberType, OrderId, Provider, Reason, SubOrder, Text

if TYPE_CHECKING:
    from numberdesk_cli.session import Session

requirements = App(name="requirements", help="Show what orders require, and answer it.")
comments = App(name="comments", help="Read the comments of an order's reviewers, and reply.")

CONTENT_TYPES = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
"""What is taken, by the end of a file's name. The file's content decides."""
_NAMES_THEM_ITSELF = ("group", "values")


def register(app: App) -> None:
    """Add the commands."""
    app.command(requirements)
    app.command(comments)
    app.command(extend)
    app.command(acknowledge)


@requirements.command(name="list")
def list_(order_id: OrderId, *, desk: Desk) -> int:
    """List an order's requirements, each with its state."""
    rows = [
        {"sub_order_id": there.sub_order_id, "own": there.own, **each.model_dump(mode="json")}
        for there in desk.client.order_requirements(order_id)
        for each in there.requirements
    ]

    def of(row: dict[str, Any], *names: str) -> Any:
        parts = (row["requirement"] or {}), (row["specification"] or {})
        return next((part[name] for part in parts for name in names if part.get(name)), None)

    desk.out.items(
        rows,
        [
            ("REQUIREMENT", lambda row: of(row, "name", "label")),
            ("ID", lambda row: of(row, "id")),
            ("KIND", lambda row: of(row, "kind")),
            ("STATE", lambda row: (row["requirement"] or {}).get("state") or "not asked for yet"),
            ("SUB ORDER", lambda row: row["sub_order_id"]),
            ("WHAT IT IS", lambda row: (row["specification"] or {}).get("description")),
        ],
        none="the order has no requirements",
    )
    return Exit.DONE


@requirements.command
def of(
    provider: Provider, country: Country, number_type: NumberType, *, account: Account = "default", desk: Desk
) -> int:
    """List what numbers of a country and type require, before you buy them."""
    found = desk.client.requirements(provider, country=country, number_type=number_type, account=account)
    desk.out.items(
        found,
        [
            ("REQUIREMENT", lambda it: it.name),
            ("ID", lambda it: it.id),
            ("KIND", lambda it: it.kind),
            ("WHAT IT IS", lambda it: it.description),
            ("EXAMPLE", lambda it: it.example),
        ],
        none="they require nothing",
    )
    return Exit.DONE


@requirements.command
def supply(
    order_id: OrderId,
    requirement: str | None = None,
    *,
    text: Text | None = None,
    day: Annotated[date | None, Parameter(name="--date")] = None,
    file: Path | None = None,
    address: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help="The value, as a JSON file with an address, or - for standard input."
        ),
    ] = None,
    address_id: str | None = None,
    document_id: str | None = None,
    group: str | None = None,
    done: Flag = False,
    values: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help='Several values, as a JSON file {"values": [...]}, or - for standard input.'
        ),
    ] = None,
    sub_order: SubOrder = None,
    number: str | None = None,
    resubmit: Flag = False,
    desk: Desk,
) -> int:
    """Supply a value for a requirement. It is checked at once, and submitted to the provider within seconds.

    Args:
        requirement: The requirement's id or name.
        text: The value, as text.
        day: The value, as a date (2026-11-30).
        file: The value, as a document (PDF, JPEG or PNG), which is uploaded.
        address_id: The value, as the id of an address that the provider has.
        document_id: The value, as the id of a document that the provider has.
        group: Answer every requirement with a requirement group of the provider, by its id.
        done: Tick off a requirement of the order's own list.
        number: Only this number, such as +4930901820.
        resubmit: Supply it although a value was supplied before.
    """
    given = {
        "text": text,
        "date": day and day.isoformat(),
        "file": file,
        "address": address,
        "address_id": address_id,
        "document_id": document_id,
        "done": done or None,
        "group": group,
        "values": values,
    }
    kinds = [kind for kind, value in given.items() if value is not None]
    if len(kinds) != 1:
        raise UsageError(
            "give exactly one value; nothing was sent",
            "Add one of --text, --date, --file, --address, --address-id, --document-id, --done, --group or --values.",
        )
    if requirement is not None and kinds[0] in _NAMES_THEM_ITSELF:
        raise UsageError(f"--{kinds[0]} says itself what is answered; nothing was sent", f"Leave out {requirement!r}.")
    if group is not None:
        after = desk.client.attach_group(order_id, group, sub_order_id=sub_order, number=number, resubmit=resubmit)
    else:
        answers = _answers(desk, order_id, requirement, kinds[0], given[kinds[0]])
        after = desk.client.supply(order_id, answers, sub_order_id=sub_order, number=number, resubmit=resubmit)
    desk.show_done(after)
    return Exit.DONE


def _answers(desk: Session, order_id: str, requirement: str | None, kind: str, given: Any) -> list[dict[str, Any]]:
    """Make what the API takes of the value that was given."""
    if kind == "values":
        answers: list[dict[str, Any]] = read_json_file(given).get("values", [])
        return answers
    if requirement is None:
        raise UsageError(
            "no requirement is named; nothing was sent", f"`numberdesk requirements list {order_id}` lists them."
        )
    value: dict[str, Any]
    if kind == "file":
        content_type, content = _document(given)
        value = {"kind": "file", "file_id": desk.client.upload(order_id, given.name, content_type, content)}
    elif kind == "address":
        value = {"kind": kind, "address": read_json_file(given)}
    else:
        value = {"kind": kind, kind: given}
    return [{"requirement": requirement, "value": value}]


def _document(file: Path) -> tuple[str, bytes]:
    content_type = CONTENT_TYPES.get(file.suffix.lower())
    if content_type is None:
        raise UsageError(f"{file.name} is no PDF, JPEG or PNG; nothing was sent", "Convert it first.")
    try:
        return content_type, file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "Name a file that you can read.") from error


@requirements.command
def upload(order_id: OrderId, file: Path, *, desk: Desk) -> int:
    """Upload a document and print its id, so that you can supply it as a value later.

    Args:
        file: The document (PDF, JPEG or PNG).
    """
    content_type, content = _document(file)
    file_id = desk.client.upload(order_id, file.name, content_type, content)
    if desk.out.as_json:
        desk.out.json({"file_id": file_id})
    else:
        desk.out.line(file_id)
    return Exit.DONE


@comments.command(name="list")
def list_comments(order_id: OrderId, *, desk: Desk) -> int:
    """List an order's comments, as numberdesk last read them."""
    desk.out.items(
        desk.client.comments(order_id),
        [
            ("WHEN", lambda it: it.at),
            ("BY", lambda it: "the provider" if it.by_provider else "us"),
            ("READ", lambda it: it.read),
            ("COMMENT", lambda it: it.body),
            ("ID", lambda it: it.id),
        ],
        none="nobody has commented",
    )
    return Exit.DONE


@comments.command
def add(order_id: OrderId, text: Text, *, sub_order: SubOrder = None, desk: Desk) -> int:
    """Write a comment to the provider's reviewers. It cannot be taken back.

    Args:
        text: The comment.
    """
    desk.show_done(desk.client.comment(order_id, text, sub_order))
    return Exit.DONE


@comments.command(name="mark-read")
def mark_read(order_id: OrderId, comment_id: str, *, desk: Desk) -> int:
    """Mark a comment as read at the provider.

    Args:
        comment_id: The id, as `comments list` shows it.
    """
    desk.show_done(desk.client.mark_comment_read(order_id, comment_id))
    return Exit.DONE


def extend(order_id: OrderId, *, text: Text | None = None, sub_order: SubOrder = None, desk: Desk) -> int:
    """Ask the provider for more time, in a comment to its reviewers.

    Args:
        text: The comment in your own words. Without it, numberdesk writes one.
    """
    desk.show_done(desk.client.extend(order_id, text=text, sub_order_id=sub_order))
    return Exit.DONE


def acknowledge(
    order_id: OrderId,
    *,
    during: Annotated[str, Parameter(name="--for", help="For how long, such as 90m, 4h or 2d.")] = "4h",
    reason: Reason = None,
    desk: Desk,
) -> int:
    """Say that you are working on an order. Its next reminder names you."""
    desk.show_done(desk.client.acknowledge(order_id, desk.now() + duration(during), reason=reason))
    return Exit.DONE
