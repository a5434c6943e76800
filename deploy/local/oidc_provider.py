"""The provider at which the demo people sign in: oidc-provider-mock, and the check of PKCE that it leaves out.

A program of its own: `python oidc_provider.py --port 8083 --user-claims '{"sub": "x", "name": "X"}' …`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import flask
import uvicorn
from oidc_provider_mock import User, app  # type: ignore[import-untyped]  # it says nothing of its types


@dataclass(frozen=True)
class Challenges:
    """The S256 challenge that each code was asked for with. A code without one, or exchanged with another verifier, is
    worth nothing."""

    _of_code: dict[str, str] = field(default_factory=dict)

    def note(self, response: flask.Response) -> flask.Response:
        """After a request: keep the challenge of the code that is given, if one is."""
        codes = parse_qs(urlsplit(response.headers.get("Location", "")).query).get("code", [])
        asked = flask.request.args
        if asked.get("code_challenge_method") == "S256":
            self._of_code.update((code, asked.get("code_challenge", "")) for code in codes)
        return response

    def check(self) -> tuple[flask.Response, int] | None:
        """Before a request: refuse to exchange a code without the secret that it was asked for with."""
        form = flask.request.form
        if flask.request.path != "/oauth2/token" or form.get("grant_type") != "authorization_code":
            return None
        challenge = self._of_code.pop(form.get("code", ""), None)
        if challenge == _challenge(form.get("code_verifier", "")):
            return None
        return flask.jsonify(error="invalid_grant", error_description="PKCE: S256 challenge and verifier differ"), 400


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def provider(people: Sequence[str]) -> flask.Flask:
    """The provider, with these people to choose from: each a JSON object of claims with `sub`."""
    claims = [json.loads(person) for person in people]
    made: flask.Flask = app(user_claims=[User(sub=each.pop("sub"), claims=each) for each in claims])
    challenges = Challenges()
    made.before_request(challenges.check)
    made.after_request(challenges.note)
    return made


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user-claims", action="append", default=[])
    options = parser.parse_args()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP, on this machine alone
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(provider(options.user_claims), interface="wsgi", host="127.0.0.1", port=options.port, log_config=None)


if __name__ == "__main__":
    main()
