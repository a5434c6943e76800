"""`PUT /api/directory/…`: the directory's records, written by an admin of their office (or a CRM with such a token)."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from chassis.auth import Authenticator, Identity
from chassis.guard import guarded
from chassis.openapi import problems
from chassis.problem import Problem
from contracts.directory import Client, Directory, Email, Office, OfficePerson
from contracts.values import Name
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, ValidationError

from catalog.directory_import import encoded
from catalog.directory_kv import DirectoryBucket
from catalog.directory_rules import GivenClient, Outlook, Record, key_of
from catalog.rights import Rights

_OBJECTIONS = {
    "office_unknown": "Cette association n’est pas encore dans l’annuaire.",
    "sub_elsewhere": "Cet identifiant sert déjà dans une autre association ou pour un autre profil.",
    "sub_twice": "Le même identifiant figure deux fois parmi les personnes de ce client.",
    "contact_twice": "Le même contact figure deux fois dans le même rôle.",
    "contact_reserved": "Cet identifiant de contact est réservé.",
}


class GivenOffice(BaseModel):
    """An office without its id."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Name
    inbox: Email


class GivenColleague(BaseModel):
    """A collaborator or an admin without their place in the directory."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Name
    email: Email
    role: Literal["collaborator", "admin"]


class DirectoryAdmin:
    """Checks and writes one record."""

    def __init__(self, directory: Directory, bucket: DirectoryBucket, rights: Rights) -> None:
        self._directory = directory
        self._bucket = bucket
        self.rights = rights

    async def put(self, who: Identity, *, office: str, seen: bool, build: Callable[[], Record]) -> Mapping[str, object]:
        """The record as it is now; `seen` says whether who isn't an admin may know of it.

        Raises Problem 403, 404, 409 or 422, Unavailable.
        """
        check_admin(who, office=office, seen=seen)
        try:
            record = build()
        except ValidationError as error:
            names = ", ".join(sorted({str(item["loc"][-1]) for item in error.errors()}))
            raise Problem(422, "invalid_request", f"La demande n’est pas valable : {names}.") from None
        if objections := Outlook(self._directory, [record]).objections_to(record):
            raise Problem(409, objections[0].code, _OBJECTIONS[objections[0].code])
        await self._bucket.write(key_of(record), encoded(record))
        return record.model_dump(mode="json")


def check_admin(who: Identity, *, office: str, seen: bool) -> None:
    """Raises Problem 404 for a record of another office or one that isn't theirs to see, 403 for anybody but admins."""
    if who.office != office or not (seen or who.role == "admin"):
        raise Problem(404, "not_found", "Introuvable.")
    if who.role != "admin":
        raise Problem(403, "not_your_role", "Votre profil ne permet pas cette action.")


def directory_routes(admin: DirectoryAdmin, authenticate: Authenticator) -> APIRouter:
    """The three routes."""
    router = APIRouter(
        prefix="/api/directory",
        route_class=guarded(authenticate),
        responses=problems(400, 401, 403, 404, 409, 422, 429, 503),
    )
    Who = Annotated[Identity, Depends(authenticate)]  # noqa: N806  # a type

    @router.put("/offices/{office}", response_model=None, responses={200: {"model": Office}})
    async def put_office(office: str, given: GivenOffice, who: Who) -> Mapping[str, object]:
        return await admin.put(who, office=office, seen=True, build=lambda: Office(id=office, **given.model_dump()))

    @router.put("/clients/{office}/{client}", response_model=None, responses={200: {"model": Client}})
    async def put_client(office: str, client: str, given: GivenClient, who: Who) -> Mapping[str, object]:
        def build() -> Client:
            return given.placed(office=office, client=client)

        seen = admin.rights.sees(who, office=office, client=client)
        return await admin.put(who, office=office, seen=seen, build=build)

    @router.put("/people/{office}/{sub:path}", response_model=None, responses={200: {"model": OfficePerson}})
    async def put_person(office: str, sub: str, given: GivenColleague, who: Who) -> Mapping[str, object]:
        def build() -> OfficePerson:
            return OfficePerson(office=office, sub=sub, **given.model_dump())

        return await admin.put(who, office=office, seen=sub == who.sub, build=build)

    return router
