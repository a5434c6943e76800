"""`python -m deploy.configuration`: writes docs/configuration.md from the settings of services and commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from catalog.settings import CatalogSettings
from chassis.configuration import Variable, variables
from chassis.settings import ServiceSettings
from connect_ops.settings import OpsSettings
from ged_mover.settings import GedMoverSettings
from notify.settings import NotifySettings
from upload.settings import UploadSettings

DOCUMENT = Path(__file__).parents[1] / "docs" / "configuration.md"
SERVICES: Mapping[str, type[ServiceSettings]] = {
    "upload": UploadSettings,
    "catalog": CatalogSettings,
    "notify": NotifySettings,
    "ged-mover": GedMoverSettings,
}
_INTRODUCTION = """\
<!-- Generated from the settings by `make configuration`. -->

# Configuration

Every service is configured by its environment alone. What the environment doesn't hold is read from the folder that
`SECRETS_DIR` names, a file a variable: mount secrets there. A variable without a default must be set; a block, such as
`UPLOAD_STAGING__…`, may be given whole as JSON in `UPLOAD_STAGING`. Secrets have no default anywhere.

`python -m upload --check` (likewise `catalog`, `notify`, `ged_mover`) says what is missing, wrong or unknown in an
environment, a line each, and starts nothing: 0 where all is well, else 1. A service that is started with less than it
needs says the same and ends. On Kubernetes set `enableServiceLinks: false`: else a Service named `upload` puts an
`UPLOAD_PORT` of its own into every pod.
"""
_COMMANDS = """\
## connect-ops

The operator's commands, from the environment and `SECRETS_DIR` alike, with keys and users of their own. A command that
is called with less than it needs names what is missing or wrong, and ends with status 2.
"""


def document() -> str:
    """The whole page."""
    parts = [
        _INTRODUCTION,
        "## Every service\n\nWith the service's prefix: `UPLOAD_`, `CATALOG_`, `NOTIFY_`, `GED_MOVER_`.\n",
        _table(variables(ServiceSettings)),
    ]
    inherited = {each.name: each for each in variables(ServiceSettings)}
    for service, settings in SERVICES.items():
        prefix = f"{service.replace('-', '_').upper()}_"
        own = [each for each in variables(settings) if _differs(each, inherited.get(each.name.removeprefix(prefix)))]
        parts += [f"## {service}\n", _table(own)]
    return "\n".join([*parts, _COMMANDS, _table(variables(OpsSettings))])


def _differs(variable: Variable, inherited: Variable | None) -> bool:
    return inherited is None or variable.default != inherited.default


def _table(rows: Iterable[Variable]) -> str:
    lines = ["| variable | default | what it says | example |", "|---|---|---|---|"]
    lines += [f"| `{each.name}` | {_default(each)} | {each.description} | {_example(each)} |" for each in rows]
    return "\n".join(lines) + "\n"


def _default(variable: Variable) -> str:
    if variable.default is not None:
        return f"`{variable.default}`" if variable.default else "nothing"
    needed = f"required with `{variable.in_block}__…`" if variable.in_block else "**required**"
    return f"{needed}, secret" if variable.is_secret else needed


def _example(variable: Variable) -> str:
    return ", ".join(f"`{each}`" for each in variable.examples)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT}\n")
