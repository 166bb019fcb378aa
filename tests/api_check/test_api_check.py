"""Any request gets a response that docs/openapi.json describes, and never a 5xx; schemathesis makes the requests.

`make api-check` makes many more than `make test`; both use the whole app on moto and the simulators, without faults.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support import aws
from tests.support.api_check import DOCUMENT, LIMITS, Gateway, seed

if TYPE_CHECKING:
    from collections.abc import Iterator

# One process for all of them: setting up the desk takes longer than a few requests.
pytestmark = pytest.mark.xdist_group("api-check")
FEW = 8
EXAMPLES = int(os.environ.get("NUMBERDESK_API_EXAMPLES", FEW))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
gateway = Gateway()
schema = schemathesis.openapi.from_wsgi(DOCUMENT, gateway)
KNOWN: dict[str, list[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _desk() -> Iterator[None]:
    with aws.world(ListedMetadataKey="team", SpendingLimits=LIMITS) as world:
        KNOWN.update(seed(world))
        gateway.world = world
        yield


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == FEW,  # `make test` makes the same requests each time, `make api-check` new ones.
    database=None,
    suppress_health_check=list(HealthCheck),
    # Explicit are the borders of every field in turn: hundreds of requests.
    phases=[Phase.generate] if EXAMPLES == FEW else [Phase.explicit, Phase.generate, Phase.shrink],
)
def test_responses_are_described(case: Any) -> None:
    if case.meta is None or case.meta.generation.mode.is_positive:
        case.path_parameters = known(case.path_parameters)
        case.query = known(case.query)
        case.body = known(case.body)
    case.call_and_validate(checks=CHECKS)


def known(value: Any, name: str = "") -> Any:
    """Return existing ids to use in place of most made-up ones: few of those would be found."""
    if isinstance(value, dict):
        return {key: known(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [known(each, name) for each in value]
    pick = zlib.crc32(repr(value).encode())
    return KNOWN[name][pick // 4 % len(KNOWN[name])] if name in KNOWN and isinstance(value, str) and pick % 4 else value
