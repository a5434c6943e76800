"""Names for ids: of the recipients of alerts, and of whoever did something."""

from contracts.directory import Directory, recipient_id

INBOX = "inbox"


def name_of(directory: Directory, office: str, client: str, recipient: str) -> str | None:
    """A contact's, or one of the client's people's, or the office's for its inbox; None once they left the directory.

    Raises Unavailable while there is no directory.
    """
    if recipient == INBOX:
        found = directory.office(office)
        return found.name if found else None
    account = directory.client(office, client)
    if account is None:
        return None
    contacts = {contact.id: contact.name for contact in account.contacts}
    people = {recipient_id(person.sub): person.name for person in account.people}
    return contacts.get(recipient) or people.get(recipient)


def person_of(directory: Directory, sub: str) -> str | None:
    """The name of somebody who signs in; None once they left the directory. Raises Unavailable as `name_of`."""
    found = directory.subject(sub)
    return found.name if found else None
