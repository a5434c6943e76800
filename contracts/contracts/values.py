"""Small values shared by the events and the directory."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

# Ids are one token of a NATS subject and one segment of an S3 key: no dot, no slash, no wildcard.
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
OfficeId = Token
ClientId = Token
ContactId = Token
DocumentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
DepositId = DocumentId
Sub = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
# `comptable` and `conseil` for deposits; a free label (Bilan, Paie…) for published documents.
Folder = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

Space = Literal["deposits", "published"]
DEPOSIT_FOLDERS = ("comptable", "conseil")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("before or after all time") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Value(BaseModel):
    """An immutable value. Unknown fields are ignored, so that an older reader survives a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Person(Value):
    """Who did something: the sign-in provider's `sub` and the name shown to others."""

    sub: Sub
    name: Name


class ClientRef(Value):
    """The account that deposits, as it was named when the event happened."""

    id: ClientId
    name: Name


class DepositRef(Value):
    """One click on TOUT TRANSFÉRER. `size` is the number of files announced, absent when it was not said."""

    id: DepositId
    size: Annotated[int, Field(ge=1, le=10_000)] | None = None


class Location(Value):
    """Where the bytes lie in object storage."""

    bucket: Annotated[str, StringConstraints(min_length=3, max_length=63)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Receipt(Value):
    """The depositor's proof: what was received, when, from whom; signed.

    `signature` is the compact JWS (Ed25519) whose payload is this receipt's other fields as canonical JSON; `kid`
    names the public key.
    """

    document: DocumentId
    name: Name
    size: Annotated[int, Field(ge=1)]
    sha256: Sha256
    received_at: UtcDatetime
    depositor: Person
    client: ClientRef
    kid: str
    signature: str
