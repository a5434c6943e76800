"""What must hold before anything is started: told in one line where it doesn't."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys

from .commands import mongod_path
from .errors import StackError
from .plan import Plan, port_is_free

_MACHINES = ("x86_64", "aarch64")

_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}


def check_machine(plan: Plan) -> None:
    """Raises StackError where the servers cannot run on this machine."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise StackError(
            f"The local stack runs on Linux x86-64 and aarch64, not on {platform.system()} {platform.machine()}."
        )
    if shutil.which("setpriv") is None:
        raise StackError("setpriv is missing: apt-get install util-linux")
    if "mongod" in plan.only:
        _check_libraries()


def check_ports(plan: Plan) -> None:
    """Raises StackError when another program listens on a port this stack needs."""
    for port, name in plan.all_ports():
        if not port_is_free(port):
            raise StackError(
                f"Port {port} ({name}) is taken by another program: PORT_BASE=<number> moves every port of the stack."
            )


def _check_libraries() -> None:
    ldd = subprocess.run(("ldd", str(mongod_path())), capture_output=True, text=True, check=False)
    # A system that is too old has no package of such libraries either.
    if "not found" in ldd.stderr:
        raise StackError("mongod needs a newer system: Debian 12, Ubuntu 22.04 or later.")
    missing = re.findall(r"^\s*(\S+) => not found", ldd.stdout, re.MULTILINE)
    if missing:
        packages = " ".join(sorted({_PACKAGES.get(library, library) for library in missing}))
        raise StackError(f"mongod needs {', '.join(missing)}: apt-get install {packages}")
