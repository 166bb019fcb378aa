"""Record what this version of numberdesk writes: `make record VERSION=0.1.0`.

Each released version has a folder, which never changes afterwards. Next to the recorded data is what this version reads from it.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from tests.recorded import histories, made, readers


def _json(value: Any) -> str:
    return (
        json.dumps(
            value, indent=2, ensure_ascii=False, sort_keys=True, default=lambda it: base64.b64encode(it).decode()
        )
        + "\n"
    )


def record(version: str) -> None:
    """Write the folder of a version."""
    folder = readers.HERE / version
    for part in ("rows", "messages", "events"):
        (folder / part).mkdir(parents=True)
    with readers.a_table([]) as table:
        made.write(table)
        items: list[dict[str, Any]] = table._client.scan(TableName="orders")["Items"]
        events = made.events(table)
    items.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    for item in items:
        if "write_id" in item:
            item["write_id"] = {"S": "0" * 32}
    of: dict[str, list[dict[str, Any]]] = {kind: [] for kind in readers.KINDS}
    for item in items:
        of[readers.kind_of(item)].append(item)
    for kind, those in of.items():
        assert those, f"nothing of kind {kind} was written"
        found = readers.read_rows(json.loads(_json(items)), kind)
        (folder / "rows" / f"{kind}.json").write_text(_json({"items": those, "read": found}))
    for kind, body in made.messages().items():
        found = readers.read_message_of(kind, body)
        (folder / "messages" / f"{kind}.json").write_text(_json({"body": body, "read": found}))
    for kind, body in events.items():
        (folder / "events" / f"{kind}.json").write_text(_json({"body": body, "read": readers.read_event(body)}))
    histories.make(version)


if __name__ == "__main__":
    record(sys.argv[1])
