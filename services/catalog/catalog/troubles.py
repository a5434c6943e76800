"""A move in trouble, told to whoever reads of it: what happened, and what they can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.values import Space

from catalog.model import Document, Trouble

# By the mover's codes. The document itself is safe in all but those of `_LOST`.
_TEXTS = {
    "move_unfinished": "La sécurisation prend plus de temps que prévu.",
    "store_unavailable": "L’espace de GED sécurisée ne répond pas.",
    "store_refuses_keys": "L’espace de GED sécurisée refuse l’accès.",
    "checksum_disputed": "L’espace de GED sécurisée n’a pas enregistré le document à l’identique.",
    "ged_holds_other_content": "Un autre contenu occupe la place de ce document dans la GED.",
    "hash_differs": "Le fichier reçu ne correspond plus à l’empreinte prise à son arrivée.",
    "staging_missing": "Le fichier reçu est introuvable.",
}
_UNEXPLAINED = "Un incident technique retarde la sécurisation."
_LOST = {"hash_differs", "staging_missing"}
# Whose turn it is then: by whether a client reads it, and the space.
_AGAIN: Mapping[tuple[bool, Space], str] = {
    (True, "deposits"): "Déposez-le de nouveau, ou contactez votre CERFRANCE.",
    (False, "deposits"): "Demandez à votre client de le déposer de nouveau.",
    (True, "published"): "Demandez à votre CERFRANCE de le publier de nouveau.",
    (False, "published"): "Retirez-le, puis publiez-le de nouveau.",
}


@dataclass(frozen=True)
class Difficulty:
    """A move in trouble, as a page tells it. `retryable`: another try may help; `retry_in`: in how many seconds."""

    title: str
    text: str
    advice: str
    retryable: bool
    retry_in: int


def difficulty_of(document: Document, *, by_client: bool, retry_in: int) -> Difficulty | None:
    """What keeps a document from being secured, if anything does. `by_client`: a client reads it, else the office."""
    trouble = document.trouble
    if trouble is None or document.state != "deposited":
        return None
    return Difficulty(
        title="La sécurisation est interrompue" if trouble.given_up else "La sécurisation est retardée",
        text=trouble_text(trouble.code),
        advice=_advice(trouble, document.space, by_client=by_client),
        retryable=trouble.code not in _LOST,
        retry_in=retry_in,
    )


def trouble_in_row(document: Document) -> str:
    """The same in a client's list, in one line; empty where nothing is wrong."""
    trouble = document.trouble
    if trouble is None or document.state != "deposited":
        return ""
    if trouble.code in _LOST:
        return f"{trouble_text(trouble.code)} {_AGAIN[True, document.space]}"
    if trouble.given_up:
        return "La sécurisation est interrompue. Ouvrez le document pour réessayer."
    return f"{trouble_text('move_unfinished')} De nouveaux essais ont lieu automatiquement."


def trouble_text(code: str) -> str:
    """What happened, by the mover's code."""
    return _TEXTS.get(code, _UNEXPLAINED)


def _advice(trouble: Trouble, space: Space, *, by_client: bool) -> str:
    if trouble.code in _LOST:
        return _AGAIN[by_client, space]
    whose = "Votre" if by_client and space == "deposits" else "Le"
    if not trouble.given_up:
        return f"{whose} document est bien reçu et conservé. De nouveaux essais ont lieu automatiquement."
    how = "publié" if space == "published" else "déposé"
    turn = "contactez votre CERFRANCE" if by_client else "prévenez votre service informatique"
    return f"{whose} document est conservé tel qu’il a été {how}. Réessayez, ou {turn}."
