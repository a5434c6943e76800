"""Programs that no `pip` brings: where they are, and how to get them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable

import pytest

_PACKAGES = {
    "chromium": "chromium",
    "clamd": "clamav-daemon",
    "curl": "curl",
    "make": "make",
    "openssl": "openssl",
    "promtool": "prometheus",
}
_INSTALL = re.compile(r"apt-get install (\S+)")


def require(program: str) -> None:
    """Skip the test, saying what to install, where the program is missing; fail it where CI=true."""
    # Servers such as clamd lie where not everybody's PATH goes.
    if shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"):
        return
    reason = f"{program} is missing: apt-get install {_PACKAGES[program]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def missing_packages(reasons: Iterable[str]) -> list[str]:
    """The packages that these reasons for a skip name, each once."""
    return sorted({package for reason in reasons for package in _INSTALL.findall(reason)})
