"""What the models of the API share: their bases, lists, and the types of parameters and fields."""

# Pydantic needs these types when the module runs, so that none of them is imported for type checkers only.
from functools import partial
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from numberdesk.domain.model import Given
from numberdesk.domain.request import E164
from numberdesk.domain.values import Id, one_of_the_providers
from numberdesk.providers.registry import NAMES
from numberdesk.services.ports import Page

T = TypeVar("T")

Provider = Annotated[
    str,
    Field(max_length=64),
    AfterValidator(partial(one_of_the_providers, known=NAMES)),
    WithJsonSchema({"enum": [*NAMES], "type": "string"}),
]
NumberType = Literal["local", "toll_free", "mobile", "national", "shared_cost"]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
Token = Annotated[str, Field(min_length=1, max_length=2048)]
Limit = Annotated[int, Field(ge=1, le=100)]
Switch = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(ge=0)]
NUMBER = r"^\+?[A-Za-z0-9]{1,64}$"


def _bare(value: str) -> str:
    """Take a number without its plus: that may come as itself, or as the space that it stands for in a query."""
    return value.lstrip("+ ")


def _with_plus(value: object) -> object:
    return f"+{value[1:]}" if isinstance(value, str) and value.startswith(" ") else value


PathNumber = Annotated[str, Field(pattern=NUMBER, examples=["4930901820", "CHOCOLATE"]), BeforeValidator(_bare)]
"""A number or keyword in a path."""
QueryNumber = Annotated[E164, BeforeValidator(_with_plus)]
"""A number in a query, where a plus that is not encoded stands for a space."""


class OfSubOrder(Given):
    """What is meant for one sub order, or without it for the whole order."""

    sub_order_id: Id | None = None


_STAYS = "is not erased: write nothing personal."
REASON_STAYS = f"It stands in the order's ledger, in its event and in what people are sent, and {_STAYS}"
REASON_KEPT = f"Why. It stands in the ledger and {_STAYS}"
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Reasoned(Given):
    """What is done to an order with a reason, if a person gives one."""

    reason: Reason | None = Field(default=None, description=f"Why. {REASON_STAYS}")


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, from_attributes=True, defer_build=True)


class Items(Out, Generic[T]):
    """A whole list."""

    items: list[T]


class Listing(Items[T], Generic[T]):
    """Some of a list."""

    next: str | None = Field(description="The token for the rest; null at the end.")


L = TypeVar("L", bound=Listing[Any])


def listed(shape: type[L], page: Page[Any]) -> L:
    """Show a page."""
    shown = {"items": page.items, "next": page.after, "unreadable": list(page.unread)}
    return shape.model_validate({name: shown[name] for name in shape.model_fields}, from_attributes=True)


class IssueView(Out):
    """One validation issue."""

    field: str = Field(description="A dotted path; empty for the whole.")
    code: str
    message: str


class ProblemView(Out):
    """A problem (RFC 9457). It never repeats what was sent."""

    type: Annotated[str, Field(pattern=r"^urn:numberdesk:problem:[a-z-]+$")]
    title: str
    status: int
    detail: str
    instance: str = Field(description="The id of the request, as in the log.")
    errors: list[IssueView] = Field(description="Every field that is wrong.")
