"""The part of the composition root that people see: sign-in, pages, and the admins' way into the directory."""

from collections.abc import Sequence
from functools import partial

import httpx
from chassis.auth import Authenticator
from chassis.bus import Bus
from contracts.directory import Directory
from fastapi import APIRouter

from catalog.content import Stores
from catalog.dead_letters_api import dead_letter_routes
from catalog.directory_api import DirectoryAdmin, directory_routes
from catalog.directory_kv import DirectoryBucket
from catalog.document_pages import DocumentPage, document_page
from catalog.handlers import Desk
from catalog.history_pages import HistoryPages, history_pages
from catalog.inbox_pages import InboxPages, inbox_pages
from catalog.me import me_of, me_routes
from catalog.oidc import Provider
from catalog.pages import DocumentPages, document_pages
from catalog.ports import DeadLetters, Journal, Lists
from catalog.publish_pages import PublishPages, publish_pages
from catalog.rendering import Rendering
from catalog.seal_keys import SealKeys
from catalog.selection_pages import selection_pages
from catalog.session import Sessions
from catalog.settings import CatalogSettings
from catalog.signin import CALLBACK, Admit, SignIn, key_routes, signin_routes
from catalog.signing import SigningKeys


def portal_routers(
    settings: CatalogSettings,
    *,
    http: httpx.AsyncClient,
    bus: Bus,
    keys: SigningKeys,
    seal_keys: SealKeys,
    authenticate: Authenticator,
    admit: Admit,
    directory: Directory,
    desk: Desk,
    documents: Lists,
    journal: Journal,
    letters: DeadLetters,
    stores: Stores,
) -> Sequence[APIRouter]:
    """The routers, with what stands behind them."""
    rendering, rights = Rendering(sign_in=settings.oidc.origin), desk.rights
    provider = Provider(settings.oidc, redirect_uri=f"{settings.public_url}{CALLBACK}", client=http)
    sessions = Sessions(keys, bus, desk.clock, issuer=settings.auth.issuer, audience=settings.auth.audience)
    signin = SignIn(
        provider=provider, keys=keys, sessions=sessions, directory=directory, public_url=settings.public_url
    )
    pages = DocumentPages(documents=documents, letters=letters, directory=directory, rights=rights, rendering=rendering)
    inbox = InboxPages(documents=documents, directory=directory, rights=rights, rendering=rendering)
    history = HistoryPages(documents=documents, directory=directory, rights=rights, rendering=rendering)
    published = PublishPages(
        documents=documents, marks=desk.marks, directory=directory, rights=rights, rendering=rendering
    )
    page = DocumentPage(desk=desk, journal=journal, directory=directory, rendering=rendering)
    admin = DirectoryAdmin(directory, DirectoryBucket(bus), rights)
    return [
        key_routes(keys, seal_keys),
        signin_routes(
            signin,
            authenticate=authenticate,
            admit=admit,
            sessions=sessions,
            me=partial(me_of, directory=directory, rights=rights),
            rendering=rendering,
        ),
        me_routes(authenticate, directory=directory, rights=rights),
        directory_routes(admin, authenticate),
        dead_letter_routes(letters, authenticate),
        document_pages(pages, authenticate=authenticate, rendering=rendering),
        selection_pages(desk, stores=stores, authenticate=authenticate, rendering=rendering),
        document_page(page, authenticate=authenticate, rendering=rendering),
        inbox_pages(inbox, authenticate=authenticate, rendering=rendering),
        history_pages(history, authenticate=authenticate, rendering=rendering),
        publish_pages(published, authenticate=authenticate, rendering=rendering),
        rendering.static_routes(),
    ]
