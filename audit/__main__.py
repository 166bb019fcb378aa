"""Look for security problems: `make audit`.

Four tools, out of `.audit`: cfn-lint with the serverless rules over template.yaml, checkov over SAM's output,
bandit over the deployed code and pip-audit over every lock. All four run, whatever the first finds; a finding of any of them
fails. Exceptions have their reasons in .cfnlintrc, .checkov.yaml, template.yaml (Metadata), pyproject.toml
(tool.bandit) or on the line itself (nosec); tests/infrastructure/test_audit.py requires the reasons.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import expanded

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".audit" / "bin"
WORK = ROOT / ".local" / "audit"
CODE = ("layers/core", "functions", "numberdesk_cli", "local", "docs", "bench", "audit", "preflight")
LOCKS = (
    "layers/vendor/requirements.txt",
    *sorted(f"requirements/{lock.name}" for lock in ROOT.glob("requirements/*.txt")),
)


@dataclass(frozen=True)
class Known:
    """pip-audit's result for one lock.

    Attributes:
        asked: how many packages of the lock are for this Python and this machine.
        answered: how many of them the database knows. None: it is unavailable.
        findings: a line for each known vulnerability.
    """

    asked: int
    answered: int | None
    findings: tuple[str, ...] = ()


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the tools in the project folder."""
    # cfn-lint checks for one Region; any will do, but it must not depend on the caller's shell.
    env = os.environ | {"AWS_DEFAULT_REGION": "eu-central-1"}
    return subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, env=env, check=False, capture_output=True, text=True)


def say(tool: str, verdict: str, details: str = "") -> None:
    """Print a tool's result: one line, and its output below."""
    print(f"{tool + ':':<10} {verdict}", *([details.rstrip()] if details.strip() else []), sep="\n", flush=True)


def cfn_lint() -> bool:
    """Lint template.yaml, with AWS's serverless rules. True: no findings."""
    ran = run("cfn-lint")
    say("cfn-lint", "findings" if ran.returncode else "no findings", ran.stdout + ran.stderr if ran.returncode else "")
    return not ran.returncode


def checkov() -> bool:
    """Check what CloudFormation gets. True: no findings.

    checkov itself expands nothing of SAM: in template.yaml it sees functions and the API in part, and the permissions and
    the mappings that SAM creates not at all. It passes what it cannot read, so this also checks that it has read something.
    """
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it tells of features that it has not been given
    WORK.mkdir(parents=True, exist_ok=True)
    template = WORK / "template.json"
    template.write_text(json.dumps(expanded(), indent=1))
    report = WORK / "checkov.json"
    report.unlink(missing_ok=True)
    ran = run(
        "checkov",
        *("--config-file", ".checkov.yaml", "--file", str(template.relative_to(ROOT))),
        *("--output", "cli", "--output", "json", "--output-file-path", f"console,{report.relative_to(ROOT)}"),
    )
    try:
        summary = json.loads(report.read_text())["summary"]
        read = summary["parsing_errors"] == 0 and summary["passed"] > 0
    except (OSError, ValueError, KeyError, TypeError):
        read = False
    if ran.returncode or not read:
        say("checkov", "findings" if read else "could not read the template", ran.stdout + ran.stderr)
        return False
    say("checkov", f"no findings: {summary['passed']} checks passed, {summary['skipped']} excepted by resource")
    return True


def bandit() -> bool:
    """Check the code. True: no findings."""
    ran = run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *CODE)
    say("bandit", "findings" if ran.returncode else "no findings", ran.stdout + ran.stderr if ran.returncode else "")
    return not ran.returncode


# pip-audit's exits without a response: its own message, or the traceback of a failed request.
UNREACHABLE = re.compile(
    r"Could not connect to PyPI|is not redirecting properly|^(requests\.exceptions|pip_audit\._service)\.", re.MULTILINE
)


def known(code: int, report: str, errors: str) -> Known:
    """Read how pip-audit ended.

    Args:
        code: its exit code: 1 for findings, and for any other failure, too.
        report: its standard output, JSON unless something failed.
        errors: its standard error.

    Raises:
        ValueError: it ended without a report, and not because its database is unavailable; the message is its output.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if code and UNREACHABLE.search(errors):
            return Known(asked=0, answered=None)
        raise ValueError(errors or report or f"pip-audit ended with {code} and said nothing") from None
    # A package index that mirrors PyPI may know no package's vulnerabilities: pip-audit skips those, and ends with 0.
    answered = [package for package in packages if "skip_reason" not in package]
    findings = tuple(
        f"  {package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'nothing'}"
        for package in answered
        for found in package["vulns"]
    )
    if code and not findings:
        raise ValueError(errors or f"pip-audit ended with {code} and found nothing")
    return Known(asked=len(packages), answered=len(answered) or None, findings=findings)


def pip_audit() -> bool:
    """Check every lock for known vulnerabilities. True: none is known, or the database is unavailable."""
    asked = answered = 0
    findings: list[str] = []
    for lock in LOCKS:
        ran = run(
            *("pip-audit", "--requirement", lock, "--require-hashes", "--disable-pip"),
            *("--format", "json", "--desc", "off", "--progress-spinner", "off"),
        )
        try:
            of_lock = known(ran.returncode, ran.stdout, ran.stderr)
        except ValueError as fault:
            say("pip-audit", f"failed at {lock}", str(fault))
            return False
        if of_lock.answered is None:  # nor will it answer for the next
            say(
                "pip-audit",
                f"NOT DONE from {lock} on: its database can't be reached from here, nothing is known of these",
            )
            break
        asked += of_lock.asked
        answered += of_lock.answered
        findings += [f"{finding} ({lock})" for finding in of_lock.findings]
    if findings:
        say("pip-audit", "findings", "\n".join(findings))
    elif answered:
        say("pip-audit", f"no findings: {answered} of {asked} locked packages are known, none with a vulnerability")
    return not findings


def main() -> None:
    """Run all, and end with 1 if any has findings."""
    clean = [tool() for tool in (cfn_lint, checkov, bandit, pip_audit)]
    sys.exit(0 if all(clean) else 1)


if __name__ == "__main__":
    main()
