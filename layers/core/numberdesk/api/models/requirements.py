"""Requirements, the values that answer them, files, and profiles."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from numberdesk.api.models.base import OfSubOrder, Out, Switch
from numberdesk.domain.catalogue import Specification
from numberdesk.domain.model import Given, Instant
from numberdesk.domain.order import Requirement
from numberdesk.domain.request import E164
from numberdesk.domain.values import Answer, DoneValue, Id, short_enough
from numberdesk.services.uploads import Form

Answers = Annotated[list[Answer], Field(max_length=50), AfterValidator(short_enough)]


class _Scoped(OfSubOrder):
    number: E164 | None = Field(default=None, description="For this number only; not together with sub_order_id.")
    resubmit: Switch = Field(default=False, description="Also where a value was supplied already, even the same one.")

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.sub_order_id is not None and self.number is not None:
            message = "give sub_order_id or number, not both"
            raise ValueError(message)
        return self


class SupplyValues(_Scoped):
    """Values for requirements. Personal: kept apart and erasable."""

    values: Annotated[Answers, Field(min_length=1)]

    @property
    def only_ticks(self) -> bool:
        """Whether this ticks off what is on the order's own list, and nothing else."""
        return all(isinstance(answer.value, DoneValue) for answer in self.values)


class AttachGroup(_Scoped):
    """A requirement group that the provider has."""

    requirement_group_id: Id


class NewFile(Given):
    """A file that is going to be uploaded."""

    filename: Annotated[str, Field(max_length=128, pattern=r"^[^/\\\x00-\x1f\x7f]+$")] = Field(
        description="Without a path.", examples=["proof-of-address.pdf"]
    )
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]


class NewProfile(Given):
    """A profile to write."""

    answers: Answers
    enabled: Switch = True
    version: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None,
        description="The version that was read; 0 if there must be none. It is written only if that still holds.",
    )


class AboutView(Out):
    """The sort of numbers that requirements are for."""

    country: str | None
    number_type: str | None
    number: str | None


class StandView(Out):
    """One requirement: what it takes (null where the catalogue does not say) and its state (null if not asked for yet)."""

    specification: Specification | None
    requirement: Requirement | None


class OrderRequirementsView(Out):
    """The requirements of one sub order; of an order without sub orders those of one of its items."""

    sub_order_id: str | None
    about: AboutView
    own: bool = Field(description="Whether this is the order's own list, at a provider that has none in its API.")
    read: bool = Field(description="Whether the provider's catalogue was read for it.")
    requirements: list[StandView]


class UploadForm(Out):
    """Where to post the file, as `multipart/form-data`: these fields first, and the file last as the field `file`."""

    url: str
    fields: dict[str, str]


class NewUpload(Out):
    """A form by which one file may be uploaded."""

    file_id: str
    upload: UploadForm
    expires_at: Instant
    max_bytes: int

    @classmethod
    def of(cls, form: Form) -> Self:
        """Show a form."""
        return cls.model_validate({**form._asdict(), "upload": form})
