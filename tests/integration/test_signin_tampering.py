"""A sign-in that somebody has bent on its way, with the real provider: it ends without a session."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.catalog import CatalogProcess, Scene
from tests.support.visitor import Visitor, cookie


@pytest.fixture
async def visitor(scene: Scene, catalog: CatalogProcess) -> AsyncIterator[Visitor]:
    visitor = Visitor([catalog, catalog])
    async with visitor.http:
        yield visitor


def bent(left: httpx.Response, **changes: str) -> httpx.Response:
    """The redirect to the provider, with some of its parameters changed."""
    address = httpx.URL(left.headers["Location"])
    assert set(changes) <= set(address.params)
    return httpx.Response(303, headers={"Location": str(address.copy_merge_params(changes))})


async def test_a_sign_in_that_nobody_has_bent_ends_with_a_session(visitor: Visitor, scene: Scene) -> None:
    back = await visitor.http.get(await visitor.choose(bent(await visitor.leave()), sub=f"client-{scene.office}"))
    assert (back.status_code, bool(cookie(back))) == (303, True)


@pytest.mark.parametrize("name", ["state", "nonce", "code_challenge", "code_challenge_method"])
async def test_what_was_bent_on_the_way_to_the_provider_is_found_out(visitor: Visitor, scene: Scene, name: str) -> None:
    left = await visitor.leave()
    own = httpx.URL(left.headers["Location"]).params[name]
    # As long as the real one, and alike up to its end: the cookie of an attempt is named by a part of its state.
    changed = own[:-1] + ("A" if own[-1] != "A" else "B")
    back = await visitor.http.get(await visitor.choose(bent(left, **{name: changed}), sub=f"client-{scene.office}"))
    assert (back.status_code, cookie(back)) == (400, "")


async def test_a_code_that_was_given_to_another_attempt_is_worth_nothing(visitor: Visitor, scene: Scene) -> None:
    stolen = await visitor.choose(await visitor.leave(), sub=f"client-{scene.office}")
    mine = httpx.URL(await visitor.choose(await visitor.leave(), sub=f"other-{scene.office}"))
    back = await visitor.http.get(mine.copy_set_param("code", httpx.URL(stolen).params["code"]))
    assert (back.status_code, cookie(back)) == (400, "")


@pytest.mark.parametrize("name", ["state", "code"])
async def test_what_was_bent_on_the_way_back_is_found_out(visitor: Visitor, scene: Scene, name: str) -> None:
    back = httpx.URL(await visitor.choose(await visitor.leave(), sub=f"client-{scene.office}"))
    answer = await visitor.http.get(back.copy_set_param(name, back.params[name][:-1] + "~"))
    assert (answer.status_code, cookie(answer)) == (400, "")


async def test_a_bent_cookie_of_the_attempt_is_no_attempt(visitor: Visitor, scene: Scene) -> None:
    back = await visitor.choose(await visitor.leave(), sub=f"client-{scene.office}")
    (name,) = (name for name in visitor.http.cookies if name.startswith("connect_login_"))
    head, body, _ = visitor.http.cookies[name].split(".")
    async with httpx.AsyncClient() as bare:
        for forged in (f"{head}.{body}.", f"{head}.{body}.{'A' * 86}", ""):
            answer = await bare.get(back, headers={"Cookie": f"{name}={forged}"})
            assert (answer.status_code, cookie(answer)) == (400, "")


async def test_each_sign_in_gives_a_session_of_its_own_whatever_the_browser_brought(
    visitor: Visitor, scene: Scene
) -> None:
    planted = scene.token("other")
    visitor.http.cookies.set("connect_session", planted)
    first, second = [cookie(await visitor.sign_in(f"client-{scene.office}")) for _ in range(2)]
    assert len({planted, first, second}) == 3
    for token in (first, second):
        me = await visitor.http.get(f"{visitor.replicas[0].url}/api/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["sub"] == f"client-{scene.office}"
