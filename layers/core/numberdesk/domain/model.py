"""The bases of records and of what others send: immutable, strict about their own fields, JSON in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from numberdesk.domain.clock import EARLIEST, LATEST, instant_text
from numberdesk.domain.text import did_you_mean


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        message = "an instant needs a time zone"
        raise ValueError(message)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        message = "the instant is out of the range of years 1 to 9999 in UTC"
        raise ValueError(message) from None


class _InstantSchema:
    """The schema of an instant. Pydantic would make it anew for each field from validators and serializers, and inspect those each time."""

    core = core_schema.no_info_after_validator_function(
        _aware_utc,
        core_schema.datetime_schema(),
        serialization=core_schema.plain_serializer_function_ser_schema(
            instant_text, return_schema=core_schema.str_schema(), when_used="json"
        ),
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return cls.core

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: object, _handler: object) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


Instant = Annotated[datetime, _InstantSchema]
"""An aware instant in UTC."""


def _within_bounds(value: datetime) -> datetime:
    if not EARLIEST <= value < LATEST:
        message = f"an instant must be in the years {EARLIEST.year} to {LATEST.year - 1}"
        raise ValueError(message)
    return value


GivenInstant = Annotated[Instant, AfterValidator(_within_bounds)]
"""An instant from outside, within the range to which any time zone, reminder and pause can be added."""


_set = object.__setattr__
"""Past what makes a record immutable."""


class Record(BaseModel):
    """An immutable value of the domain."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_enum_values=False,
        ser_json_timedelta="iso8601",
        defer_build=True,  # no process uses all records that it imports
    )

    def with_(self, **changes: Any) -> Self:
        """Copy the record with some fields changed. mypy checks the fields and their types (`lint/mypy_records.py`).

        Raises:
            TypeError: A field is unknown. Pydantic would accept it, and lose it when the record is written.
        """
        kind = type(self)
        fields = kind.__pydantic_fields__
        if not changes.keys() <= fields.keys():
            message = f"{kind.__name__} has no field {', '.join(sorted(changes.keys() - fields.keys()))}"
            raise TypeError(message)
        # As `model_copy` does it, in a third of its time: a record has no private attributes, and no fields beside its own.
        made = kind.__new__(kind)
        _set(made, "__dict__", self.__dict__ | changes)
        _set(made, "__pydantic_fields_set__", self.__pydantic_fields_set__ | changes.keys())
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made


_MAX_SUGGESTIONS = 50
"""Unknown fields for which the nearest known one is looked for: somebody may send a hundred thousand."""


class Given(BaseModel):
    """Something that others send. A field that is not known is refused, and the nearest known one is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_nearest(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False)
            shown = [cls._detail(each, suggest=place < _MAX_SUGGESTIONS) for place, each in enumerate(details)]
            raise ValidationError.from_exception_data(error.title, shown, hide_input=True) from None

    @classmethod
    def _detail(cls, detail: Any, *, suggest: bool) -> InitErrorDetails:
        kind, text, loc = detail["type"], detail["msg"], detail["loc"]
        if kind == "extra_forbidden" and len(loc) == 1:
            known = cls.model_fields if suggest else ()
            kind, text = "unknown_field", f"unknown field{did_you_mean(loc[0], known) or '; remove it'}"
        return {"type": PydanticCustomError(kind, text), "loc": loc, "input": detail["input"]}
