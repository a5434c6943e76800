"""Signing in with the real provider, staying signed in, and signing out, on the catalog as its own process."""

import re
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from catalog.attempt import cookie_name

from tests.support.catalog import CatalogProcess, Scene
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.visitor import Visitor, cookie


@pytest.fixture(scope="module")
def replicas(servers: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[CatalogProcess]]:
    log = tmp_path_factory.mktemp("catalog") / "log"
    env = servers.env("catalog")
    with CatalogProcess(env, log=log) as first, CatalogProcess(env, log=log) as second:
        yield [first, second]


@pytest.fixture
async def scene(servers: RunningStack, replicas: list[CatalogProcess]) -> AsyncIterator[Scene]:
    for replica in replicas:
        await replica.ready()
    async with Scene(servers.endpoints, replicas[0]) as made:
        yield made


@pytest.fixture
async def visitor(scene: Scene, replicas: list[CatalogProcess]) -> AsyncIterator[Visitor]:
    visitor = Visitor(replicas)
    async with visitor.http:
        yield visitor


async def me(visitor: Visitor, token: str) -> httpx.Response:
    return await visitor.http.get(f"{visitor.replicas[0].url}/api/me", headers={"Cookie": f"connect_session={token}"})


async def test_a_client_signs_in_begun_on_one_replica_and_finished_on_the_other(visitor: Visitor, scene: Scene) -> None:
    back = await visitor.sign_in(f"client-{scene.office}", "/documents?space=published")
    assert (back.status_code, back.headers["Location"]) == (303, "/documents?space=published")
    given = next(header for header in back.headers.get_list("set-cookie") if header.startswith("connect_session="))
    assert {part.strip().casefold() for part in given.split(";")[1:]} == {
        "httponly",
        "secure",
        "samesite=lax",
        "path=/",
        "max-age=28800",
    }
    told = (await me(visitor, cookie(back))).json()
    assert told.pop("expires_at").endswith("Z")
    assert told == {
        "sub": f"client-{scene.office}",
        "name": "CLIENT",
        "role": "client",
        "office": {"id": scene.office, "name": "CERFRANCE T"},
        "clients": [{"id": "earl-du-chene", "name": "earl-du-chene"}],
    }


async def test_a_collaborator_s_accounts_come_from_the_directory(visitor: Visitor, scene: Scene) -> None:
    told = (await me(visitor, cookie(await visitor.sign_in(f"accountant-{scene.office}")))).json()
    assert (told["role"], [client["id"] for client in told["clients"]]) == ("collaborator", ["earl-du-chene"])


async def test_whom_the_directory_does_not_know_gets_a_page_and_no_session(visitor: Visitor) -> None:
    back = await visitor.sign_in(f"stranger-{uuid.uuid4()}")
    assert back.status_code == 403
    assert "Adressez-vous à votre CERFRANCE" in back.text
    assert cookie(back) == ""


async def test_who_declines_at_the_provider_is_told_so(visitor: Visitor) -> None:
    back = await visitor.http.get(await visitor.choose(await visitor.leave(), action="deny"))
    assert (back.status_code, cookie(back)) == (403, "")
    assert "annulée" in back.text


async def test_an_answer_of_the_provider_is_worthless_in_another_browser(visitor: Visitor, scene: Scene) -> None:
    back = await visitor.choose(await visitor.leave(), sub=f"client-{scene.office}")
    async with httpx.AsyncClient() as another:
        stolen = await another.get(back)
    assert (stolen.status_code, cookie(stolen)) == (400, "")


async def test_one_attempt_s_code_does_not_fit_another_attempt(visitor: Visitor, scene: Scene) -> None:
    first, second = await visitor.leave(), await visitor.leave()
    code = httpx.URL(await visitor.choose(first, sub=f"client-{scene.office}")).params["code"]
    other = httpx.URL(await visitor.choose(second, sub=f"client-{scene.office}"))
    mixed = await visitor.http.get(other.copy_set_param("code", code))
    assert (mixed.status_code, cookie(mixed)) == (400, "")


async def test_a_code_works_once(visitor: Visitor, scene: Scene) -> None:
    left = await visitor.leave()
    sealed = {name: value for name, value in visitor.http.cookies.items() if name.startswith("connect_login_")}
    back = await visitor.choose(left, sub=f"client-{scene.office}")
    assert (await visitor.http.get(back)).status_code == 303
    kept = "; ".join(f"{name}={value}" for name, value in sealed.items())
    assert (await visitor.http.get(back, headers={"Cookie": kept})).status_code == 400


async def test_two_tabs_can_sign_in_at_once(visitor: Visitor, scene: Scene) -> None:
    first, second = await visitor.leave("/documents?sort=name"), await visitor.leave()
    for left in (second, first):
        assert (await visitor.http.get(await visitor.choose(left, sub=f"client-{scene.office}"))).status_code == 303


async def test_signing_in_never_leads_to_another_site(visitor: Visitor, scene: Scene) -> None:
    back = await visitor.sign_in(f"client-{scene.office}", "//evil.example/documents")
    assert back.headers["Location"] == "/"


