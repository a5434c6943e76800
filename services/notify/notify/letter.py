"""The mail itself: subject, headers, text and HTML, in French."""

import json
import unicodedata
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlencode

from chassis.french import moment, whole
from contracts.audit import Seal, seal_digest
from contracts.directory import Office
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from notify.errors import RecipientRefused
from notify.mails import Line, Mail, Role
from notify.model import Digest, Kind
from notify.ports import Letter
from notify.recipients import Addressee

_FOLDERS = {"comptable": "Comptable", "conseil": "Conseil"}
# Joiners hold scripts and emoji together; every other invisible character can only mislead.
_JOINERS = "\u200c\u200d"
_SUBJECT_NAME = 120
# Headers longer than a line are folded, but a Message-ID must stay in one piece.
_POLICY = SMTP.clone(max_line_length=120)


class Letters:
    """Composes mails. `sender` is the `From` header, `portal_url` the origin that they link to."""

    def __init__(self, *, sender: str, portal_url: str) -> None:
        name, address = parseaddr(sender)
        self._sender = Address(display_name=name, addr_spec=address)
        self._portal_url = portal_url.rstrip("/")
        environment = Environment(
            loader=PackageLoader("notify"),
            autoescape=select_autoescape(enabled_extensions=("html.j2",), default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["whole"] = whole
        self._text = environment.get_template("mail.txt.j2")
        self._html = environment.get_template("mail.html.j2")
        self._seal = environment.get_template("seal.txt.j2")

    @property
    def domain(self) -> str:
        """The domain of Message-IDs."""
        return self._sender.domain

    def compose(self, digest: Digest, key: str, to: Addressee, *, client_name: str | None) -> Letter:
        """The mail of this key. `client_name` is the client's name as the directory has it now, if it has.

        Raises RecipientRefused for an address that no header can hold.
        """
        mail = digest.mails[key]
        part = digest.parts[mail.part]
        client = visible(digest.client_name or client_name or digest.group.client)
        words = _words(digest, mail, client=client)
        shown = {**words, "link": self._link(digest), "client": client, "note": _note(digest, key)}
        message = self._headed(to, words["subject"], at=part.sealed_at, message_id=mail.message_id)
        message.set_content(self._text.render(shown), charset="utf-8", cte="quoted-printable")
        message.add_alternative(self._html.render(shown), subtype="html", charset="utf-8", cte="quoted-printable")
        return Letter(to.email, mail.message_id, message.as_bytes(), mail.tries)

    def seal(self, seal: Seal, office: Office) -> Letter:
        """The mail with a seal of the audit trail, in whole. Raises as `compose`."""
        message_id = f"<seal-{seal.number}-{seal_digest(seal)[:16]}-{office.id}@{self.domain}>"
        said = json.dumps(seal.model_dump(mode="json", exclude={"office"}), indent=2)
        subject = f"Sceau n° {seal.number} du journal des documents"
        message = self._headed(Addressee(office.name, office.inbox), subject, at=seal.at, message_id=message_id)
        text = self._seal.render(seal=seal, moment=moment(seal.at), json=said)
        message.set_content(text, charset="utf-8", cte="quoted-printable")
        return Letter(office.inbox, message_id, message.as_bytes())

    def _headed(self, to: Addressee, subject: str, *, at: datetime, message_id: str) -> EmailMessage:
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._sender
        message["To"] = _address(to)
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        return message

    def _link(self, digest: Digest) -> str:
        query = {"client": digest.group.client, "folder": digest.group.folder}
        if digest.group.space == "published":
            query["space"] = "published"
        return f"{self._portal_url}/documents?{urlencode(query)}"


def visible(text: str) -> str:
    """The text on one line, without control characters and without those that turn the reading direction."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    shown = "".join(char for char in kept if char in _JOINERS or unicodedata.category(char) not in ("Cf", "Cs"))
    return shown.strip() or "(sans nom)"


def _words(digest: Digest, mail: Mail, *, client: str) -> dict[str, Any]:
    part = digest.parts[mail.part]
    count = len(digest.told_by(mail))
    lines = [_shown(line) for line in part.lines if line]
    plural = "s" if count > 1 else ""
    folder = _FOLDERS.get(digest.group.folder, visible(digest.group.folder))
    heading = _heading(digest.group.kind, count, plural)
    name = client if len(client) <= _SUBJECT_NAME else client[: _SUBJECT_NAME - 1] + "…"
    return {
        "subject": f"{name} : {heading} ({folder})",
        "heading": heading,
        "kind": digest.group.kind,
        "count": count,
        "plural": plural,
        "folder": folder,
        "person": visible(digest.person_name or client),
        "moment": moment(part.latest),
        "lines": lines,
        "rest": count - len(lines),
        "entry": _entry(digest.group.kind, mail.recipient.role),
    }


def _heading(kind: Kind, count: int, plural: str) -> str:
    return {
        "deposited": f"{whole(count)} {'nouveaux documents' if plural else 'nouveau document'}",
        "published": f"{whole(count)} document{plural} mis à votre disposition",
        "returned": f"{whole(count)} document{plural} à revoir",
    }[kind]


def _entry(kind: Kind, role: Role) -> str:
    """Where the portal's menu has the documents for this reader."""
    # An `autre` may be one of the client's people, or sign in nowhere: they get the words of the user's guide.
    if role in ("client", "autre"):
        return "Mes documents"
    return "Documents publiés" if kind == "published" else "À traiter"


def _shown(line: Line) -> Line:
    return Line(visible(line.name), visible(line.reason) if line.reason else None)


def _note(digest: Digest, key: str) -> str | None:
    """Why the office's inbox gets this mail."""
    mail = digest.mails[key]
    if mail.recipient.role != "inbox":
        return None
    refused = any(
        other.part == mail.part and other.state == "failed" and other.recipient.mandatory
        for other in digest.mails.values()
    )
    if refused:
        return "Votre association reçoit ce message car il n’a pas pu être remis à son destinataire habituel."
    whom = {"deposited": "aucun contact n’est renseigné pour ce dossier"}.get(
        digest.group.kind, "aucune adresse n’est renseignée pour ce client"
    )
    return f"Votre association reçoit ce message car {whom}."


def _address(to: Addressee) -> str | Address:
    name = visible(to.name)
    if not to.email.isascii():
        return to.email
    try:
        return Address(display_name=name, addr_spec=to.email)
    except (ValueError, MessageError):
        # The directory takes more than RFC 5322 does, such as two dots in a row.
        raise RecipientRefused("address_not_supported") from None
