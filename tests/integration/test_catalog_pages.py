"""*Mes documents* and *À traiter* as a browser without scripts gets them."""

import html
import io
import re
import zipfile

import httpx
import pytest
from contracts.envelope import Envelope

from tests.support.catalog import Scene


async def deposit(scene: Scene, *names: str, folder: str = "comptable") -> list[Envelope]:
    made = [scene.announced(name=name, folder=folder) for name in names]
    await scene.tell(*made)
    for each in made:
        await scene.shown(scene.browser("client"), each)
    return made


def text(page: httpx.Response) -> str:
    """A page's words."""
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def names(page: httpx.Response) -> list[str]:
    """The documents listed."""
    return re.findall(r'<a class="filename[^>]*>([^<]+)</a>', page.text)


async def test_a_client_finds_the_deposit_with_its_state_and_reads_it_by_the_page_s_links(scene: Scene) -> None:
    (made,) = await deposit(scene, "facture_coop_012020.pdf")
    scene.put("staging", made.data.document, b"%PDF".ljust(made.data.size))
    http = scene.browser("client")
    page = await http.get("/documents")
    assert "CONSULTER Mes documents" in text(page)
    assert "Comptable 1" in text(page)
    assert "Conseil 0" in text(page)
    assert "Déposé" in text(page)
    assert names(page) == ["facture_coop_012020.pdf"]
    links = re.findall(r'href="(/api/documents/[^"]+)"', page.text)
    assert [(await http.get(link)).status_code for link in links] == [200, 200]
    dispositions = [(await http.get(link)).headers["content-disposition"].split(";")[0] for link in links]
    assert dispositions == ["inline", "attachment"]


async def test_a_folder_shows_its_own_documents_and_each_tab_its_own_space(scene: Scene) -> None:
    await deposit(scene, "a.pdf")
    await deposit(scene, "b.pdf", folder="conseil")
    http = scene.browser("client")
    assert names(await http.get("/documents?folder=conseil")) == ["b.pdf"]
    assert names(await http.get("/documents?sort=name")) == ["a.pdf", "b.pdf"]
    assert names(await http.get("/documents?sort=-name")) == ["b.pdf", "a.pdf"]
    assert "mis à disposition par votre CERFRANCE" in text(await http.get("/documents?space=published"))


async def test_pages_go_on_where_the_last_one_ended_until_all_were_seen_once(scene: Scene) -> None:
    made = [scene.announced(name=f"{number:03}.pdf") for number in range(60)]
    await scene.tell(*made)
    http = scene.browser("client")
    await scene.shown(http, made[-1])
    first = await http.get("/documents?sort=name")
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    second = await http.get(following[1].replace("&amp;", "&"))
    assert names(first) + names(second) == [f"{number:03}.pdf" for number in range(60)]
    assert "Revenir au début" in text(second)
    assert "Documents suivants" not in text(second)
    previous = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert previous
    back = await http.get(previous[1].replace("&amp;", "&"))
    assert names(back) == names(first)
    assert "Documents précédents" not in text(back)
    assert len(names(await http.get("/documents?show=200"))) == 60


async def test_a_search_counts_what_it_finds_beyond_the_page(scene: Scene) -> None:
    made = [scene.announced(name=f"Relevé d’août {number:03}.pdf") for number in range(60)]
    await scene.tell(*made, scene.announced(name="facture.pdf"))
    http = scene.browser("client")
    await scene.shown(http, made[-1])
    found = await http.get("/documents?q=releve+AOU")
    assert "60 documents pour « releve AOU »" in html.unescape(text(found)).replace("\u00a0", " ")
    assert len(names(found)) == 50
    assert names(await http.get("/documents?q=factu")) == ["facture.pdf"]
    nothing = await http.get("/documents?q=introuvable&folder=conseil")
    assert "Aucun document ne porte ce nom dans ce dossier." in text(nothing)
    assert "Effacer la recherche" in text(nothing)


