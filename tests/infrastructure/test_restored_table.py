"""Parameters alone can replace the stack's own table by a restored one: wherever the one is named, the other can be."""

import json
import re
from typing import Any

from tests.support.stack import template

IS_NAMED = re.compile(r"\bOrderTable\b")


def named(value: Any, path: str = "") -> list[str]:
    """Return the places where the stack's own table is named without a choice."""
    match value:
        case {"Fn::If": ["TableRestored", restored, own]}:
            # The replacement has the same form: its name, its ARN, an index or a stream of it.
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


def test_restored_table_can_replace_the_stacks_own_everywhere() -> None:
    whole = template()
    resources = {name: resource for name, resource in whole["Resources"].items() if name != "OrderTable"}
    assert named(resources) + named(whole["Outputs"]) == []


def test_without_the_parameter_the_stacks_own_table_is_used() -> None:
    assert template()["Conditions"]["TableRestored"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "RestoredTableName"}, ""]}]
    }
    assert template()["Parameters"]["RestoredTableName"]["Default"] == ""
