"""Signing in as a person of the demo directory, through the real sign-in, as a browser would."""

from __future__ import annotations

import httpx

from .endpoints import Endpoints
from .errors import StackError

SESSION_COOKIE = "connect_session"


def token_of(sub: str, endpoints: Endpoints) -> str:
    """The person's session, good as a bearer token for 8 hours. Raises StackError."""
    known = [person.sub for person in endpoints.people]
    if sub not in known:
        raise StackError(
            f"Nobody in the demo directory is called {sub or '(nobody)'}: WHO is one of {', '.join(known)}."
        )
    try:
        with httpx.Client(timeout=10) as browser:
            return _sign_in(browser, sub=sub, portal=endpoints.portal)
    except httpx.HTTPError as error:
        raise StackError(
            f"Signing in at {endpoints.portal} failed ({error}): is the stack running (`make run`)?"
        ) from error


def _sign_in(browser: httpx.Client, *, sub: str, portal: str) -> str:
    choice = browser.get(f"{portal}/login", follow_redirects=True).raise_for_status()
    chosen = browser.post(choice.url, data={"sub": sub})
    back = browser.get(chosen.headers["Location"])
    session = back.cookies.get(SESSION_COOKIE)
    if session is None:
        raise StackError(f"The portal gave {sub} no session (status {back.status_code}).")
    return session
