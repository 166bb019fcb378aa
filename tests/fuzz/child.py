"""One target in a process of its own, guided by coverage: atheris ends its process with the run.

`python -m tests.fuzz.child TARGET INPUTS SECONDS FOLDER`, in the environment `.fuzz`. The folder gets the inputs that reached new code,
the one that failed, if one did, and `result.json`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["numberdesk"], enable_loader_override=False):
    from numberdesk.providers import registry
    from tests.fuzz import measured, targets

    for provider in registry.NAMES:
        registry.adapter(provider)
        registry.capabilities(provider)

CORPUS = Path(__file__).parent / "corpus"
_EVERY = 500
"""Inputs after which the result is written."""


def main(name: str, inputs: int, seconds: float, folder: Path) -> None:
    """Run a target until so many inputs are done, or the time is over, or one fails."""
    run = measured.Measured(targets.TARGETS[name])
    began = time.monotonic()

    def write(failed: str = "") -> None:
        values = {key: value for key, value in asdict(run).items() if key != "target"}
        result = values | {"target": name, "wall": time.monotonic() - began, "failed": failed}
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")

    def one(data: bytes) -> None:
        try:
            run(data)
        except BaseException as error:
            write(f"{type(error).__name__}: {error}"[:500])
            raise
        if run.inputs % _EVERY == 0 or run.inputs >= inputs:
            write()
            if run.inputs >= inputs or time.monotonic() - began > seconds:
                # atheris would go on for ever, and skips what Python does at its end.
                os._exit(0)

    found, kept = folder / "found", CORPUS / name
    found.mkdir(exist_ok=True)
    options = [
        f"-artifact_prefix={folder}/",
        f"-max_len={targets.TARGETS[name].longest}",
        "-timeout=60",
        "-rss_limit_mb=3000",
    ]
    atheris.Setup([sys.argv[0], *options, str(found), *([str(kept)] if kept.is_dir() else [])], one)
    atheris.Fuzz()


if __name__ == "__main__":
    # Not for the address space: the fuzzer's own tables are large.
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
