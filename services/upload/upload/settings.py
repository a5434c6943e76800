"""What the service is told by its environment (prefix `UPLOAD_`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from chassis.settings import AuthSettings, DrainWait, Limit, S3Settings, ServiceSettings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FilePath, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

MIB = 1024 * 1024


@dataclass(frozen=True)
class ClamdAddress:
    """Where clamd listens: `host` and `port`, or the `path` of its Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""


def scanner_of(value: str) -> ClamdAddress | None:
    """`none`, `clamd://host:port` or `unix:///run/clamav/clamd.ctl`. Raises ValueError."""
    url = urlsplit(value)
    if value == "none":
        return None
    if url.scheme == "clamd" and url.hostname and url.port:
        return ClamdAddress(host=url.hostname, port=url.port)
    if url.scheme == "unix" and not url.netloc and url.path:
        return ClamdAddress(path=url.path)
    raise ValueError("must be `none`, `clamd://host:port` or `unix:///path/of/the/socket`")


class PersonLimits(BaseModel):
    """Limits of one person: whoever signed in, or a machine by its token. `none` sets no limit."""

    model_config = ConfigDict(frozen=True)

    requests: Limit = Field(300, description="Requests in ten seconds.")
    transfers: Limit = Field(8, description="Requests under way at a time that create an upload or send its bytes.")
    uploads: Limit = Field(5_000, description="Uploads that are begun and not ended.")
    bytes_a_day: Limit = Field(64 * 1024 * MIB, description="Bytes of new uploads, as announced at their creation.")


class AddressLimits(BaseModel):
    """Limits of one address, or one IPv6 /64: an office's people share theirs. `none` sets no limit."""

    model_config = ConfigDict(frozen=True)

    requests: Limit = Field(3_000, description="Requests in ten seconds.")
    transfers: Limit = Field(128, description="Requests under way at a time that create an upload or send its bytes.")
    uploads: Limit = Field(40_000, description="Uploads that are begun and not ended.")
    bytes_a_day: Limit = Field(512 * 1024 * MIB, description="Bytes of new uploads, as announced at their creation.")


class LimitSettings(BaseModel):
    """How much may be asked for at a time; the counts are one for all replicas."""

    model_config = ConfigDict(frozen=True)

    person: PersonLimits = PersonLimits()
    address: AddressLimits = AddressLimits()


class UploadSettings(ServiceSettings):
    """Everything intake needs to know. Sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix="UPLOAD_", frozen=True, env_nested_delimiter="__", extra="ignore")

    drain_wait: DrainWait = 5
    public_url: str = Field(
        description="Public origin of the portal: uploads are addressed below it.",
        examples=["https://connect.example.org"],
    )
    auth: AuthSettings = Field(description="Whose session tokens are believed.")
    staging: S3Settings = Field(description="The bucket that documents and their parts are written to.")
    receipt_key_file: FilePath = Field(
        description="PEM file with the Ed25519 private key that signs receipts; any `*.pem` beside it did before.",
        examples=["/run/keys/receipt/receipt.pem"],
    )
    scratch_dir: Path = Field(description="Folder for unlinked temporary files.", examples=["/scratch"])
    scratch_quota: int = Field(4096 * MIB, ge=256 * MIB, description="Most bytes one process keeps in that folder.")
    max_size: int = Field(
        200 * MIB, ge=1, le=4095 * MIB, description="Largest file taken (`Tus-Max-Size`); clamd's limits must allow it."
    )
    limits: LimitSettings = Field(LimitSettings(), description="How much one person, and one address, may ask for.")
    scanner: Annotated[ClamdAddress | None, NoDecode, BeforeValidator(scanner_of)] = Field(
        description="Virus scanner: `clamd://host:port` or `unix:///path`. `none` takes files unscanned, and says so.",
        examples=["clamd://clamd:3310"],
    )

    @model_validator(mode="after")
    def _a_days_bytes_hold_the_largest_file(self) -> Self:
        for limits in (self.limits.person, self.limits.address):
            if limits.bytes_a_day is not None and limits.bytes_a_day < self.max_size:
                raise ValueError("a limit of bytes a day is below the largest file taken")
        return self
