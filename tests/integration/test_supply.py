"""Bills of materials name what is pinned; an audit says what it did not look up, and fails when it was not made."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.supply import PORTAL, ROOT, Answer, Audit, judge, may_be_unreached, of_npm, of_pip, sbom

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
FLAWED = {"name": "flawed", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


NO_TUNNEL = """Traceback (most recent call last):
  File "requests/adapters.py", line 723, in send
    raise ProxyError(e, request=request)
requests.exceptions.ProxyError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded (Caused by X())
"""
NO_NAME = """Traceback (most recent call last):
  File "requests/adapters.py", line 729, in send
    raise ConnectionError(e, request=request)
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded (Caused by \
NameResolutionError("Failed to resolve 'index' ([Errno -3] Temporary failure in name resolution)"))
"""
TIP = """ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed
ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service with `-s SERVICE`
"""
TROUBLED = """requests.exceptions.HTTPError: {status} Error: for url: index/h11/json

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
    raise ServiceError from http_error
pip_audit._service.interface.ServiceError
"""
FORGED = """requests.exceptions.SSLError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded (Caused by \
SSLError(SSLCertVerificationError(1, 'certificate verify failed: self-signed certificate')))
"""
NO_HASH = "ERROR:pip_audit._cli:requirement foo==1 does not contain a hash\n"


def pip(*packages: dict[str, Any], status: int = 0) -> Audit:
    return of_pip("services", Answer(status, json.dumps({"dependencies": packages})))


def npm(report: object, *, status: int = 1) -> Audit:
    return of_npm("portal", Answer(status, json.dumps(report)))


def test_every_advisory_is_named_and_fails_the_audit() -> None:
    verdict = judge([pip(SOUND, FLAWED, status=1), Audit("portal", looked_up=3)])
    assert verdict.fails
    assert verdict.lines == (
        "services: 2 packages looked up, 2 advisories",
        "VULNERABLE   flawed 2.0: PYSEC-1",
        "VULNERABLE   flawed 2.0: PYSEC-2",
        "portal: 3 packages looked up, 0 advisories",
    )


def test_what_was_not_looked_up_is_never_called_sound() -> None:
    verdict = judge([pip(SOUND, UNKNOWN), pip(UNKNOWN, UNKNOWN)])
    assert not verdict.fails
    assert verdict.lines == (
        "services: 1 packages looked up, 0 advisories",
        "NOT AUDITED  services: 1 packages that the advisories' index doesn't know",
        "NOT AUDITED  services: the advisories can't be reached: the index knows none of 2 packages",
    )


def test_npms_report_counts_too() -> None:
    report = {"metadata": {"dependencies": {"total": 90}}, "vulnerabilities": {"left-pad": {"severity": "high"}}}
    assert npm(report) == Audit("portal", 90, found=("left-pad: high",))


@pytest.mark.parametrize("said", [NO_TUNNEL, NO_NAME, TIP, TROUBLED.format(status=503)])
def test_pip_audit_without_a_network_is_no_failure_and_is_said(said: str) -> None:
    audit = of_pip("services", Answer(1, "", said))
    assert (bool(audit.unreached), audit.failed) == (True, None)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, NO_HASH),
        (1, FORGED),
        (1, TROUBLED.format(status=400)),
        (2, "usage: pip-audit\npip-audit: error: unrecognized arguments: --nonsense\n"),
        (1, "Traceback (most recent call last):\nKeyError: 'vulns'\n"),
        (1, "/usr/bin/python: No module named pip_audit\n"),
        (-9, ""),
        (0, ""),
    ],
)
def test_a_pip_audit_that_fails_otherwise_fails_the_audit_with_its_last_word(status: int, said: str) -> None:
    audit = of_pip("services", Answer(status, "", said))
    assert audit.unreached is None
    verdict = judge([audit, Audit("portal", looked_up=3)])
    assert verdict.fails
    assert verdict.lines[0] == f"AUDIT FAILED services: {said.strip().splitlines()[-1] if said else f'exit {status}'}"


@pytest.mark.parametrize(
    "report",
    [
        {"message": "request to https://r/bulk failed, reason: connect ECONNREFUSED 127.0.0.1:9", "error": {}},
        {"message": "request to https://r/bulk failed, reason: getaddrinfo ENOTFOUND r", "error": {}},
        {"message": "request to https://r/bulk failed, reason: getaddrinfo EAI_AGAIN r", "error": {}},
        {"message": "405 Method Not Allowed - POST https://r/bulk", "statusCode": 405, "error": {}},
        {"message": "503 Service Unavailable - POST https://r/bulk", "statusCode": 503, "error": {}},
    ],
)
def test_npm_without_a_network_or_before_a_mirror_is_no_failure_and_is_said(report: dict[str, Any]) -> None:
    audit = npm(report)
    assert (audit.unreached, audit.failed) == (report["message"], None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            Answer(1, '{"error": {"code": "ENOLOCK", "summary": "This command requires an existing lockfile."}}'),
            "This command requires an existing lockfile.",
        ),
        (
            Answer(1, '{"message": "400 Bad Request - POST r", "statusCode": 400, "error": {}}'),
            "400 Bad Request - POST r",
        ),
        (
            Answer(1, '{"message": "request to r failed, reason: self-signed certificate", "error": {}}'),
            "request to r failed, reason: self-signed certificate",
        ),
        (
            Answer(1, "", "npm error code EJSONPARSE\nnpm error JSON.parse Invalid package.json\n"),
            "npm error JSON.parse Invalid package.json",
        ),
        (Answer(7, ""), "exit 7"),
        (Answer(0, "[]"), "exit 0"),
    ],
)
def test_an_npm_that_fails_otherwise_fails_the_audit(answer: Answer, why: str) -> None:
    assert of_npm("portal", answer) == Audit("portal", failed=why)
    assert judge([of_npm("portal", answer)]).fails


@pytest.mark.parametrize(
    ("environment", "may"),
    [
        ({}, True),
        ({"CI": "true"}, False),
        ({"CI": "true", "AUDIT_UNREACHED": "allowed"}, True),
        ({"AUDIT_UNREACHED": "refused"}, False),
    ],
)
def test_advisories_out_of_reach_fail_where_somebody_counts_on_them(environment: dict[str, str], may: bool) -> None:
    assert may_be_unreached(environment) is may
    audits = [of_pip("services", Answer(1, "", TIP))]
    assert judge(audits, may_be_unreached=may).fails is not may


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
