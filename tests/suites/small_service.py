"""A service of the smallest kind, to be run as a process and told to stop: `python -m tests.suites.small_service PORT`.

`GET /slow` notes `asked` and takes a second; `POST /cut` notes `asked` and answers 503, its body unread, once the
service stops; task `steady` notes `drained` as it ends, both in the file DRAINED; `failing` raises when that file's
folder holds a file `fail`. Told to stop, it goes on for DRAIN_WAIT seconds. `GET /stuck` never answers, and `steady`
takes STEADY seconds to end; requests and tasks have REQUESTS and TASKS seconds.
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from chassis.health import Check
from chassis.service import Parts, run_service
from chassis.settings import ServiceSettings
from fastapi import APIRouter, Response
from pydantic import SecretStr

from chassis import service

DRAINED = Path(os.environ.get("DRAINED", "/nonexistent"))


def _note(word: str) -> None:
    with DRAINED.open("a", encoding="utf-8") as notes:
        notes.write(f"{word}\n")


async def _compose(stack: AsyncExitStack) -> Parts:
    router, stopping = APIRouter(), asyncio.Event()
    stack.callback(_note, "closed")

    @router.get("/slow")
    async def slow() -> str:
        _note("asked")
        await asyncio.sleep(1)
        return "whole"

    @router.post("/cut")
    async def cut() -> Response:
        _note("asked")
        await stopping.wait()
        return Response("elsewhere", 503)

    @router.get("/stuck")
    async def stuck() -> None:
        _note("stuck")
        await asyncio.Event().wait()

    async def steady(stop: asyncio.Event) -> None:
        await stop.wait()
        stopping.set()
        await asyncio.sleep(float(os.environ.get("STEADY", "0.5")))
        _note("drained")

    async def failing(stop: asyncio.Event) -> None:
        while not stop.is_set():
            if (DRAINED.parent / "fail").exists():
                raise KeyError("lost")
            await asyncio.sleep(0.05)

    async def fine() -> None:
        return

    return Parts(checks={"nothing": Check(fine)}, routers=[router], tasks={"steady": steady, "failing": failing})


def _settings(port: int) -> ServiceSettings:
    secret = SecretStr("unused")
    return ServiceSettings(
        port=port,
        drain_wait=float(os.environ.get("DRAIN_WAIT", "0")),
        nats_url="-",
        nats_user="-",
        nats_password=secret,
        mongo_url=secret,
        mongo_database="-",
    )


if __name__ == "__main__":
    service.DRAIN_SECONDS = int(os.environ.get("TASKS", service.DRAIN_SECONDS))
    service.REQUESTS_SECONDS = int(os.environ.get("REQUESTS", service.REQUESTS_SECONDS))
    run_service(name="small", settings=_settings(int(sys.argv[1])), compose=_compose)
