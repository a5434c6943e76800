from pathlib import Path

import pytest
from chassis.settings import S3Settings, ServiceSettings
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

ENV = {
    "PORT": "8000",
    "NATS_URL": "nats://nats:4222",
    "NATS_USER": "small",
    "NATS_PASSWORD": "from-the-environment",
    "MONGO_URL": "mongodb://mongo",
    "MONGO_DATABASE": "small",
    "AUTH__ISSUER": "https://portal.example",
    "AUTH__JWKS_URL": "https://portal.example/jwks.json",
    "STORE__ENDPOINT": "https://s3.example",
    "STORE__BUCKET": "bucket",
    "STORE__ACCESS_KEY": "key",
}


class SmallSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SMALL_")

    store: S3Settings


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name, value in ENV.items():
        monkeypatch.setenv(f"SMALL_{name}", value)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_secret_is_read_from_the_file_of_its_name(secrets: Path) -> None:
    (secrets / "SMALL_STORE__SECRET_KEY").write_text("of the file\n")
    settings = SmallSettings()
    assert settings.store.secret_key == SecretStr("of the file")
    assert settings.store.bucket == "bucket"


def test_the_environment_goes_before_the_file(secrets: Path) -> None:
    (secrets / "SMALL_STORE__SECRET_KEY").write_text("of the file")
    (secrets / "SMALL_NATS_PASSWORD").write_text("of the file")
    assert SmallSettings().nats_password == SecretStr("from-the-environment")


def test_a_secret_that_stands_nowhere_stops_the_start(secrets: Path) -> None:
    assert secrets.is_dir()
    with pytest.raises(ValidationError, match=r"store\.secret_key"):
        SmallSettings()


def test_a_folder_that_is_not_there_stops_the_start(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(secrets / "missing"))
    with pytest.raises(SettingsError, match="does not exist"):
        SmallSettings()


def test_without_a_folder_all_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    assert secrets.is_dir()
    monkeypatch.delenv("SECRETS_DIR")
    monkeypatch.setenv("SMALL_STORE__SECRET_KEY", "of the environment")
    assert SmallSettings().store.secret_key == SecretStr("of the environment")


def test_whom_the_senders_address_is_believed_is_addresses_and_networks(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "SMALL_STORE__SECRET_KEY").write_text("of the file")
    monkeypatch.setenv("SMALL_TRUSTED_PROXIES", "10.0.0.1, 2001:db8::/32")
    assert SmallSettings().trusted_proxies == "10.0.0.1, 2001:db8::/32"
    for nobody in ("*", "gateway", ""):
        monkeypatch.setenv("SMALL_TRUSTED_PROXIES", nobody)
        with pytest.raises(ValidationError, match="trusted_proxies"):
            SmallSettings()
