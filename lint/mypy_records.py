"""A mypy plugin: `record.with_(...)` takes the record's own fields, each of its own type.

`Record.with_` takes any keywords as Python has no word for "the fields of this class, all optional". With this, a misspelt field or
a wrong type in a change of state is an error of `make lint`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ARG_NAMED_OPT, Var
from mypy.plugin import MethodSigContext, Plugin
from mypy.types import CallableType, Instance, get_proper_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.types import FunctionLike

_FIELDS = "pydantic-mypy-metadata"
"""Where pydantic's own plugin keeps the names of a model's fields, inherited ones included."""


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001 - mypy calls it so
    """Give mypy the plugin."""
    return _RecordPlugin


class _RecordPlugin(Plugin):
    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        # Asked for by the class that is named in the source, which inherits the method.
        return _signature if fullname.endswith(".with_") else None


def _signature(context: MethodSigContext) -> FunctionLike:
    record = get_proper_type(context.type)
    default = context.default_signature
    if not isinstance(record, Instance) or _FIELDS not in record.type.metadata or not isinstance(default, CallableType):
        return default
    names = list(record.type.metadata[_FIELDS]["fields"])
    nodes = [record.type.get(name) for name in names]
    fields = {
        name: symbol.node.type
        for name, symbol in zip(names, nodes, strict=True)
        if symbol is not None and isinstance(symbol.node, Var) and symbol.node.type is not None
    }
    return default.copy_modified(
        arg_types=list(fields.values()),
        arg_kinds=[ARG_NAMED_OPT] * len(fields),
        arg_names=list(fields),
        name=f"with_ of {record.type.name}",
    )
