"""*Mes documents*: the list as a client sees it, before and without scripts too."""

import asyncio
import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser import accessibility_faults, screens
from tests.support.catalog import Scene
from tests.support.list_page import decided, deposits, names, row, secured, zipped
from tests.support.told import admit, returned, taken

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def browser_without_scripts(page: Page) -> Browser:
    """The browser of the page; contexts made in it choose for themselves."""
    browser = page.context.browser
    assert browser is not None
    return browser


async def test_the_list_stands_as_the_guide_shows_it(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, "facture_coop_012020.pdf", "facture_coop_022020.pdf"))
    await secured(scene, deposits(scene, "bilan.pdf", folder="conseil"))
    await client.goto(f"{portal}/documents")
    await expect(client.get_by_role("heading", name="Mes documents", level=1)).to_be_visible()
    tabs = client.get_by_role("navigation", name="Espaces").get_by_role("link")
    await expect(tabs).to_have_text(["DOCUMENTS", "FICHIERS EN COURS"])
    folders = client.get_by_role("navigation", name="Mes dossiers").get_by_role("link")
    await expect(folders).to_have_text(["Tous 3", "Comptable 2", "Conseil 1"])
    heads = client.get_by_role("columnheader")
    await expect(heads).to_have_text([re.compile(text) for text in ("^$", "NOM", "DATE", "ÉTAT", "TAILLE", "Actions")])
    line = row(client, "facture_coop_022020.pdf")
    await expect(line.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^\d\d/\d\d/20\d\d$"))
    await expect(line.get_by_role("cell").nth(3)).to_have_text("Sécurisé")
    await expect(line.get_by_role("cell").nth(4)).to_have_text("0,08 MB")
    deeds = line.get_by_role("cell").last.locator("a, button")
    said = [await each.get_attribute("aria-label") for each in await deeds.all()]
    assert said == [f"{verb} facture_coop_022020.pdf" for verb in ("Visualiser", "Télécharger", "Supprimer")]
    await folders.filter(has_text="Conseil").click()
    await expect(names(client)).to_have_text(["bilan.pdf"])
    await expect(client).to_have_url(re.compile("folder=conseil"))


async def test_each_state_is_a_word_and_a_trouble_a_sentence(client: Page, scene: Scene, portal: str) -> None:
    secure, charged, unreadable, old = made = deposits(scene, "sûr.pdf", "pris.pdf", "photo.jpg", "ancien.pdf")
    await secured(scene, made)
    await decided(scene, charged, taken(charged), state="taken")
    await decided(scene, unreadable, returned(unreadable, "Photo illisible"), state="returned")
    await decided(scene, old, returned(old, "Page manquante"), state="returned")
    new = scene.announced(name="nouveau.pdf", replaces=old.data.document, deposited_at=datetime.now(UTC))
    await secured(scene, [new])
    # Its bytes are nowhere, so that the mover gives it up.
    (lost,) = deposits(scene, "perdu.pdf")
    await scene.tell(lost)
    await client.goto(f"{portal}/documents")
    await expect(row(client, secure.data.name).locator(".pill")).to_have_text("Sécurisé")
    await expect(row(client, "pris.pdf").locator(".pill")).to_have_text("Pris en charge")
    await expect(row(client, "photo.jpg").locator(".pill")).to_have_text("À revoir")
    await expect(row(client, "photo.jpg")).to_contain_text("Motif : Photo illisible")
    await expect(row(client, "ancien.pdf").locator(".pill")).to_have_text("Remplacé")
    await expect(row(client, "perdu.pdf").locator(".pill")).to_have_text("Déposé")
    advice = "Le fichier reçu est introuvable. Déposez-le de nouveau"
    await expect(row(client, "perdu.pdf")).to_contain_text(advice, timeout=30_000)
    link = row(client, "ancien.pdf").get_by_role("link", name="Voir le document qui le remplace")
    assert await link.get_attribute("href") == f"/documents/{new.data.document}"
    assert await row(client, "pris.pdf").get_by_role("button").count() == 0
    await screens(client, "list-states")
    await client.emulate_media(color_scheme="dark")
    await screens(client, "list-states-dark")


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_state_of_the_list_has_an_accessibility_fault(
    client: Page, scene: Scene, portal: str, scheme: str
) -> None:
    await client.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await client.goto(f"{portal}/documents")
    await expect(client.get_by_text("Aucun fichier en cours.")).to_be_visible()
    assert await accessibility_faults(client) == []
    await screens(client, f"list-empty-{scheme}")
    made = deposits(scene, *(f"facture {number}.pdf" for number in range(60)))
    await secured(scene, made)
    await decided(scene, made[0], returned(made[0], "Page manquante"), state="returned")
    await client.reload()
    assert await accessibility_faults(client) == []
    for box in (await client.locator("#rows input").all())[:3]:
        await box.check()
    await expect(client.get_by_text("3 documents sélectionnés")).to_be_visible()
    assert await accessibility_faults(client) == []
    await screens(client, f"list-selection-{scheme}")
    await client.get_by_role("group", name="Sélection").get_by_role("button", name="Supprimer").click()
    await expect(client.get_by_role("dialog")).to_be_visible()
    assert await accessibility_faults(client) == []
    await screens(client, f"list-confirmation-{scheme}")
    await client.get_by_role("button", name="Annuler").click()
    await client.keyboard.press("Escape")
    await client.get_by_role("searchbox").fill("rien de tel")
    await expect(client.get_by_text("Aucun document ne porte ce nom.")).to_be_visible()
    assert await accessibility_faults(client) == []
    await screens(client, f"list-nothing-found-{scheme}")


async def test_somebody_with_two_accounts_changes_between_them_without_scripts(
    browser_without_scripts: Browser, scene: Scene, portal: str
) -> None:
    await scene.tell(scene.announced(name="ferme.pdf"), scene.announced(name="garage.pdf", client=scene.other))
    context = await browser_without_scripts.new_context(java_script_enabled=False, locale="fr-FR")
    await admit(context, scene, "both", origin=portal)
    page = await context.new_page()
    await page.goto(f"{portal}/documents")
    await expect(names(page)).to_have_text(["ferme.pdf"])
    await page.get_by_label("Compte", exact=True).select_option(scene.other)
    await page.get_by_role("button", name="Afficher").click()
    await expect(names(page)).to_have_text(["garage.pdf"])
    await page.get_by_role("link", name="Comptable 1").click()
    await expect(names(page)).to_have_text(["garage.pdf"])
    await page.goto(f"{portal}/documents")
    await expect(page.get_by_label("Compte", exact=True)).to_have_value(scene.other)
    await expect(names(page)).to_have_text(["garage.pdf"])


async def test_the_list_is_used_without_scripts(browser_without_scripts: Browser, scene: Scene, portal: str) -> None:
    made = deposits(scene, *(f"facture {number:02}.pdf" for number in range(60)), "Relevé d’août.pdf")
    for each in (made[0], made[1]):
        await asyncio.to_thread(scene.put, "ged", f"{scene.office}/{scene.client}/{each.data.document}", b"%PDF" * 100)
    await secured(scene, made)
    context = await browser_without_scripts.new_context(java_script_enabled=False, accept_downloads=True)
    await admit(context, scene, "client", origin=portal)
    page = await context.new_page()
    await page.goto(f"{portal}/documents")
    await expect(names(page)).to_have_count(50)
    await page.get_by_role("link", name="Documents suivants").click()
    await expect(names(page)).to_have_count(11)
    await page.get_by_role("link", name="Documents précédents").click()
    await expect(names(page).first).to_have_text("facture 00.pdf")
    await page.get_by_role("link", name="NOM").click()
    await page.get_by_role("link", name="NOM").click()
    await expect(names(page).first).to_have_text("Relevé d’août.pdf")
    await page.get_by_role("searchbox").fill("AOUT rel")
    await page.get_by_role("button", name="Rechercher").click()
    await expect(names(page)).to_have_text(["Relevé d’août.pdf"])
    await page.goto(f"{portal}/documents?q=facture+0")
    async with page.expect_download() as one:
        await row(page, "facture 00.pdf").get_by_role("link", name="Télécharger").click()
    assert (await one.value).suggested_filename == "facture 00.pdf"
    for number in (0, 1):
        await page.get_by_role("checkbox", name=f"Sélectionner facture 0{number}.pdf").check()
    async with page.expect_download() as several:
        await page.get_by_role("button", name="Télécharger la sélection").click()
    assert await zipped(await (await several.value).path()) == ["facture 00.pdf", "facture 01.pdf"]


async def test_nothing_moves_when_late_scripts_arrive(client: Page, scene: Scene, portal: str) -> None:
    await secured(scene, deposits(scene, *(f"facture {number}.pdf" for number in range(60))))
    arrived = asyncio.Event()

    async def late(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await client.route("**/portal.js", late)
    await client.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const each of list.getEntries())"
        " window.shift += each.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    for width in (360, 1280):
        await client.set_viewport_size({"width": width, "height": 800})
        await client.goto(f"{portal}/documents", wait_until="commit")
        await expect(names(client)).to_have_count(50)
        await expect(client.locator("html.scripted")).to_have_count(0)
        await expect(client.locator(".actions button").first).to_be_hidden()
        arrived.set()
        await expect(client.locator("html.scripted")).to_have_count(1)
        await expect(client.locator(".actions button").first).to_be_visible()
        assert await client.evaluate("window.shift") < 0.001
        arrived.clear()
