"""What is said of a service's environment before it starts."""

import argparse
import sys
from pathlib import Path

import pytest
from chassis.configuration import Variable, add_check, faults, settings_of, variables
from chassis.settings import S3Settings, ServiceSettings
from pydantic import BaseModel, Field, FilePath
from pydantic_settings import SettingsConfigDict

ENV = {
    "SMALL_PORT": "8000",
    "SMALL_NATS_URL": "nats://nats:4222",
    "SMALL_NATS_USER": "small",
    "SMALL_NATS_PASSWORD": "secret",
    "SMALL_MONGO_URL": "mongodb://mongo",
    "SMALL_MONGO_DATABASE": "small",
    "SMALL_STORE": '{"endpoint": "https://s3.example", "bucket": "b", "access_key": "k", "secret_key": "s"}',
}


class Stamp(BaseModel):
    url: str = Field(description="Where.", examples=["https://stamp.example"])


class SmallSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SMALL_")

    store: S3Settings
    stamp: Stamp | None = None
    key_file: FilePath | None = None


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def check(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        settings_of(SmallSettings, module="small", description="Small.", arguments=arguments)
    return ended.value.code


def test_nested_settings_are_variables_with_their_block_and_default() -> None:
    named = {each.name: each for each in variables(SmallSettings)}
    assert named["SMALL_STORE__REGION"].default == "us-east-1"
    assert named["SMALL_STORE__SECRET_KEY"].is_secret
    assert named["SMALL_STORE__SECRET_KEY"].default is None
    assert named["SMALL_STAMP__URL"] == Variable(
        "SMALL_STAMP__URL", "Where.", None, False, ("https://stamp.example",), in_block="SMALL_STAMP"
    )


def test_a_complete_environment_passes_and_starts(env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults(SmallSettings) == []
    assert check("--check") == 0
    assert "has what the service needs" in capsys.readouterr().out
    assert settings_of(SmallSettings, module="small", description="Small.", arguments=()).port == 8000


def test_each_fault_is_named_by_its_variable_and_no_value_is_told(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    env.setenv("SMALL_PORT", "eighty")
    env.delenv("SMALL_NATS_PASSWORD")
    env.setenv("SMALL_STORE", '{"endpoint": "https://s3.example", "bucket": "b", "access_key": "k"}')
    env.setenv("SMALL_KEY_FILE", str(tmp_path / "absent.pem"))
    env.setenv("SMALL_NATS_PASWORD", "hunter2")
    assert check("--check") == 1
    told = capsys.readouterr().err
    names = [line.partition(":")[0] for line in told.splitlines()]
    assert sorted(names) == [
        "SMALL_KEY_FILE",
        "SMALL_NATS_PASSWORD",
        "SMALL_NATS_PASWORD",
        "SMALL_PORT",
        "SMALL_STORE__SECRET_KEY",
    ]
    assert "no such setting; SMALL_NATS_PASSWORD?" in told
    assert "hunter2" not in told
    assert "eighty" not in told


def test_traces_that_nothing_is_there_for_are_a_fault(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert check("--check") == 0
    env.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    assert check("--check") == 1
    assert capsys.readouterr().err.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")


def test_a_start_with_less_than_is_needed_says_what_and_ends(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.delenv("SMALL_MONGO_URL")
    assert check() == 1
    assert capsys.readouterr().err == "SMALL_MONGO_URL: Field required\n"


def test_a_folder_of_secrets_is_looked_through_as_well(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("SECRETS_DIR", str(tmp_path))
    (tmp_path / "SMALL_NATS_PASSWRD").write_text("secret")
    assert faults(SmallSettings) == ["SMALL_NATS_PASSWRD: no such setting; SMALL_NATS_PASSWORD?"]


def test_the_flag_has_a_help_of_its_own() -> None:
    parser = argparse.ArgumentParser()
    add_check(parser)
    assert "start nothing" in parser.format_help()
