"""A service's settings as variables of the environment: what there are, and what is wrong with those that are set."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from chassis.settings import EnvironmentSettings, ServiceSettings
from chassis.tracing import tracing_fault

S = TypeVar("S", bound=ServiceSettings)
_NESTED = "__"
_NOTHING = object()


@dataclass(frozen=True)
class Variable:
    """One variable. `default` is None where it must be set; `in_block` names the optional block that it belongs to."""

    name: str
    description: str
    default: str | None
    is_secret: bool
    examples: tuple[str, ...]
    in_block: str | None = None


def variables(settings: type[EnvironmentSettings]) -> list[Variable]:
    """All that a service, or a command, reads, in the order of its settings."""
    return list(_variables(settings, _prefix_of(settings)))


def faults(settings: type[ServiceSettings]) -> list[str]:
    """What is wrong with the environment, a line each that begins with the variable's name; no value is told."""
    return [*_read(settings)[1], *_unknown(settings)]


def settings_or_exit(settings: type[S], *, check: bool) -> S:
    """The settings. Raises SystemExit: 1 with what is wrong; where it is a `check`, 0 when nothing is."""
    read, found = _read(settings)
    if check:
        found += [*_unknown(settings), *filter(None, [tracing_fault()])]
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    if read is None or found:
        raise SystemExit(1)
    if check:
        sys.stdout.write(f"The environment has what the service needs ({_prefix_of(settings)}…).\n")
        raise SystemExit(0)
    return read


def add_check(parser: argparse.ArgumentParser) -> None:
    """Declare `--check`."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="say what is wrong with the environment, start nothing; 1 where anything is",
    )


def settings_of(settings: type[S], *, module: str, description: str, arguments: Sequence[str] | None = None) -> S:
    """The settings of a service that has no commands, as `settings_or_exit` gives them by its command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"{description} Settings come from the environment, as docs/configuration.md lists them.",
    )
    add_check(parser)
    return settings_or_exit(settings, check=parser.parse_args(arguments).check)


def _prefix_of(settings: type[EnvironmentSettings]) -> str:
    return str(settings.model_config.get("env_prefix", "")).upper()


def _variables(
    model: type[BaseModel], prefix: str, *, given: Any = None, in_block: str | None = None
) -> Iterator[Variable]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        default = _default_of(field, getattr(given, name, _NOTHING))
        block = _block_of(field.annotation)
        if block is None:
            yield Variable(
                name=variable,
                description=field.description or "",
                default=None if default is _NOTHING else _shown(default),
                is_secret=SecretStr in _kinds_of(field.annotation),
                examples=tuple(map(str, field.examples or ())),
                in_block=in_block,
            )
        else:
            optional = variable if default is None else in_block
            yield from _variables(block, variable + _NESTED, given=default, in_block=optional)


def _default_of(field: FieldInfo, given: Any) -> Any:
    if given is not _NOTHING:
        return given
    return _NOTHING if field.is_required() else field.get_default(call_default_factory=True)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return "[]" if value == () else str(value)


def _kinds_of(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _block_of(annotation: Any) -> type[BaseModel] | None:
    kinds = [kind for kind in _kinds_of(annotation) if kind is not NoneType]
    [kind, *others] = kinds
    return kind if not others and isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _read(settings: type[S]) -> tuple[S | None, list[str]]:
    """The settings, or what they lack and have wrong."""
    prefix = _prefix_of(settings)
    try:
        return settings(), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return None, [f"{prefix}{_NESTED.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in found]
    except SettingsError as error:
        return None, [f"{prefix}…: {error}"]


def _unknown(settings: type[ServiceSettings]) -> list[str]:
    prefix, names = _prefix_of(settings), {each.name for each in variables(settings)}
    # A block may be given whole, as JSON.
    blocks = {
        _NESTED.join(parts[:depth])
        for parts in (name.split(_NESTED) for name in names)
        for depth in range(1, len(parts))
    }
    found = []
    for name in sorted(each.upper() for each in _set() if each.upper().startswith(prefix)):
        if name not in names | blocks:
            near = difflib.get_close_matches(name, names, n=1)
            found.append(f"{name}: no such setting{f'; {near[0]}?' if near else ''}")
    return found


def _set() -> set[str]:
    folder = os.environ.get("SECRETS_DIR")
    files = {file.name for file in Path(folder).iterdir()} if folder and Path(folder).is_dir() else set()
    return {*os.environ, *files}
