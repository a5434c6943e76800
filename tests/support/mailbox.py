"""The mails that arrived in maildump."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Mail:
    """One mail as its recipient got it."""

    to: str
    subject: str
    message_id: str
    auto_submitted: str
    text: str
    html: str
    words: frozenset[str]


class Mailbox:
    """Every mail of a stack; each is read once."""

    def __init__(self, http: httpx.AsyncClient, *, url: str) -> None:
        self._http = http
        self._url = url
        self._read: dict[int, Mail] = {}

    async def mails(self) -> list[Mail]:
        """All mails so far, in the order they came."""
        listed = (await self._http.get(f"{self._url}/messages/")).raise_for_status().json()["messages"]
        for message in sorted(int(each["id"]) for each in listed):
            if message not in self._read:
                source = (await self._http.get(f"{self._url}/messages/{message}.source")).raise_for_status()
                self._read[message] = _parsed(source.content)
        return list(self._read.values())

    async def naming(self, name: str) -> list[Mail]:
        """The mails whose text names this file; the name is one word."""
        return [mail for mail in await self.mails() if name in mail.words]


def _parsed(source: bytes) -> Mail:
    message = email.message_from_bytes(source, policy=email.policy.default)
    text = _body(message, "plain")
    return Mail(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        message_id=str(message["Message-ID"]),
        auto_submitted=str(message["Auto-Submitted"]),
        text=text,
        html=_body(message, "html"),
        words=frozenset(re.findall(r"[\w.-]+", text)),
    )


def _body(message: email.message.EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""