async def test_the_account_looked_at_last_is_remembered_by_the_browser_alone(scene: Scene) -> None:
    mine, other = scene.announced(name="ferme.pdf"), scene.announced(name="garage.pdf", client=scene.other)
    await scene.tell(mine, other)
    http = scene.browser("both")
    for each in (mine, other):
        await scene.shown(http, each)
    sent = await http.get("/documents?sort=name&before=x")
    assert sent.status_code == 303
    first = await http.get(sent.headers["Location"])
    assert names(first) == ["ferme.pdf"]
    # Nobody chose it: it isn't remembered, and a deposit from here goes to none by itself.
    assert "Set-Cookie" not in sent.headers
    assert "Set-Cookie" not in first.headers
    assert 'data-transfer data-client=""' in first.text
    chosen = await http.get(f"/documents?client={scene.other}")
    assert names(chosen) == ["garage.pdf"]
    assert f'data-transfer data-client="{scene.other}"' in chosen.text
    cookie = chosen.headers["Set-Cookie"]
    assert re.fullmatch(
        rf"connect_client={scene.other}; HttpOnly; Max-Age=\d+; Path=/documents; SameSite=lax; Secure", cookie
    )
    remembered = {"Cookie": f"connect_client={scene.other}"}
    # The address says whose documents they are: another window's choice changes nothing in this one.
    sent = await http.get("/documents?sort=name", headers=remembered)
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/documents?client={scene.other}&sort=name")
    assert names(await http.get(sent.headers["Location"])) == ["garage.pdf"]
    links = re.findall(r'href="(/documents\?[^"]+)"', first.text)
    assert links
    for link in links:
        page = await http.get(html.unescape(link), headers=remembered)
        assert page.status_code == 200, link
        assert "Set-Cookie" not in page.headers
        assert f'<option value="{scene.client}" selected>' in page.text
    # Somebody else at the same browser.
    assert names(await scene.browser("client").get("/documents", headers=remembered)) == ["ferme.pdf"]


async def test_a_form_gets_a_zip_of_what_was_ticked_and_of_nothing_else(scene: Scene) -> None:
    one, two, left = await deposit(scene, "un.pdf", "deux.pdf", "trois.pdf")
    for each in (one, two, left):
        scene.put("staging", each.data.document, each.data.name.encode())
    http = scene.browser("client")
    ids = {"ids": [one.data.document, two.data.document]}
    answer = await http.post("/documents/archive", data=ids)
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "deux.pdf": b"deux.pdf",
            "un.pdf": b"un.pdf",
        }
    assert (await scene.browser("other").post("/documents/archive", data=ids)).status_code == 404
    nothing = await http.post("/documents/archive", data={})
    assert nothing.status_code == 422
    assert "Cochez d’abord" in nothing.text


@pytest.mark.parametrize("who", ["other", "admin"])
async def test_nobody_else_finds_it(scene: Scene, who: str) -> None:
    await deposit(scene, "secret.pdf")
    http = scene.browser(who)
    assert names(await http.get("/documents")) == []
    if who != "admin":
        assert (await http.get(f"/documents?client={scene.client}")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        "space=elsewhere",
        "sort=taken_at",
        "show=1000",
        "cursor=%00",
        "cursor=W10",
        "before=W10",
        # ["a name", "id"] is no place in an order by date; [2**64, "id"] is in none.
        "cursor=WyJhIG5hbWUiLCAiaWQiXQ",
        "sort=size&before=WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LCAiaWQiXQ",
        f"folder={'x' * 99}",
    ],
)
async def test_an_address_that_cannot_be_meant_so_is_a_page_and_no_bug(scene: Scene, wrong: str) -> None:
    page = await scene.browser("client").get(f"/documents?{wrong}")
    assert page.status_code == 404
    assert "Retour à Mes documents" in page.text


async def test_the_home_page_leads_to_the_documents_and_pages_are_never_cached(scene: Scene) -> None:
    http = scene.browser("client")
    assert (await http.get("/")).headers["Location"] == "/documents"
    page = await http.get("/documents")
    assert page.headers["Cache-Control"] == "private, no-store"
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert style
    served = await http.get(style[1])
    assert (served.status_code, served.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
