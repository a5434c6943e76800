"""Who may see and do what.

Client: the documents of their own accounts in both spaces; withdraws deposits. Collaborator: the same documents of
clients whose contact they are; takes, returns, withdraws what their office published. Admin: no document, but the
directory and the dead letters of their office.
"""

from typing import Literal

from chassis.auth import Identity
from contracts.directory import Client, Directory

from catalog.errors import Forbidden, NotFound
from catalog.model import Document, owner, without_content

Verb = Literal["take", "return", "withdraw", "retry"]

_ROLE = ("not_your_role", "Votre profil ne permet pas cette action.")


class Rights:
    """Answers from the session's claims and the directory. Each may raise Unavailable while there is no directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def owners(self, who: Identity, *, client: str | None = None) -> list[str]:
        """The accounts whose documents a person sees, or the one asked for. Raises NotFound if that isn't theirs."""
        if who.role == "client":
            clients = list(who.clients)
        elif who.role == "collaborator":
            clients = list(self._directory.clients_advised_by(who.office, who.sub))
        else:
            clients = []
        if client is not None:
            if client not in clients:
                raise NotFound
            clients = [client]
        return [owner(who.office, each) for each in clients]

    def sees(self, who: Identity, *, office: str, client: str) -> bool:
        """Whether a person sees an account's documents."""
        if office != who.office:
            return False
        if who.role == "client":
            return client in who.clients
        if who.role == "collaborator":
            found = self._directory.client(office, client)
            return found is not None and any(contact.sub == who.sub for contact in found.contacts)
        return False

    def clients(self, who: Identity) -> list[Client]:
        """The accounts as the directory has them."""
        found = (self._directory.client(*key.split("/")) for key in self.owners(who))
        return [client for client in found if client is not None]

    def check_sees(self, who: Identity, document: Document | None) -> Document:
        """The document. Raises NotFound where there is none, and where it isn't theirs."""
        if document is None or not self.sees(who, office=document.office, client=document.client.id):
            raise NotFound
        return document

    @staticmethod
    def shown(who: Identity, document: Document) -> Document:
        """A document they see, without what they may not see of it.

        What an office has withdrawn may never have been meant for this client, so all that is left for them, at once,
        is that it was there; and why is between colleagues.
        """
        withdrawn = document.state in ("withdrawn", "erased")
        if who.role == "client" and document.space == "published" and withdrawn:
            return without_content(document)
        return document

    @staticmethod
    def knows_opening(who: Identity, document: Document) -> bool:
        """Whether a person may know when a document they see was opened by whom it was published for."""
        return document.space == "published" and who.role != "client"

    @staticmethod
    def finds_withdrawn(who: Identity) -> bool:
        """Whether a person may look for what an office has withdrawn by what it was."""
        return who.role != "client"

    @staticmethod
    def check_may(who: Identity, verb: Verb, document: Document) -> None:
        """Raises Forbidden when the verb, on a document they see, is not theirs."""
        if verb == "retry":
            return
        if verb in ("take", "return") and who.role != "collaborator":
            raise Forbidden(*_ROLE)
        if verb == "withdraw" and (who.role == "client") != (document.space == "deposits"):
            raise Forbidden(*_ROLE)

    @staticmethod
    def check_admin(who: Identity) -> None:
        """Raises Forbidden for anybody else."""
        if who.role != "admin":
            raise Forbidden(*_ROLE)

    @staticmethod
    def check_collaborator(who: Identity) -> None:
        """Raises Forbidden for anybody else."""
        if who.role != "collaborator":
            raise Forbidden(*_ROLE)
