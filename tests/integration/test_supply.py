"""Bills of materials name what is pinned; an audit says what it did not look up."""

import json
import re
from pathlib import Path

from deploy.supply import PORTAL, ROOT, Audit, judge, of_npm, of_pip, sbom

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
FLAWED = {"name": "flawed", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def test_every_advisory_is_named_and_fails_the_audit() -> None:
    verdict = judge([of_pip("services", {"dependencies": [SOUND, FLAWED]}), Audit("portal", looked_up=3)])
    assert verdict.vulnerable
    assert verdict.lines == (
        "services: 2 packages looked up, 2 advisories",
        "VULNERABLE   flawed 2.0: PYSEC-1",
        "VULNERABLE   flawed 2.0: PYSEC-2",
        "portal: 3 packages looked up, 0 advisories",
    )


def test_what_was_not_looked_up_is_never_called_sound() -> None:
    verdict = judge([of_pip("services", {"dependencies": [SOUND, UNKNOWN]}), of_npm("portal", {"error": {}})])
    assert not verdict.vulnerable
    assert verdict.lines == (
        "services: 1 packages looked up, 0 advisories",
        "NOT AUDITED  services: 1 packages that the advisories' index doesn't know",
        "NOT AUDITED  portal: the advisories can't be reached",
    )


def test_npms_report_counts_too() -> None:
    report = {"metadata": {"dependencies": {"total": 90}}, "vulnerabilities": {"left-pad": {"severity": "high"}}}
    assert of_npm("portal", report) == Audit("portal", 90, found=("left-pad: high",))


def test_the_bills_of_materials_name_every_package_that_images_and_the_local_stack_hold(tmp_path: Path) -> None:
    bills = {
        path.name.removesuffix(".cdx.json"): {
            f"{part['name']}@{part['version']}" for part in json.loads(path.read_text())["components"]
        }
        for path in sbom(tmp_path)
    }
    installed = set(re.findall(r"-r requirements/(\w+)\.txt", (ROOT / "deploy" / "Dockerfile").read_text()))
    # Its tools are left behind with the stage that builds.
    for name in installed - {"build"} | {"local"}:
        lock = (ROOT / "requirements" / f"{name}.txt").read_text()
        pinned = {f"{package}@{version}" for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M)}
        assert bills[name] == pinned
    needed = json.loads((PORTAL / "package.json").read_text())["dependencies"]
    assert bills["portal"] >= {f"{package}@{version}" for package, version in needed.items()}
