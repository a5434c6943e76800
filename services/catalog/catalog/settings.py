"""The catalog's settings, from `CATALOG_…` in the environment."""

from urllib.parse import urlsplit

from chassis.settings import AuthSettings, DrainWait, Limit, S3Settings, ServiceSettings
from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, FilePath, SecretStr
from pydantic_settings import SettingsConfigDict


class OidcSettings(BaseModel):
    """The OpenID Connect provider at which people sign in."""

    model_config = ConfigDict(frozen=True)

    issuer: str = Field(
        description="The provider's issuer URL; its discovery document is read below it.",
        examples=["https://sso.example.org/realms/connect"],
    )
    client_id: str = Field(description="This portal's client id at the provider.", examples=["connect"])
    client_secret: SecretStr = Field(description="The client secret.")

    @property
    def origin(self) -> str:
        """The issuer's origin."""
        return f"{urlsplit(self.issuer).scheme}://{urlsplit(self.issuer).netloc}"


class TsaSettings(BaseModel):
    """An authority that stamps seals of the audit trail with the time (RFC 3161)."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="Where it takes requests.", examples=["https://tsa.example.org/tsr"])
    roots_file: FilePath = Field(
        description="PEM file with the root certificates that its stamps must lead to.", examples=["/run/keys/tsa.pem"]
    )


class RequestSettings(BaseModel):
    """How many requests are taken in ten seconds. `none` sets no limit."""

    model_config = ConfigDict(frozen=True)

    person: Limit = Field(
        300, description="Requests in ten seconds of one person: whoever signed in, or a machine by its token."
    )
    address: Limit = Field(
        6_000, description="Requests in ten seconds of one address, or one IPv6 /64: an office's people share theirs."
    )
    sign_in: Limit = Field(
        600, description="Requests in ten seconds of one address, or one IPv6 /64, to sign in: each time takes two."
    )


class StreamSettings(BaseModel):
    """How many live streams (`/api/live`) may be open at a time. `none` sets no limit."""

    model_config = ConfigDict(frozen=True)

    person: Limit = Field(
        20, description="Live streams of one person open at a time: a page that is looked at has one."
    )
    address: Limit = Field(
        2_000, description="Live streams of one address, or one IPv6 /64, at a time: an office's people share theirs."
    )


class CatalogSettings(ServiceSettings):
    """What the catalog needs to know."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="CATALOG_", env_nested_delimiter="__", extra="ignore")

    drain_wait: DrainWait = 5
    mongo_database: str = Field("catalog", description="This service's own database.")
    audit_database: str = Field(
        "catalog_audit", description="Where the audit trail's journal and seals are only ever added to."
    )
    public_url: str = Field(description="The portal's public origin.", examples=["https://connect.example.org"])
    auth: AuthSettings = Field(description="Whose session tokens are believed.")
    staging: S3Settings = Field(description="The bucket where intake writes; read only.")
    ged: S3Settings = Field(description="The secure bucket; read only.")
    oidc: OidcSettings = Field(description="Where people sign in.")
    audit_keys_dir: DirectoryPath = Field(
        description="Folder with `current.pem` (Ed25519), which signs the audit trail's seals, and those that did.",
        examples=["/run/keys/audit"],
    )
    audit_tsa: TsaSettings | None = Field(None, description="Who stamps seals with the time; nobody, where not set.")
    requests: RequestSettings = Field(
        RequestSettings(), description="How often one person, and one address, may ask; counted for all replicas."
    )
    streams: StreamSettings = Field(
        StreamSettings(), description="How many live streams one person, and one address, may have; of all replicas."
    )
    seal_every: float = Field(24 * 3600, gt=0, description="Seconds from one seal of the audit trail to the next.")
    audit_check_every: float = Field(
        24 * 3600, gt=0, description="Seconds from one look at all of the audit trail's entries and seals to the next."
    )
    session_keys_dir: DirectoryPath = Field(
        description="Folder with `current.pem` and `next.pem` (Ed25519), which sign sessions.",
        examples=["/run/keys/sessions"],
    )
