"""Replicas of the catalog whose hosts' clocks differ: what one tells counts at the other."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.catalog import CatalogProcess, Scene
from tests.support.clocks import clock_ahead
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.visitor import Visitor, cookie

# Seconds: fewer than a token may have been issued in the future.
_AHEAD = 25


@pytest.fixture(scope="module")
def replicas(servers: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[CatalogProcess]]:
    """The second one's clock is ahead."""
    log, env = tmp_path_factory.mktemp("catalog") / "log", servers.env("catalog")
    with (
        CatalogProcess(env, log=log) as right,
        CatalogProcess({**env, **clock_ahead(_AHEAD)}, log=log) as ahead,
    ):
        yield [right, ahead]


@pytest.fixture
async def scene(servers: RunningStack, replicas: list[CatalogProcess]) -> AsyncIterator[Scene]:
    for replica in replicas:
        await replica.ready()
    async with Scene(servers.endpoints, replicas[0]) as made:
        yield made


async def test_what_changed_since_an_answer_of_a_replica_that_is_ahead_is_listed(
    scene: Scene, replicas: list[CatalogProcess]
) -> None:
    deposit = scene.announced()
    await scene.tell(deposit)
    async with scene.browser("client") as http:
        await scene.shown(http, deposit)
        lists = f"{replicas[1].url}/api/documents"
        since = (await http.get(lists)).json()["as_of"]
        await http.delete(f"/api/documents/{deposit.data.document}")
        changed = (await http.get(lists, params={"changed_since": since})).json()["documents"]
    assert [each["state"] for each in changed] == ["withdrawn"]


@pytest.mark.parametrize(("begun_at", "ended_at"), [(1, 0), (0, 1)])
async def test_all_sessions_end_whichever_replica_began_them_and_the_next_one_holds(
    scene: Scene, replicas: list[CatalogProcess], begun_at: int, ended_at: int
) -> None:
    begun, ended = replicas[begun_at], replicas[ended_at]
    sub, visitor = f"client-{scene.office}", Visitor([begun, begun])
    async with visitor.http as http:

        async def answers(token: str) -> set[int]:
            headers = {"Authorization": f"Bearer {token}"}
            return {(await http.get(f"{each.url}/api/me", headers=headers)).status_code for each in replicas}

        async def is_over(token: str) -> bool:
            return await answers(token) == {401}

        before = cookie(await visitor.sign_in(sub))
        assert await answers(before) == {200}
        headers = {"Cookie": f"connect_session={before}", "Origin": begun.env["CATALOG_PUBLIC_URL"]}
        await http.post(f"{ended.url}/logout?everywhere=true", headers=headers)
        await eventually(lambda: is_over(before), within=10)
        assert await answers(cookie(await visitor.sign_in(sub))) == {200}
