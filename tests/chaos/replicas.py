"""A whole stack with several replicas of every service, and what shows that each does its share."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.support.running import EVERYTHING, RunningStack

WHOLE = bool(os.environ.get("CHAOS_WHOLE"))
_REPLICAS = {"upload": 2, "catalog": 2, "notify": 2, "ged-mover": 2}
if WHOLE:
    _REPLICAS = {"upload": 3, "catalog": 3, "notify": 2, "ged-mover": 4}
# What shows that a replica did a share of its service's work.
_WORK = {
    "upload": r"connect_upload_received_bytes_total (\S+)",
    "catalog": r'connect_handled_total{event="deposited",outcome="done",subscription="catalog-projection\S*"} (\S+)',
    "notify": r'connect_handled_total{event="deposited",outcome="done",\S*} (\S+)',
    "ged-mover": r"connect_ged_moved_bytes_total (\S+)",
}
# Everybody here is at one address, and few are many; and the last seal is to be seen.
_SETTINGS = {
    "LIMITS__PERSON__TRANSFERS": "none",
    "LIMITS__PERSON__REQUESTS": "none",
    "REQUESTS__PERSON": "none",
    "SEAL_EVERY": "20",
}


def several(folder: Path) -> RunningStack:
    """Two to four of each service, not started yet."""
    return RunningStack(folder, only=EVERYTHING, replicas=_REPLICAS, settings=_SETTINGS)


async def shares(stack: RunningStack, http: httpx.AsyncClient) -> Mapping[str, float]:
    """What each replica has done so far, in its service's own unit."""
    done = {}
    for process in stack.plan.services():
        metrics = (await http.get(f"http://127.0.0.1:{process.port}/metrics")).text
        done[process.name] = sum(map(float, re.findall(f"^{_WORK[process.program]}$", metrics, re.MULTILINE)))
    return done
