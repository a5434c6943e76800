"""What the commands are told by their environment (prefix `CONNECT_OPS_`)."""

from chassis.settings import EnvironmentSettings, S3Settings
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict


class Databases(BaseModel):
    """The services' databases, by name."""

    model_config = ConfigDict(frozen=True)

    upload: str = Field("upload", description="Intake's.")
    catalog: str = Field("catalog", description="The catalog's.")
    catalog_audit: str = Field("catalog_audit", description="That of the audit trail's journal, which is only read.")
    notify: str = Field("notify", description="That of the mails.")
    ged_mover: str = Field("ged_mover", description="The mover's.")


class OpsSettings(EnvironmentSettings):
    """An operator's own credentials; the services' have not all these rights."""

    model_config = SettingsConfigDict(env_prefix="CONNECT_OPS_", frozen=True, env_nested_delimiter="__", extra="ignore")

    nats_url: str = Field(description="NATS servers, comma-separated.", examples=["nats://nats:4222"])
    nats_user: str = Field(
        description="A user who may read and delete in all streams, make consumers, publish events and wake services.",
        examples=["ops"],
    )
    nats_password: SecretStr = Field(description="Password of that user.")
    mongo_url: SecretStr = Field(
        description="MongoDB connection string of a user who may write in all four databases, and read the journal's.",
        examples=["mongodb://user:password@mongo:27017/?replicaSet=rs0&authSource=admin"],
    )
    databases: Databases = Field(Databases(), description="Where the services keep their records.")
    staging: S3Settings = Field(description="The bucket that intake writes to: list.")
    ged: S3Settings = Field(description="The secure bucket: read, list versions, read their retention.")
    verify_nights: int = Field(
        91,
        ge=1,
        description="In how many nights `connect-ops verify --night` reads every document of the GED once. Odd, so that"
        " all have their share: of the journal's entries every second one may be an archival.",
    )
