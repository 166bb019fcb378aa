"""What `make audit` accepts: every exception has a reason, and pip-audit may fail only for want of a database."""

import json
import re
import tokenize
import tomllib
from collections.abc import Mapping

import pytest
import yaml

from audit.__main__ import CODE, Known, known
from tests.support.stack import ROOT, template


def listed_with_reason(file: str) -> set[str]:
    """Return the check ids of a list with one id per line, each followed by a comment with the reason."""
    return set(re.findall(r'^ +(?:- )?"?(\w+\d+)"?,? +# *\w.{9,}$', (ROOT / file).read_text(), re.MULTILINE))


def test_stack_wide_check_exceptions_have_a_reason() -> None:
    excepted = yaml.safe_load((ROOT / ".checkov.yaml").read_text())["skip-check"]
    assert excepted
    assert set(excepted) == listed_with_reason(".checkov.yaml")


def test_resource_check_exceptions_have_a_reason() -> None:
    excepted = [
        (name, skip["id"], skip.get("comment"))
        for name, resource in template()["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert excepted
    assert [(name, check) for name, check, reason in excepted if not (reason or "").strip()] == []


def test_template_comments_switch_off_no_check() -> None:
    assert "checkov:skip" not in (ROOT / "template.yaml").read_text()  # SAM's translation has no comments


def test_ignored_cfn_lint_rules_have_a_reason() -> None:
    settings = yaml.safe_load((ROOT / ".cfnlintrc").read_text())
    assert settings["append_rules"] == ["cfn_lint_serverless.rules"]
    assert set(settings["ignore_checks"]) == listed_with_reason(".cfnlintrc")


def test_cfn_lint_rules_are_ignored_in_one_place_only() -> None:
    def metadata(resource: dict[str, dict[str, object]]) -> dict[str, object]:
        return resource.get("Metadata", {})

    assert "cfn-lint" not in metadata(template())
    assert [name for name, resource in template()["Resources"].items() if "cfn-lint" in metadata(resource)] == []


def test_skipped_bandit_tests_have_a_reason() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bandit"]
    # What is excluded is not deployed.
    assert settings.pop("exclude_dirs") == ["local/simulators"]
    assert set(settings) == {"skips"}
    assert set(settings["skips"]) <= listed_with_reason("pyproject.toml")


def test_lines_excluded_from_bandit_name_the_test_and_a_reason() -> None:
    lines = []
    for folder in CODE:
        for file in (ROOT / folder).rglob("*.py"):
            with tokenize.open(file) as code:
                lines += [
                    (f"{file.relative_to(ROOT)}:{token.start[0]}", token.string)
                    for token in tokenize.generate_tokens(code.readline)
                    if token.type == tokenize.COMMENT and re.search(r"#\s*nosec", token.string)
                ]
    assert lines
    assert [line for line, comment in lines if not re.search(r"# nosec (B\d{3})(, B\d{3})* # \w.{5,}", comment)] == []


def packages(*of: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": of, "fixes": []})


FINE = {"name": "httpx", "version": "0.28.1", "vulns": []}
NOT_THERE = {"name": "own", "skip_reason": "Dependency not found on PyPI and could not be audited: own (1.0)"}
BAD = {
    "name": "urllib3",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1", "2.0"], "aliases": []}, {"id": "X-2", "fix_versions": []}],
}


def test_known_vulnerabilities_are_findings() -> None:
    assert known(1, packages(FINE, BAD, NOT_THERE), "Found 2 known vulnerabilities in 1 package\n") == Known(
        asked=3,
        answered=2,
        findings=("  urllib3 1.0: PYSEC-2026-1, mended in 1.1, 2.0", "  urllib3 1.0: X-2, mended in nothing"),
    )


def test_no_known_vulnerability_is_no_finding() -> None:
    assert known(0, packages(FINE, FINE), "No known vulnerabilities found\n") == Known(asked=2, answered=2)


def test_database_without_any_package_counts_as_missing() -> None:
    assert known(0, packages(NOT_THERE, NOT_THERE), "No known vulnerabilities found\n") == Known(2, answered=None)


@pytest.mark.parametrize(
    "errors",
    [
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\nERROR:pip_audit._cli:Tip: ...",
        "Traceback (most recent call last):\n  ...\nrequests.exceptions.ConnectionError: HTTPSConnectionPool(...)\n",
        "Traceback (most recent call last):\n  ...\npip_audit._service.interface.ServiceError\n",
    ],
)
def test_unavailable_database_counts_as_missing(errors: str) -> None:
    assert known(1, "", errors) == Known(asked=0, answered=None)


@pytest.mark.parametrize(
    ("code", "report", "errors"),
    [
        (2, "", "usage: pip-audit [-h]\npip-audit: error: unrecognized arguments"),
        (1, "", "ERROR:pip_audit._cli:requirement six==1.17.0 does not contain a hash"),
        (0, "", "requests.exceptions.ConnectionError"),
        (1, packages(FINE), "something else"),
    ],
)
def test_any_other_exit_fails(code: int, report: str, errors: str) -> None:
    with pytest.raises(ValueError, match=re.escape(errors)):
        known(code, report, errors)
