"""How often one person and one address may ask the catalog, counted over two replicas."""

import asyncio
import html
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.catalog import CatalogProcess, Scene
from tests.support.eventually import eventually
from tests.support.running import RunningStack

PERSON, ADDRESS, SIGN_IN = 100, 150, 60
STREAMS, ADDRESS_STREAMS = 5, 8
# Seconds; the test itself has 120.
PATIENCE = 60


@pytest.fixture(scope="module")
def replicas(
    servers: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CatalogProcess, CatalogProcess]]:
    """Two replicas with limits that a test can reach."""
    env = {
        **servers.env("catalog"),
        "CATALOG_REQUESTS__PERSON": str(PERSON),
        "CATALOG_REQUESTS__ADDRESS": str(ADDRESS),
        "CATALOG_REQUESTS__SIGN_IN": str(SIGN_IN),
        "CATALOG_STREAMS__PERSON": str(STREAMS),
        "CATALOG_STREAMS__ADDRESS": str(ADDRESS_STREAMS),
    }
    folder = tmp_path_factory.mktemp("catalogs")
    with CatalogProcess(env, log=folder / "1.log") as first, CatalogProcess(env, log=folder / "2.log") as second:
        yield first, second


class Visitor:
    """Somebody at an address, who asks the replicas in turn."""

    def __init__(self, replicas: tuple[CatalogProcess, CatalogProcess], token: str, address: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        self._clients = [httpx.AsyncClient(base_url=each.url, headers=headers, timeout=60) for each in replicas]
        self._turn = 0

    async def ask(self, path: str = "/api/me") -> httpx.Response:
        self._turn += 1
        return await self._clients[self._turn % 2].get(path)

    async def watch(self) -> httpx.Response:
        """A live stream, open until it is closed; or why there is none."""
        self._turn += 1
        client = self._clients[self._turn % 2]
        answer = await client.send(client.build_request("GET", "/api/live"), stream=True)
        if answer.status_code != 200:
            await answer.aread()
        return answer

    async def leave(self, *, everywhere: bool) -> httpx.Response:
        return await self._clients[0].post("/logout", params={"everywhere": "true"} if everywhere else {})

    async def close(self) -> None:
        for each in self._clients:
            await each.aclose()


@pytest.fixture
async def office(servers: RunningStack, replicas: tuple[CatalogProcess, CatalogProcess]) -> AsyncIterator["Scene"]:
    """An office of its own: nobody has asked for anything yet."""
    for each in replicas:
        await each.ready()
    async with Scene(servers.endpoints, replicas[0]) as scene:
        yield scene


@pytest.fixture
async def visitors(office: Scene, replicas: tuple[CatalogProcess, CatalogProcess]) -> AsyncIterator["Visitors"]:
    """Whoever comes, each at the address that the test says."""
    opened = Visitors(office, replicas)
    yield opened
    await opened.close()


class Visitors:
    """Makes visitors, and closes them."""

    def __init__(self, office: Scene, replicas: tuple[CatalogProcess, CatalogProcess]) -> None:
        self._office, self._replicas = office, replicas
        self._opened: list[Visitor] = []

    def come(self, who: str, address: str) -> Visitor:
        """One of the office's people."""
        return self.come_with(self._office.token(who), address)

    def come_with(self, token: str, address: str) -> Visitor:
        """Whoever has this token."""
        self._opened.append(Visitor(self._replicas, token, address))
        return self._opened[-1]

    async def close(self) -> None:
        for each in self._opened:
            await each.close()


async def flood(visitor: Visitor, times: int, path: str = "/api/me") -> tuple[list[httpx.Response], float]:
    """What is answered to so many requests at once, and in how many seconds."""
    begun = time.monotonic()
    return await asyncio.gather(*(visitor.ask(path) for _ in range(times))), time.monotonic() - begun


async def flood_until_refused(visitor: Visitor, times: int, path: str) -> tuple[list[httpx.Response], float]:
    """What is answered to floods of so many until one is refused: a slow machine may take the first ones' time."""
    answers, took = list[httpx.Response](), 0.0
    while not any(each.status_code == 429 for each in answers):
        assert took < PATIENCE, f"{len(answers)} requests in {took:.0f} s, and none was refused"
        more, seconds = await flood(visitor, times, path)
        answers, took = [*answers, *more], took + seconds
    return answers, took


async def test_a_persons_requests_are_counted_over_both_replicas_and_nobody_elses_with_them(
    visitors: Visitors, replicas: tuple[CatalogProcess, CatalogProcess]
) -> None:
    visitor = visitors.come("client", "192.0.2.1")
    answers, took = await flood(visitor, PERSON * 4)
    taken = sum(each.status_code == 200 for each in answers)
    # Ten seconds for the whole of it; what was taken ahead and not used is no longer theirs.
    assert PERSON * 0.8 <= taken <= PERSON + PERSON / 10 * took + 1
    refused = next(each for each in answers if each.status_code != 200)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert refused.json()["detail"].startswith("Vous avez fait trop de demandes")
    assert (await visitors.come("other", "192.0.2.2").ask()).status_code == 200

    for replica in replicas:
        async with httpx.AsyncClient(base_url=replica.url) as http:
            metrics = (await http.get("/metrics")).text
        assert 'connect_limited_total{limit="requests",of="person"}' in metrics
        lines = [line for line in replica.log().splitlines() if '"request_limited"' in line]
        assert lines
        assert not any(personal in line for line in lines for personal in ("client-t", "192.0.2.1"))

    async def goes_on() -> bool:
        return (await visitor.ask()).status_code == 200

    await eventually(goes_on, within=30)


async def test_a_page_that_is_refused_is_a_page_that_says_so(visitors: Visitors) -> None:
    visitor = visitors.come("client", "192.0.2.3")
    await flood(visitor, PERSON * 2)

    async def refused() -> httpx.Response | None:
        await flood(visitor, PERSON)
        answer = await visitor.ask("/documents?q=facture")
        return answer if answer.status_code == 429 else None

    page = await eventually(refused, within=60)
    assert page.headers["Content-Type"].startswith("text/html")
    assert 1 <= int(page.headers["Retry-After"]) <= 10
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Trop de demandes" in page.text
    assert 'href="/documents?q=facture"' in page.text


async def test_who_asks_too_often_can_still_end_all_sessions(visitors: Visitors) -> None:
    """For a thief of a session may be the one who asks."""
    thief, owner = visitors.come("client", "192.0.2.4"), visitors.come("client", "192.0.2.5")
    answers, _ = await flood(thief, PERSON * 3)
    assert 429 in {each.status_code for each in answers}
    assert (await owner.leave(everywhere=True)).status_code == 303

    async def is_out() -> bool:
        return (await thief.ask()).status_code == 401

    await eventually(is_out, within=30)


async def test_an_address_is_counted_whoever_asks_and_an_ipv6_one_by_its_64(visitors: Visitors) -> None:
    household = [visitors.come(who, f"2001:db8:0:7::{who == 'client':x}") for who in ("client", "other", "accountant")]
    floods = [await flood(each, PERSON) for each in household]
    taken = sum(answer.status_code == 200 for answers, _ in floods for answer in answers)
    took = sum(seconds for _, seconds in floods)
    assert ADDRESS * 0.8 <= taken <= ADDRESS + ADDRESS / 10 * took + 1
    assert (await visitors.come("admin", "2001:db8:0:8::1").ask()).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/auth/callback?state=s&code=c"])
async def test_sign_ins_are_counted_by_address_and_ending_sessions_never(visitors: Visitors, path: str) -> None:
    """For each leads to the provider, and whoever floods it there is nobody that is known."""
    here = f"192.0.2.{6 if path == '/login' else 7}"
    stranger, owner = visitors.come("outsider", here), visitors.come("client", here)
    answers, took = await flood_until_refused(stranger, SIGN_IN * 3, path)
    taken = sum(each.status_code != 429 for each in answers)
    assert SIGN_IN * 0.8 <= taken <= SIGN_IN + SIGN_IN / 10 * took + 1
    refused = next(each for each in answers if each.status_code == 429)
    assert refused.headers["Content-Type"].startswith("text/html")
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert "depuis votre réseau" in refused.text
    assert f'href="{html.escape(path)}"' in refused.text
    # Whoever is signed in there goes on, and other addresses sign in.
    assert (await owner.ask()).status_code == 200
    assert (await visitors.come("other", "192.0.2.8").ask("/login")).status_code == 303
    # While nobody of the address may sign in, its people can leave.
    await flood(stranger, SIGN_IN, path)
    for everywhere in (False, True):
        assert (await owner.leave(everywhere=everywhere)).status_code == 303


async def test_requests_without_a_session_are_counted_by_address_apart_from_all_others(visitors: Visitors) -> None:
    """Each costs the check of a signature."""
    here = "192.0.2.9"
    stranger, owner = visitors.come_with("for.g.ed", here), visitors.come("client", here)
    answers, took = await flood_until_refused(stranger, ADDRESS * 2, "/api/me")
    assert {each.status_code for each in answers} == {401, 429}
    unknown = sum(each.status_code == 401 for each in answers)
    assert ADDRESS * 0.8 <= unknown <= ADDRESS + ADDRESS / 10 * took + 1
    refused = next(each for each in answers if each.status_code == 429)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    # Whoever has a session goes on, and whoever has none can get one.
    assert (await owner.ask()).status_code == 200
    assert (await owner.ask("/login")).status_code == 303

    async def told_to_wait() -> bool:
        await flood(stranger, ADDRESS)
        page, left = await stranger.ask("/documents"), await stranger.leave(everywhere=True)
        return page.status_code == left.status_code == 429 and "Trop de demandes" in page.text

    await eventually(told_to_wait, within=60)
    assert (await owner.leave(everywhere=True)).status_code == 303
    assert (await visitors.come_with("for.g.ed", "192.0.2.10").ask()).status_code == 401


async def test_a_persons_live_streams_are_counted_over_both_replicas_and_one_that_ends_makes_room(
    visitors: Visitors, replicas: tuple[CatalogProcess, CatalogProcess]
) -> None:
    visitor = visitors.come("client", "192.0.2.11")
    streams = [await visitor.watch() for _ in range(STREAMS)]
    assert [each.status_code for each in streams] == [200] * STREAMS
    for _ in replicas:
        refused = await visitor.watch()
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) >= 1
    # Nothing else of theirs is refused, nor a stream of somebody else.
    assert (await visitor.ask()).status_code == 200
    streams.append(await visitors.come("other", "192.0.2.12").watch())
    assert streams[-1].status_code == 200
    for replica in replicas:
        async with httpx.AsyncClient(base_url=replica.url) as http:
            assert 'connect_limited_total{limit="streams",of="person"}' in (await http.get("/metrics")).text

    await streams.pop(0).aclose()

    async def let_in() -> bool:
        streams.append(await visitor.watch())
        return streams[-1].status_code == 200

    await eventually(let_in, within=20)
    for each in streams:
        await each.aclose()


async def test_live_streams_are_counted_by_address_whoever_watches(visitors: Visitors) -> None:
    here = [visitors.come(who, "192.0.2.13") for who in ("client", "other")]
    streams = [await here[0].watch() for _ in range(STREAMS)]
    streams += [await here[1].watch() for _ in range(ADDRESS_STREAMS - STREAMS)]
    assert {each.status_code for each in streams} == {200}
    assert (await here[1].watch()).status_code == 429
    for each in streams:
        await each.aclose()

    # What the address refused the person has not lost.
    async def all_of_theirs() -> bool:
        opened = [await here[1].watch() for _ in range(STREAMS)]
        for each in opened:
            await each.aclose()
        return {each.status_code for each in opened} == {200}

    await eventually(all_of_theirs, within=20)
