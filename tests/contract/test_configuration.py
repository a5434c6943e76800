"""docs/configuration.md is what the settings say, and the settings leave nothing unsaid."""

import pytest
from chassis.configuration import variables
from chassis.settings import EnvironmentSettings
from connect_ops.settings import OpsSettings

from deploy.configuration import DOCUMENT, SERVICES, document


def test_the_committed_page_is_that_of_the_settings() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run `make configuration`"


@pytest.mark.parametrize("settings", [*SERVICES.values(), OpsSettings], ids=[*SERVICES, "connect-ops"])
def test_every_variable_is_described_and_has_a_default_or_an_example(settings: type[EnvironmentSettings]) -> None:
    for each in variables(settings):
        assert each.description.endswith("."), each.name
        assert each.default is not None or each.examples or each.is_secret, each.name
        assert not (each.is_secret and each.default), each.name


def test_the_page_has_every_variable_of_the_operators_commands() -> None:
    _, _, told = DOCUMENT.read_text(encoding="utf-8").partition("\n## connect-ops\n")
    names = [line.split("`")[1] for line in told.splitlines() if line.startswith("| `")]
    assert names == [each.name for each in variables(OpsSettings)]
