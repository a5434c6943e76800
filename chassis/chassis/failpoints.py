"""Failpoints: a process dies by SIGKILL at the first of every step, once each, for tests of what is left then.

A step is one call of one port, in the context of one subscription, request or background task; it has a point before
it and one after. Tests alone set a folder; without one every port is itself and nothing is asked. In the folder

  <service>/steps/   gets a file for each step that was reached
  <service>/deaths/  gets a file for each point that was died at, so that no process dies there again
  share              is the test's: `<share> <seed>`. Without it nobody dies; of all points that share is died at
"""

import functools
import inspect
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog

from chassis.errors import Unavailable
from chassis.health import Check
from chassis.logs import logger

T = TypeVar("T")
# What these calls return is a port again.
_PORTS_WITHIN = {"Bus.subscribe": "Source", "Source.fetch": "Delivery"}
_CONTEXTS = ("subscription", "request", "task")


class Failpoints:
    """The steps of one service. `folder` is None but in tests."""

    def __init__(self, folder: Path | None, *, service: str) -> None:
        self._folder = folder
        self._own = folder / service if folder else Path()
        self._passed: set[str] = set()
        if folder is not None:
            for each in ("steps", "deaths"):
                (self._own / each).mkdir(parents=True, exist_ok=True)
            logger().critical("failpoints_on", reason="this process is meant to die, for a test")

    def at(self, name: str, port: T) -> T:
        """The port, whose calls are steps `<name>.<method>`."""
        return port if self._folder is None else cast(T, _Steps(name, port, self))

    @property
    def checks(self) -> dict[str, Check]:
        """What `/readyz` says where there is a folder."""
        return {} if self._folder is None else {"failpoints": Check(_are_on, required=False)}

    def reach(self, step: str, when: str) -> None:
        """Die, if it is this point's turn."""
        point = f"{step}@{_context()}:{when}"
        if point in self._passed or self._folder is None:
            return
        (self._own / "steps" / step).touch()
        try:
            share, seed = (self._folder / "share").read_text().split()
        except FileNotFoundError:
            return
        self._passed.add(point)
        if random.Random(seed + point).random() >= float(share):  # noqa: S311 (reproducible, not secret)
            return
        try:
            (self._own / "deaths" / point).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


async def _are_on() -> None:
    raise Unavailable("failpoints_on")


def _context() -> str:
    """The durable that is served, `request`, or the background task's name."""
    bound = structlog.contextvars.get_contextvars()
    kind = next((each for each in _CONTEXTS if each in bound), "start")
    return kind if kind in ("request", "start") else str(bound[kind])


class _Steps:
    def __init__(self, name: str, port: Any, points: Failpoints) -> None:
        self._name, self._port, self._points = name, port, points

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)
        if not inspect.isroutine(call):
            return call
        return functools.partial(_called, f"{self._name}.{method}", call, self._points)


def _called(step: str, call: Callable[..., Any], points: Failpoints, *args: Any, **kwargs: Any) -> Any:
    name = f"{step}.{_kind(args[0])}" if step == "Bus.publish" else step
    points.reach(name, "before")
    result = call(*args, **kwargs)
    if inspect.isawaitable(result):
        return _awaited(name, result, points)
    if isinstance(result, AbstractAsyncContextManager):
        return _entered(name, result, points)
    if isinstance(result, AsyncIterator):
        return _iterated(name, result, points)
    points.reach(name, "after")
    return result


async def _awaited(step: str, call: Any, points: Failpoints) -> Any:
    result = await call
    points.reach(step, "after")
    within = _PORTS_WITHIN.get(step)
    if within and isinstance(result, Sequence):
        return [points.at(within, each) for each in result]
    return points.at(within, result) if within else result


@asynccontextmanager
async def _entered(step: str, block: AbstractAsyncContextManager[Any], points: Failpoints) -> AsyncIterator[Any]:
    async with block as given:
        points.reach(step, "after")
        yield given


async def _iterated(step: str, items: AsyncIterator[Any], points: Failpoints) -> AsyncIterator[Any]:
    async for each in items:
        yield each
    points.reach(step, "after")


def _kind(topic: str) -> str:
    """Of a topic `<root>.<version>.<family>.<kind>.…`, what is told apart."""
    return ".".join(topic.split(".")[2:4])
