"""Settings, read from the environment, and those that every service has.

A service subclasses `ServiceSettings` with its own prefix, a command `EnvironmentSettings`; nested blocks use `__`
(`UPLOAD_STAGING__BUCKET`). Secrets have no default. What the environment doesn't hold is read from the folder that
`SECRETS_DIR` names, a file a setting, named as the variable would be: as Docker and Kubernetes mount secrets.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from chassis.owed import REPUBLISH_AFTER


class S3Settings(BaseModel):
    """One bucket and the keys for it."""

    model_config = ConfigDict(frozen=True)

    endpoint: str = Field(description="Origin of the S3 API.", examples=["https://s3.example.org"])
    region: str = Field("us-east-1", description="Region the requests are signed for.")
    bucket: str = Field(description="Name of the bucket.", examples=["documents"])
    access_key: str = Field(description="Access key id.", examples=["connect-service"])
    secret_key: SecretStr = Field(description="Secret access key.")


class IssuerSettings(BaseModel):
    """An issuer of tokens."""

    model_config = ConfigDict(frozen=True)

    issuer: str = Field(description="`iss` of its tokens.")
    audience: str = Field(description="`aud` that its tokens must carry to be meant for us.")
    jwks_url: str = Field(description="Where its public keys are read.")


class AuthSettings(BaseModel):
    """Whose tokens are believed."""

    model_config = ConfigDict(frozen=True)

    issuer: str = Field(
        description="`iss` of the session tokens: the portal's public origin.", examples=["https://connect.example.org"]
    )
    audience: str = Field("connect", description="`aud` that a token must carry.")
    jwks_url: str = Field(
        description="Where the issuer's public keys are read.",
        examples=["http://catalog:8110/.well-known/jwks.json"],
    )
    further: tuple[IssuerSettings, ...] = Field(
        (),
        description="Whose tokens are believed as `Authorization: Bearer` too, for machines and the mobile application:"
        " a JSON list. What their bearers may do is the directory's to say, by `sub`.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        issuers = [self.issuer, *(each.issuer for each in self.further)]
        if len(set(issuers)) < len(issuers):
            raise ValueError("an issuer stands twice among those that are trusted")
        return self


def _networks(value: str) -> str:
    for each in value.split(","):
        ipaddress.ip_network(each.strip())
    return value


Limit = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(lambda value: None if value == "none" else value)]
DrainWait = Annotated[
    float,
    Field(
        ge=0,
        le=60,
        description="Seconds after SIGTERM during which requests are taken still: until no gateway sends any.",
    ),
]


class EnvironmentSettings(BaseSettings):
    """Settings from the environment and the folder that `SECRETS_DIR` names."""

    model_config = SettingsConfigDict(frozen=True, env_nested_delimiter="__", extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the files of `SECRETS_DIR`; a folder that is named must be there."""
        folder = os.environ.get("SECRETS_DIR")
        files = NestedSecretsSettingsSource(file_secret_settings, secrets_dir=folder, secrets_dir_missing="error")
        return init_settings, env_settings, dotenv_settings, files


class ServiceSettings(EnvironmentSettings):
    """What every service needs to know."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(description="Port to listen on, for the API, health and metrics.", examples=[8100])
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "127.0.0.1",
        description="Whose X-Forwarded-For says where a request comes from: the gateways' addresses or networks,"
        " comma-separated. Of several hops each must be named.",
    )
    drain_wait: DrainWait = 0
    log_level: str = Field("INFO", description="Lowest level that is logged.")
    nats_url: str = Field(description="NATS servers, comma-separated.", examples=["nats://nats:4222"])
    nats_user: str = Field(description="NATS user of this service.", examples=["upload"])
    nats_password: SecretStr = Field(description="Password of that user.")
    mongo_url: SecretStr = Field(
        description="MongoDB connection string, with credentials.",
        examples=["mongodb://user:password@mongo:27017/database?replicaSet=rs0"],
    )
    mongo_database: str = Field(description="This service's own database.", examples=["upload"])
    republish_after: float = Field(
        REPUBLISH_AFTER,
        ge=10,
        le=REPUBLISH_AFTER,
        description="Seconds after which an event that nothing followed is published again, under the same id.",
    )

    failpoints: Path | None = Field(
        None,
        description="Tests alone set this: the folder that says where this process is to die (`chassis.failpoints`).",
    )
