"""Which layer may import which, read from the source, so that imports for types count as well."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.imports import ROOT, first_party, imported, tree

FUNCTIONS = sorted((ROOT / "functions").glob("*/*.py"))
SHARED_BY_PROVIDERS = {
    f"numberdesk.providers.{name}"
    for name in (
        "base",
        "created_id",
        "http",
        "info",
        "json_values",
        "numbering_plans",
        "numbers",
        "reader",
        "registry",
        "tools",
        "xml",
    )
}

# What each layer may import of ours. A package stands for all of its modules.
OURS = {
    "domain": {"numberdesk.domain"},
    "providers": {"numberdesk.domain"} | SHARED_BY_PROVIDERS,  # and each provider its own package, see below
    "services": {
        "numberdesk.domain",
        "numberdesk.services",
        "numberdesk.providers.base",
        "numberdesk.providers.info",
        "numberdesk.providers.registry",
    },
    "storage": {
        "numberdesk.domain",
        "numberdesk.services.aws_errors",
        "numberdesk.services.ports",
        "numberdesk.providers.base",
        "numberdesk.storage",
    },
    "messaging": {
        "numberdesk.domain",
        "numberdesk.messaging",
        "numberdesk.services.aws_errors",
        "numberdesk.services.ports",
    },
    "api": {
        "numberdesk.api",
        "numberdesk.domain",
        "numberdesk.services",
        "numberdesk.providers.base",
        "numberdesk.providers.registry",
    },
    "runtime": {
        "numberdesk.api",
        "numberdesk.domain",
        "numberdesk.services",
        "numberdesk.storage",
        "numberdesk.messaging",
        "numberdesk.runtime",
        "numberdesk.providers.base",
        "numberdesk.providers.info",
        "numberdesk.providers.registry",
    },
    "functions": {"numberdesk.runtime", "numberdesk.services"},
}
# Which third-party packages each layer may import (besides the standard library).
OTHERS = {
    "domain": {"pydantic", "pydantic_core"},
    "providers": {"cryptography", "defusedxml", "phonenumbers"},
    "services": set[str](),
    # No clients: data and errors; and records from JSON, as they are stored in pages.
    "storage": {"botocore.exceptions", "pydantic", "types_boto3_dynamodb", "types_boto3_s3"},
    "messaging": {"types_boto3_events", "types_boto3_sns", "types_boto3_sqs"},
    "api": {"aws_lambda_powertools", "pydantic"},
    "runtime": {
        "aws_lambda_powertools",
        "botocore.config",
        "botocore.loaders",
        "botocore.session",
        "types_boto3_dynamodb",
        "types_boto3_events",
        "types_boto3_s3",
        "types_boto3_secretsmanager",
        "types_boto3_sns",
        "types_boto3_sqs",
    },
    "functions": {"aws_lambda_powertools"},
}
# Single modules that may import more, each with its reason. An entry that is no longer needed fails the test, too.
MORE = {
    "numberdesk.providers.http": {"httpx"},  # the one module that speaks HTTP
    # Numbering plans are data; reading a number needs no call.
    "numberdesk.domain.fitting": {"phonenumbers"},
    # The meaning of the SDK's errors is defined in one place, for storage, messaging, runtime and the receiver.
    "numberdesk.services.aws_errors": {"botocore.exceptions"},
    # That library knows which countries have telephone numbers.
    "numberdesk.services.catalogue": {"phonenumbers"},
    # It does what a client does, by the same parts of botocore.
    "numberdesk.messaging.signed": {
        "botocore.auth",
        "botocore.awsrequest",
        "botocore.credentials",
        "botocore.exceptions",
        "botocore.httpsession",
        "botocore.parsers",
        "botocore.utils",
    },
    # Its start-up time matters for correctness: it has a few lines of its own in place of the runtime's.
    "functions.receive_webhook": {"boto3", "botocore.config", "numberdesk.messaging.signed"},
}
ENVIRONMENT_READERS = {"numberdesk.runtime.settings", "functions.receive_webhook"}
CLIENT_MAKERS = {"numberdesk.runtime.aws", "functions.receive_webhook"}


def modules() -> dict[str, Path]:
    return first_party() | {f"functions.{path.parent.name}": path for path in FUNCTIONS}


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def part_of(module: str) -> str:
    return "functions" if module.startswith("functions.") else [*module.split("."), ""][1]


def allowed(module: str) -> set[str]:
    part = part_of(module)
    if not part:  # numberdesk/__init__.py: importing it is importing anything of ours
        return set()
    ours = OURS[part]
    parts = module.split(".")
    if part == "providers" and len(parts) > 2 and module not in SHARED_BY_PROVIDERS:
        ours = ours | {".".join(parts[:3])}
    return ours | OTHERS[part]


def beyond(module: str, path: Path) -> set[str]:
    """Return what a module imports that its layer may not."""
    names = {name for name in imported(tree(path)) if name.split(".")[0] not in sys.stdlib_module_names}
    return {name for name in names if not within(name, allowed(module))}


@pytest.mark.parametrize("module", modules())
def test_imports_go_in_one_direction(module: str) -> None:
    assert beyond(module, modules()[module]) == MORE.get(module, set())


@pytest.mark.parametrize("module", modules())
def test_environment_is_read_in_one_place(module: str) -> None:
    read = [
        node.lineno
        for node in ast.walk(tree(modules()[module]))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.environb", "os.getenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    ]
    assert bool(read) == (module in ENVIRONMENT_READERS), read


@pytest.mark.parametrize("module", modules())
def test_aws_clients_are_created_in_one_place(module: str) -> None:
    made = [
        node.lineno
        for node in ast.walk(tree(modules()[module]))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("client", "create_client", "resource", "Session", "get_session")
    ]
    assert bool(made) == (module in CLIENT_MAKERS), made


@pytest.mark.parametrize("module", modules())
def test_only_the_registry_imports_modules_by_name(module: str) -> None:
    # The tests above cannot see an import by a computed name.
    dynamic = imported(tree(modules()[module])) & {"importlib", "importlib.util", "pkgutil", "runpy"}
    assert bool(dynamic) == (module == "numberdesk.providers.registry")


def test_every_layer_has_its_rule() -> None:
    assert {part_of(module) for module in modules()} - {""} == set(OURS) == set(OTHERS)


COMMAND = sorted((ROOT / "numberdesk_cli").rglob("*.py"))
OF_COMMAND = {
    "numberdesk.api.models",
    "numberdesk.domain",
    "numberdesk.providers.info",
    "numberdesk.providers.registry",
    "numberdesk.providers.tools",
    "numberdesk.services.receive",
    "numberdesk_cli",
}
"""The command speaks to the API: it needs its models, the domain's words, the providers' tools, and how a webhook is put into a message."""


@pytest.mark.parametrize("module", modules())
def test_tools_of_providers_are_for_the_command_alone(module: str) -> None:
    used = {ast.unparse(node) for node in ast.walk(tree(modules()[module])) if isinstance(node, ast.Attribute)}
    assert not used & {"registry.tools", "registry.samples"}
    assert "numberdesk.providers.tools" not in imported(tree(modules()[module]), for_types=False) or module.endswith(
        ".tools"
    )


@pytest.mark.parametrize("path", COMMAND, ids=lambda path: str(path.relative_to(ROOT)))
def test_command_is_made_of_the_api_and_the_domain_alone(path: Path) -> None:
    ours = {
        name
        for name in imported(tree(path))
        if name.split(".")[0] in ("numberdesk", "numberdesk_cli", "local", "tests")
    }
    assert {name for name in ours if not within(name, OF_COMMAND)} == set()


def test_command_needs_what_its_package_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    locked = {each for each in [*groups["cli"], *groups["runtime"]] if isinstance(each, str)}
    assert {re.split(r"[>=]", each)[0] for each in project["project"]["dependencies"]} == locked
    distributions = {"aws_lambda_powertools": "aws-lambda-powertools", "multipart": "python-multipart"}
    used = {name.split(".")[0] for path in COMMAND for name in imported(tree(path), for_types=False)}
    third_party = used - set(sys.stdlib_module_names) - {"numberdesk", "numberdesk_cli", "__future__"}
    # botocore comes with boto3, pydantic_core with pydantic.
    assert {distributions.get(name, name) for name in third_party} - {"botocore", "pydantic_core"} <= locked
