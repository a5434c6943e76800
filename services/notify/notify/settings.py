"""Settings of this service, read from the environment."""

from email.utils import parseaddr
from typing import Annotated, Literal, Self

from chassis.settings import ServiceSettings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict


class SmtpSettings(BaseModel):
    """The mail relay."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(description="Name of the mail relay.", examples=["smtp.example.org"])
    port: int = Field(description="Its port.", examples=[587])
    username: str | None = Field(None, description="User at the relay; without one, nothing is authenticated.")
    password: SecretStr | None = Field(None, description="That user's password.")
    tls: Literal["none", "starttls", "tls"] = Field(
        "starttls", description="`tls` from the first byte, `starttls` before anything else is said, or `none`."
    )

    @model_validator(mode="after")
    def _keep_the_password_secret(self) -> Self:
        if self.username is not None and self.password is None:
            raise ValueError("a username needs a password")
        if self.username is not None and self.tls == "none":
            raise ValueError("a password is only sent over TLS")
        return self


def _is_sender(value: str) -> str:
    if "@" not in parseaddr(value)[1]:
        raise ValueError("not an address, such as CERFRANCE CONNECT <ne-pas-repondre@example.org>")
    return value


class NotifySettings(ServiceSettings):
    """What notify needs to know."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")

    mongo_database: str = Field("notify", description="This service's own database.")
    smtp: SmtpSettings = Field(description="The mail relay.")
    sender: Annotated[str, AfterValidator(_is_sender)] = Field(
        description="`From` of every mail.", examples=["CERFRANCE CONNECT <ne-pas-repondre@example.org>"]
    )
    portal_url: str = Field(
        description="Public origin of the portal, which the mails link to.", examples=["https://connect.example.org"]
    )