async def test_the_attempt_s_cookie_is_gone_after_the_sign_in(visitor: Visitor, scene: Scene) -> None:
    left = await visitor.leave()
    name = cookie_name(httpx.URL(left.headers["Location"]).params["state"])
    assert visitor.http.cookies.get(name)
    await visitor.http.get(await visitor.choose(left, sub=f"client-{scene.office}"))
    assert not visitor.http.cookies.get(name)


async def test_signing_out_everywhere_ends_every_session_on_every_replica_and_the_next_one_holds(
    visitor: Visitor, scene: Scene, replicas: list[CatalogProcess]
) -> None:
    sub = f"client-{scene.office}"
    phone, desk = cookie(await visitor.sign_in(sub)), cookie(await visitor.sign_in(sub))
    other = cookie(await visitor.sign_in(f"accountant-{scene.office}"))
    origin = replicas[0].env["CATALOG_PUBLIC_URL"]
    headers = {"Cookie": f"connect_session={desk}", "Origin": origin}
    out = await visitor.http.post(f"{replicas[0].url}/logout?everywhere=true", headers=headers)
    assert (out.status_code, out.headers["Location"], cookie(out)) == (303, "/au-revoir?everywhere=true", "")

    async def ended() -> bool:
        asked = [
            await visitor.http.get(f"{replica.url}/api/me", headers={"Authorization": f"Bearer {token}"})
            for replica in replicas
            for token in (phone, desk)
        ]
        return {answer.status_code for answer in asked} == {401}

    await eventually(ended, within=5)
    assert (await me(visitor, other)).status_code == 200
    assert (await me(visitor, cookie(await visitor.sign_in(sub)))).status_code == 200


@pytest.mark.parametrize(("who", "transfers"), [("client", True), ("accountant", True), ("admin", False)])
async def test_whoever_may_sign_out_everywhere_is_told_what_ends(scene: Scene, who: str, transfers: bool) -> None:
    asked = await scene.browser(who).get("/deconnexion-partout")
    main = asked.text.partition("<main")[2].partition("</main>")[0]
    assert "de tous vos appareils, y compris de celui que vous utilisez" in main
    assert ("Les transferts en cours s’arrêtent" in main) == transfers
    assert '<form class="choices" method="post" action="/logout?everywhere=true">' in main


async def test_another_site_can_neither_sign_me_out_here_nor_everywhere(
    visitor: Visitor, scene: Scene, replicas: list[CatalogProcess]
) -> None:
    token = cookie(await visitor.sign_in(f"client-{scene.office}"))
    mine, origin = {"Cookie": f"connect_session={token}"}, replicas[0].env["CATALOG_PUBLIC_URL"]
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": origin, "Sec-Fetch-Site": "cross-site"}, {}):
        for sent in ({**mine, **foreign}, foreign):
            for path in ("/logout", "/logout?everywhere=true"):
                answer = await visitor.http.post(f"{replicas[0].url}{path}", headers=sent)
                assert (answer.status_code, answer.headers.get_list("set-cookie")) == (403, []), (sent, path)
    assert (await me(visitor, token)).status_code == 200


async def test_signing_out_here_has_this_browser_forget_and_leaves_the_others(
    visitor: Visitor, scene: Scene, replicas: list[CatalogProcess]
) -> None:
    token = cookie(await visitor.sign_in(f"client-{scene.office}"))
    headers = {"Cookie": f"connect_session={token}", "Origin": replicas[0].env["CATALOG_PUBLIC_URL"]}
    out = await visitor.http.post(f"{replicas[0].url}/logout", headers=headers)
    assert any("connect_session" in header and "Max-Age=0" in header for header in out.headers.get_list("set-cookie"))
    assert (await me(visitor, token)).status_code == 200


async def test_without_a_session_the_api_says_so_and_a_page_sends_one_to_sign_in(
    visitor: Visitor, replicas: list[CatalogProcess]
) -> None:
    answer = await visitor.http.get(f"{replicas[0].url}/api/me")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    page = await visitor.http.get(f"{replicas[0].url}/documents?space=published&folder=Bilan")
    assert page.status_code == 303
    assert page.headers["Location"] == "/login?next=/documents%3Fspace%3Dpublished%26folder%3DBilan"


async def test_the_published_keys_can_be_cached_and_hold_no_secret(
    visitor: Visitor, replicas: list[CatalogProcess]
) -> None:
    answers = [await visitor.http.get(f"{replica.url}/.well-known/jwks.json") for replica in replicas]
    assert answers[0].json() == answers[1].json()
    assert len(answers[0].json()["keys"]) == 2
    assert all("d" not in key for key in answers[0].json()["keys"])
    assert re.fullmatch(r"public, max-age=\d+", answers[0].headers["cache-control"])


async def test_while_the_provider_is_away_a_page_says_to_try_again_and_sessions_go_on(
    visitor: Visitor, scene: Scene, servers: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token = cookie(await visitor.sign_in(f"client-{scene.office}"))
    gone = {**servers.env("catalog"), "CATALOG_OIDC__ISSUER": "http://127.0.0.1:9"}
    with CatalogProcess(gone, log=tmp_path_factory.mktemp("catalog") / "log") as catalog:
        await catalog.ready()
        answer = await visitor.http.get(f"{catalog.url}/login")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "momentanément indisponible" in answer.text
        asked = await visitor.http.get(f"{catalog.url}/api/me", headers={"Authorization": f"Bearer {token}"})
        assert asked.status_code == 200
