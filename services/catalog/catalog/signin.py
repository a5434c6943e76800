"""Signing in and out, and the keys that let others verify a session."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from chassis.auth import Authenticator, Identity
from chassis.logs import logger
from chassis.problem import Problem
from contracts.directory import Directory
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from catalog.attempt import ATTEMPT_SECONDS, Attempt, cookie_name, opened
from catalog.me import Me
from catalog.oidc import Provider, SignInRefused
from catalog.page_route import SIGN_IN, page_route
from catalog.rendering import Rendering
from catalog.seal_keys import SealKeys
from catalog.session import Sessions, give_cookie, take_cookie
from catalog.signing import SigningKeys

# Counts a request of somebody who isn't known yet. Raises TooMany.
Admit = Callable[[Request], Awaitable[None]]
CALLBACK = "/auth/callback"
_NO_STORE = {"Cache-Control": "no-store"}
_OTHER = ("/login", "Se connecter avec un autre compte")
_UNKNOWN = (
    "Votre identité est confirmée, mais aucun espace CERFRANCE CONNECT n’y est rattaché. "
    "Adressez-vous à votre CERFRANCE, qui vous ouvrira l’accès."
)
_STALE = "Cette connexion a expiré ou a été commencée dans une autre fenêtre. Recommencez, s’il vous plaît."
_CANCELLED = "La connexion a été annulée."
_OUT = "Vous êtes déconnecté."
# What keeps people signed in at the provider is the provider's: a lost device may still know the way in.
_OUT_EVERYWHERE = (
    "Vous êtes déconnecté de tous vos appareils. Si l’un d’eux est perdu ou volé, changez aussi votre mot de passe."
)


class SignIn:
    """The sign-in, from leaving for the provider to the session. `public_url` is the portal's origin."""

    def __init__(
        self, *, provider: Provider, keys: SigningKeys, sessions: Sessions, directory: Directory, public_url: str
    ) -> None:
        self._provider = provider
        self._keys = keys
        self._sessions = sessions
        self._directory = directory
        # Plain HTTP is only ever a local stack, whose scripts must be able to carry this cookie.
        self._secure = public_url.startswith("https:")

    async def begin(self, wanted: str) -> Response:
        """Send the browser to the provider. Raises Unavailable."""
        attempt = Attempt.begin(wanted)
        address = await self._provider.authorization_url(attempt)
        response = RedirectResponse(address, status_code=303, headers=_NO_STORE)
        response.set_cookie(
            cookie_name(attempt.state),
            attempt.sealed(self._keys),
            max_age=ATTEMPT_SECONDS,
            path=CALLBACK,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def finish(self, *, state: str, code: str, cookie: str) -> Response:
        """Give the session to whoever the provider says this is. Raises SignInRefused, Problem 403, Unavailable."""
        attempt = opened(cookie, self._keys.public)
        if attempt is None or attempt.state != state:
            raise SignInRefused("attempt_unknown")
        sub = await self._provider.subject(code, attempt)
        subject = self._directory.subject(sub)
        if subject is None:
            raise Problem(403, "person_unknown", _UNKNOWN)
        response = RedirectResponse(attempt.next, status_code=303, headers=_NO_STORE)
        give_cookie(response, self._sessions.token(subject))
        response.delete_cookie(cookie_name(state), path=CALLBACK)
        logger().info("session_begun", role=subject.role, office=subject.office)
        return response


def signin_routes(
    signin: SignIn,
    *,
    authenticate: Authenticator,
    admit: Admit,
    sessions: Sessions,
    me: Callable[[Identity], Me],
    rendering: Rendering,
) -> APIRouter:
    """`/login`, `/auth/callback`, the page after signing in again, the one that asks whether to sign out everywhere,
    `/logout` and the page after it."""
    router = APIRouter(include_in_schema=False, route_class=page_route(rendering))

    @router.get("/login")
    async def login(request: Request, next: str = "/") -> Response:  # noqa: A002  # the parameter's name in the address
        await admit(request)
        return await signin.begin(next)

    @router.get(CALLBACK)
    async def callback(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
        await admit(request)
        if error:
            return rendering.message("Connexion annulée", _CANCELLED, status=403, action=SIGN_IN)
        try:
            return await signin.finish(state=state, code=code, cookie=request.cookies.get(cookie_name(state), ""))
        except SignInRefused as refused:
            logger().warning("sign_in_refused", code=refused.code)
            return rendering.message("Connexion impossible", _STALE, status=400, action=SIGN_IN)
        except Problem as unknown:
            return rendering.message("Accès non ouvert", unknown.detail, status=unknown.status, action=_OTHER)

    @router.get("/deconnexion-partout")
    async def ask(who: Annotated[Identity, Depends(authenticate)]) -> Response:
        """Without scripts; with them, a dialog asks."""
        return rendering.page("everywhere.html", title="Se déconnecter partout ?", me=me(who))

    @router.post("/logout")
    async def logout(request: Request, everywhere: bool = False) -> Response:
        # Without its cookie, which a foreign page cannot send, this would still have the browser forget the session.
        authenticate.check_origin(request)
        if everywhere:
            # Not counted: who stole a session must not be able to keep its owner from ending it by asking too often.
            await sessions.revoke((await authenticate.recognise(request)).sub)
        farewell = "/au-revoir?everywhere=true" if everywhere else "/au-revoir"
        response = RedirectResponse(farewell, status_code=303, headers=_NO_STORE)
        take_cookie(response)
        return response

    @router.get("/connecte")
    async def connected(request: Request) -> Response:
        """Ends in the small window in which somebody signed in again: its script tells the pages and closes it."""
        who = await authenticate(request)
        return rendering.page("connected.html", title="Vous êtes connecté", me=None, sub=who.sub)

    @router.get("/au-revoir")
    async def signed_out(everywhere: bool = False) -> Response:
        return rendering.message("À bientôt", _OUT_EVERYWHERE if everywhere else _OUT, status=200, action=SIGN_IN)

    return router


def key_routes(keys: SigningKeys, seal_keys: SealKeys) -> APIRouter:
    """The public keys: for every service that verifies sessions, and for whoever verifies seals of the audit trail."""
    router = APIRouter(include_in_schema=False)

    @router.get("/.well-known/jwks.json")
    async def jwks() -> Response:
        return JSONResponse(keys.published(), headers={"Cache-Control": "public, max-age=300"})

    @router.get("/.well-known/audit-keys.json")
    async def audit_keys() -> Response:
        return JSONResponse(seal_keys.published(), headers={"Cache-Control": "public, max-age=300"})

    return router
