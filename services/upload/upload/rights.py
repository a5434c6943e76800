"""Who may deposit or publish what, for whom, and whose an upload is afterwards."""

from dataclasses import dataclass

from chassis.auth import Identity
from contracts.directory import Client, Directory

from upload.errors import NotAllowed, NotFound, Unprocessable
from upload.metadata import Metadata
from upload.model import Upload


@dataclass(frozen=True)
class Owner:
    """Somebody, and the accounts of their office that they deposit or publish for now.

    An upload is whose it was from the beginning, and only as long as its account is theirs.
    """

    sub: str
    office: str
    clients: frozenset[str]

    def owns(self, upload: Upload) -> bool:
        """Whether an upload is theirs."""
        mine = upload.depositor.sub == self.sub and upload.office == self.office
        return mine and upload.client.id in self.clients


def owner_of(identity: Identity, directory: Directory) -> Owner:
    """Whose uploads somebody may touch. Raises Unavailable."""
    clients = frozenset(identity.clients)
    if identity.role == "collaborator":
        clients = frozenset(directory.clients_advised_by(identity.office, identity.sub))
    return Owner(identity.sub, identity.office, clients)


def account_for(identity: Identity, metadata: Metadata, directory: Directory) -> Client:
    """The client account this file goes to. Raises NotFound, NotAllowed, Unprocessable, Unavailable."""
    named = _named(identity, metadata.client, directory) if metadata.client else None
    _check_verb(identity, metadata)
    account = named or _only_account(identity, directory)
    strangers = set(metadata.alert) - {contact.id for contact in account.contacts}
    if strangers:
        raise Unprocessable("unknown_contact", "Un contact à alerter n’est pas un contact de ce client.")
    return account


def _named(identity: Identity, client: str, directory: Directory) -> Client:
    account = directory.client(identity.office, client)
    # An admin keeps the accounts of their office, and has none of their documents.
    if account is None or not (identity.role == "admin" or client in owner_of(identity, directory).clients):
        raise NotFound("unknown_client", "Ce client est introuvable.")
    return account


def _check_verb(identity: Identity, metadata: Metadata) -> None:
    if identity.role == "admin":
        raise NotAllowed("role_not_allowed", "Votre profil ne permet pas de transférer des documents.")
    if identity.role == "client" and metadata.space == "published":
        raise NotAllowed("publishing_not_allowed", "Seul votre CERFRANCE peut mettre des documents à disposition.")
    if identity.role == "collaborator" and metadata.space != "published":
        raise NotAllowed("depositing_not_allowed", "Un collaborateur ne dépose pas : il met à disposition.")


def _only_account(identity: Identity, directory: Directory) -> Client:
    if identity.role != "client" or len(identity.clients) != 1:
        raise Unprocessable("client_required", "Précisez à quel client ce document est destiné.")
    return _named(identity, identity.clients[0], directory)
