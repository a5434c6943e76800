"""Replicas of the intake service as processes of their own, and an issuer that signs people in without the catalog."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import nats
from contracts.directory import Client, ClientPerson, Contact, OfficePerson, client_key, person_key
from contracts.streams import DIRECTORY
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from .ports import free_port

ISSUER = "http://portal.test"
PEOPLE: Mapping[str, Mapping[str, object]] = {
    "earl-du-chene": {"role": "client", "office": "14", "clients": ["earl-du-chene"]},
    "second-client": {"role": "client", "office": "14", "clients": ["garage-du-pont"]},
    "jeanny-jerome": {"role": "collaborator", "office": "14"},
    "conseil-14": {"role": "collaborator", "office": "14"},
    "admin-14": {"role": "admin", "office": "14"},
}


async def fill_directory(nats_endpoint: Mapping[str, str]) -> None:
    """Write `PEOPLE` and the two client accounts that they deposit for, as the catalog would."""
    jeanny = Contact(
        id="jeanny-jerome", sub="jeanny-jerome", name="JEANNY JEROME", email="j@cerfrance.example", role="comptable"
    )
    client = await nats.connect(nats_endpoint["url"], user=nats_endpoint["user"], password=nats_endpoint["password"])
    try:
        bucket = await client.jetstream().key_value(DIRECTORY.name)
        for sub, account in (("earl-du-chene", "earl-du-chene"), ("second-client", "garage-du-pont")):
            owner = ClientPerson(sub=sub, name=sub, email=f"{sub}@client.example")
            known = Client(office="14", id=account, name="EARL du Chêne", people=(owner,), contacts=(jeanny,))
            await bucket.put(client_key("14", account), known.model_dump_json().encode())
        for sub in ("jeanny-jerome", "conseil-14", "admin-14"):
            facts = {"sub": sub, "name": sub, "email": f"{sub}@cerfrance.example", **PEOPLE[sub]}
            colleague = OfficePerson.model_validate(facts)
            await bucket.put(person_key("14", sub), colleague.model_dump_json().encode())
    finally:
        await client.close()


class Issuer:
    """Publishes one key, as the catalog does, and signs sessions with it. A context manager."""

    def __init__(self) -> None:
        self._key = OKPKey.generate_key("Ed25519", {"kid": "test", "alg": "Ed25519", "use": "sig"})
        keys = json.dumps(KeySet([self._key]).as_dict(private=False)).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(keys)))
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.jwks_url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def __enter__(self) -> Issuer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, sub: str) -> str:
        """A session of one of `PEOPLE`."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "connect", "sub": sub, "name": sub, "iat": now, "exp": now + 3600}
        return jwt.encode({"alg": "Ed25519", "kid": "test"}, {**claims, **PEOPLE[sub]}, self._key, ["Ed25519"])


class UploadReplica:
    """One process. A context manager: started and ready, terminated in good order.

    Without an `issuer` it believes whom the environment names.
    """

    def __init__(self, env: Mapping[str, str], *, issuer: Issuer | None = None, log: Path) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._env = {**os.environ, **env, "UPLOAD_PORT": str(self.port)}
        if issuer is not None:
            self._env |= {
                "UPLOAD_PUBLIC_URL": ISSUER,
                "UPLOAD_AUTH__ISSUER": ISSUER,
                "UPLOAD_AUTH__JWKS_URL": issuer.jwks_url,
            }

    def __enter__(self) -> UploadReplica:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "upload"], env=self._env, stdout=log, stderr=log)
        deadline = time.monotonic() + 110
        while not self._is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise AssertionError(f"upload did not become ready:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.25)  # each question costs this process more than the one that starts
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self) -> None:
        """`kill -9`."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.base}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
