"""Who is told of a digest's documents, and at which address: rules over the directory, pure look-ups."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.directory import Client, ClientPerson, Contact, Directory, recipient_id

from notify.mails import INBOX, Recipient
from notify.model import Group


@dataclass(frozen=True)
class Addressee:
    """A recipient with name and address, as the directory has them now."""

    name: str
    email: str


def recipients(directory: Directory, group: Group, ticked: Iterable[str]) -> list[Recipient]:
    """The folder's accountants or advisers, or the client's people; then the ticked contacts; each address once.

    Without any of the former it is the office's inbox that is always told; empty when that is not known either. A
    ticked contact that has left the directory is kept: its mail fails, and that is reported. Raises Unavailable before
    the directory was read.
    """
    client = directory.client(group.office, group.client)
    wanted = list(_mandatory(client, group))
    if not wanted:
        wanted = [Recipient(INBOX, "inbox")] if directory.office(group.office) else []
    wanted += _ticked(client, ticked)
    return list(_each_once(directory, group, wanted)) if any(each.mandatory for each in wanted) else []


def addressee(directory: Directory, group: Group, recipient: Recipient) -> Addressee | None:
    """Where a recipient is reached, None when the directory does not know. Raises Unavailable before it was read."""
    if recipient.role == "inbox":
        office = directory.office(group.office)
        return Addressee(office.name, office.inbox) if office else None
    client = directory.client(group.office, group.client)
    if client is None:
        return None
    people: Iterable[tuple[str, Contact | ClientPerson]] = (
        ((recipient_id(person.sub), person) for person in client.people)
        if recipient.role == "client"
        else ((contact.id, contact) for contact in client.contacts)
    )
    return next((Addressee(person.name, person.email) for token, person in people if token == recipient.id), None)


def _mandatory(client: Client | None, group: Group) -> Iterator[Recipient]:
    if client is None:
        return
    if group.kind == "deposited":
        for contact in client.contacts:
            if contact.role == group.folder:
                yield Recipient(contact.id, contact.role)
    else:
        for person in client.people:
            yield Recipient(recipient_id(person.sub), "client")


def _ticked(client: Client | None, ticked: Iterable[str]) -> Iterator[Recipient]:
    roles = {contact.id: contact.role for contact in client.contacts} if client else {}
    for contact in sorted(ticked):
        yield Recipient(contact, roles.get(contact, "autre"), mandatory=False)


def _each_once(directory: Directory, group: Group, wanted: Iterable[Recipient]) -> Iterator[Recipient]:
    seen: set[str] = set()
    for recipient in wanted:
        reached = addressee(directory, group, recipient)
        # Two contacts may share a mailbox, which gets one mail.
        keys = {recipient.id, reached.email.casefold() if reached else recipient.id}
        if not keys & seen:
            yield recipient
        seen |= keys
