"""What pages show: states, folders, addresses; and what they may load. No sockets."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from catalog.listing import Count
from catalog.page_views import folders_of, state_name
from catalog.pages import PageQuery
from catalog.rendering import Rendering
from catalog.settings import OidcSettings
from chassis.auth import Identity

RENDERING = Rendering(sign_in="https://connexion.example:8443")


def test_states_have_the_guide_s_words() -> None:
    deposits = [state_name(state, "deposits") for state in ("deposited", "archived", "taken", "returned", "withdrawn")]
    assert deposits == ["Déposé", "Sécurisé", "Pris en charge", "À revoir", "Supprimé"]
    published = [state_name(state, "published") for state in ("deposited", "archived", "withdrawn", "erased")]
    assert published == ["Publié", "Mis à disposition", "Retiré", "Retiré"]


def test_deposits_always_have_both_folders_and_published_documents_those_that_hold_something() -> None:
    counts = [Count("14/c", "deposits", "conseil", 3)]
    assert [(folder.name, folder.count) for folder in folders_of(counts, space="deposits")] == [
        ("Comptable", 0),
        ("Conseil", 3),
    ]
    counts = [Count("14/c", "published", "paie", 1), Count("14/c", "published", "Bilan", 2)]
    assert [folder.name for folder in folders_of(counts, space="published")] == ["Bilan", "paie"]


def test_an_address_keeps_what_is_chosen_and_starts_another_list_at_its_beginning() -> None:
    query = PageQuery(space="published", folder="Bilan & Paie", client="c", sort="name", cursor="abc")
    assert query.address(sort="-name") == "/documents?space=published&folder=Bilan+%26+Paie&client=c&sort=-name"
    assert "cursor=next" in query.address(cursor="next")


def test_a_page_loads_nothing_inline_cannot_be_framed_and_its_forms_may_lead_to_the_sign_in() -> None:
    answer = RENDERING.message("Titre", "Texte", status=200, action=("/login", "Se connecter"))
    page = bytes(answer.body).decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://connexion.example:8443;" in policy


@pytest.mark.parametrize("issuer", ["https://connexion.example:8443", "https://connexion.example:8443/realms/connect/"])
def test_the_origin_of_the_sign_in_is_the_issuers(issuer: str) -> None:
    assert OidcSettings(issuer=issuer, client_id="c", client_secret="s").origin == "https://connexion.example:8443"


def test_what_people_wrote_cannot_become_markup() -> None:
    who = Identity("s", "<img src=x onerror=alert(1)>", "", "client", "14", (), 0, 0)
    me = SimpleNamespace(who=who, office=SimpleNamespace(id="14", name="<b>14</b>"), clients=())
    shown: Any = {"title": "Administration", "query": PageQuery(), "letters": None, "following": ""}
    page = bytes(RENDERING.page("admin.html", me=me, **shown).body).decode()
    assert "<img src" not in page
    assert "<b>14</b>" not in page


def test_a_static_file_s_address_changes_with_its_content() -> None:
    assert re.fullmatch(r"/static/[0-9a-f]{12}/style\.css", RENDERING.static_url("style.css"))
    with pytest.raises(KeyError):
        RENDERING.static_url("../settings.py")
