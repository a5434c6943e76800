"""Live streams: what a watcher hears, and until when."""

import asyncio
import json
import time
from contextlib import nullcontext

import httpx
import pytest
from catalog.http import DocumentRoutes
from catalog.live import LiveHub
from catalog.rights import Rights
from chassis.auth import Identity
from chassis.jetstream import JetStreamBus
from contracts.directory import Directory
from fastapi import FastAPI, Request
from sse_starlette.sse import AppStatus

TOPIC, HINT = "connect.v1.live.14.ferme", b'{"id": "d", "state": "deposited"}'


def watcher(*clients: str) -> Identity:
    return Identity(
        sub="earl-du-chene",
        name="EARL du Chêne",
        email="",
        role="client",
        office="14",
        clients=clients,
        issued_at=time.time(),
        expires_at=int(time.time()) + 600,
    )


def hub_of(now: dict[str, Identity]) -> LiveHub:
    bus = JetStreamBus(url="nats://nowhere.example", user="", password="", name="test")
    return LiveHub(bus, Rights(Directory(dict)), current=lambda who: now.get(who.sub))


async def test_a_stream_ends_with_the_session_that_was_ended_everywhere() -> None:
    who = watcher("ferme")
    now = {who.sub: who}
    hub = hub_of(now)
    stream = hub.watch(who)
    assert (await anext(stream)).event == "ready"
    await hub.hear(TOPIC, HINT)
    assert (await anext(stream)).event == "document"
    now.clear()
    await hub.hear(TOPIC, HINT)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_stream_tells_nothing_of_an_account_that_was_taken_back_meanwhile() -> None:
    who = watcher("ferme", "pont")
    hub = hub_of({who.sub: watcher("pont")})
    stream = hub.watch(who)
    assert (await anext(stream)).event == "ready"
    await hub.hear(TOPIC, HINT)
    await hub.hear("connect.v1.live.14.pont", HINT)
    heard = await anext(stream)
    assert json.loads(heard.data or "")["client"] == "pont"


async def test_who_comes_while_the_replica_goes_is_let_go_too() -> None:
    hub, stop = hub_of({}), asyncio.Event()
    early = hub.watch(watcher("ferme"))
    assert (await anext(early)).event == "ready"
    stop.set()
    await hub.run(stop)
    late = hub.watch(watcher("ferme"))
    assert (await anext(late)).event == "ready"
    for stream in (early, late):
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(stream), 5)


async def test_a_stream_comes_to_its_end_although_the_server_stops_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its library hears of the signal too, and would break it off."""
    monkeypatch.setattr(AppStatus, "should_exit", True)
    hub, stop, who = hub_of({}), asyncio.Event(), watcher("ferme")

    async def authenticate(_: Request) -> Identity:
        asyncio.get_running_loop().call_later(0.3, stop.set)
        return who

    async def end() -> None:
        await stop.wait()
        await hub.run(stop)

    app = FastAPI()
    routes = DocumentRoutes(
        authenticate=authenticate,  # type: ignore[arg-type]
        desk=None,  # type: ignore[arg-type]
        lists=None,  # type: ignore[arg-type]
        name_of=None,  # type: ignore[arg-type]
        hub=hub,
        place=lambda _request, _who: nullcontext(),
    )
    app.include_router(routes.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://catalog.example") as client:
        answer, _ = await asyncio.gather(client.get("/api/live"), end())
    assert "event: ready" in answer.text


async def test_browsers_are_told_to_come_back_at_times_of_their_own() -> None:
    hub, told = hub_of({}), set()
    for _ in range(20):
        stream = hub.watch(watcher("ferme"))
        told.add((await anext(stream)).retry)
    assert len(told) > 10
