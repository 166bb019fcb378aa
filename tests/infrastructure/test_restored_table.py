"""A table that was restored can stand for the stack's own by parameters alone: wherever the one is named, the other may be."""

import json
import re
from typing import Any

from tests.support.stack import template

IS_NAMED = re.compile(r"\bOrderTable\b")


def named(value: Any, path: str = "") -> list[str]:
    """Where the stack's own table is named without a choice."""
    match value:
        case {"Fn::If": ["TableRestored", restored, own]}:
            # What stands for it has the same form: its name, itself, an index or a stream of it.
            names, own_names = json.dumps(restored), json.dumps(own)
            assert "${RestoredTableName}" in names or names == '{"Ref": "RestoredTableName"}', path
            assert re.findall(r"/index/\w+", names) == re.findall(r"/index/\w+", own_names), path
            assert ("stream" in names) == ("stream" in own_names.lower()), path
            return []
        case dict():
            return [found for name, each in value.items() for found in named(each, f"{path}.{name}")]
        case list():
            return [found for number, each in enumerate(value) for found in named(each, f"{path}.{number}")]
    return [path] if isinstance(value, str) and IS_NAMED.search(value) else []


def test_the_restored_table_may_stand_wherever_the_stacks_own_does() -> None:
    whole = template()
    resources = {name: resource for name, resource in whole["Resources"].items() if name != "OrderTable"}
    assert named(resources) + named(whole["Outputs"]) == []


def test_without_the_parameter_it_is_the_stacks_own() -> None:
    assert template()["Conditions"]["TableRestored"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "RestoredTableName"}, ""]}]
    }
    assert template()["Parameters"]["RestoredTableName"]["Default"] == ""
