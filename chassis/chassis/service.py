"""The life of a service process: one event loop with an HTTP server and background tasks, drained at its end.

On SIGTERM the service says that it is no longer ready, nor serving, and goes on until its gateways must have noticed
(`drain_wait`). Only then `stop` is set: the server stops accepting and finishes its requests, every background task
finishes what it has under way, and then the resources are closed in reverse order. So no request is refused where
another replica serves, and none is answered by half a service.
"""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import memory
from chassis.early_answers import EarlyAnswers
from chassis.health import PROBES, Check, health_routes
from chassis.logs import configure_logs, logger
from chassis.metrics import REQUEST_SECONDS, REQUESTS
from chassis.problem import bug_response, install_problems
from chassis.settings import ServiceSettings
from chassis.tracing import TRACEPARENT, span, start_tracing, stop_tracing

# Seconds. What a request is in the middle of, its sender can go on with elsewhere. What a background task is in the
# middle of may be done and not yet noted, a mail above all: it has until its database should be back. Where a
# task failed, the others have less, for meanwhile nobody is served.
REQUESTS_SECONDS, DRAIN_SECONDS = 20, 90
# An idle connection is closed by whoever opened it, never by the service at the very moment a request comes along it:
# gateways keep theirs for two minutes at most.
_KEEP_ALIVE_SECONDS = 150
BackgroundTask = Callable[[asyncio.Event], Awaitable[None]]
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Parts:
    """What a service's composition root has put together.

    `tasks` run until the event they get is set, then finish what is under way and return. One that raises ends the
    process: its supervisor starts it again.
    """

    checks: Mapping[str, Check]
    routers: Sequence[APIRouter] = ()
    tasks: Mapping[str, BackgroundTask] = field(default_factory=dict)


Compose = Callable[[AsyncExitStack], Awaitable[Parts]]


def run_service(*, name: str, settings: ServiceSettings, compose: Compose) -> None:
    """Run the service until it is told to stop. `compose` builds its parts, entering resources into the stack.

    Raises SystemExit(1) when a background task failed.
    """
    memory.keep_little()
    configure_logs(service=name, level=settings.log_level)
    start_tracing(service=name)
    life = _Life(name, compose, wait=settings.drain_wait)
    config = uvicorn.Config(
        life.app(),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=REQUESTS_SECONDS,
        loop="uvloop",
    )
    life.server = _Server(config, life)
    life.server.run()
    stop_tracing()
    if life.failed:
        raise SystemExit(1)


class _Server(uvicorn.Server):
    """Tells of the signal at once and shuts down after the wait: uvicorn's own hook comes after the last request."""

    def __init__(self, config: uvicorn.Config, life: "_Life") -> None:
        super().__init__(config)
        self._life = life

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._life.leave(partial(super().handle_exit, sig, frame), at_once=sig != signal.SIGTERM)


class _Life:
    def __init__(self, name: str, compose: Compose, *, wait: float) -> None:
        self._name = name
        self._compose = compose
        self._wait = wait
        self._leaving = asyncio.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_until = 0.0
        self.server: uvicorn.Server | None = None
        self.failed = False

    def app(self) -> FastAPI:
        app = FastAPI(title=self._name, lifespan=self._lifespan, docs_url=None, redoc_url=None, openapi_url=None)
        install_problems(app)
        app.add_middleware(RequestContext)
        app.add_middleware(EarlyAnswers, is_stopping=self._stop.is_set)
        return app

    def leave(self, end: Callable[[], None], *, at_once: bool) -> None:
        """Want no further requests, and once the gateways must have noticed, drain and `end`; a signal's handler may
        call it, again too."""

        def noticed() -> None:
            self.drain()
            end()

        if self._loop is None or at_once or not self._wait:
            noticed()
            return
        self._loop.call_soon_threadsafe(self._leaving.set)
        self._loop.call_soon_threadsafe(self._loop.call_later, self._wait, noticed)

    def drain(self) -> None:
        """Start to drain; may be called by a signal's handler, again too."""
        seconds = REQUESTS_SECONDS if self.failed else DRAIN_SECONDS
        self._drain_until = self._drain_until or time.monotonic() + seconds
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)
            self._loop.call_soon_threadsafe(self._stop.set)

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            parts = await self._compose(stack)
            for router in (health_routes(parts.checks, self._leaving), *parts.routers):
                app.include_router(router)
            await stack.enter_async_context(self._background(parts.tasks))
            logger().info("service_started")
            yield
        logger().info("service_stopped")

    @asynccontextmanager
    async def _background(self, tasks: Mapping[str, BackgroundTask]) -> AsyncIterator[None]:
        """Run the tasks; on exit wait until they have drained."""
        running = [asyncio.create_task(self._guarded(name, task), name=name) for name, task in tasks.items()]
        try:
            yield
        finally:
            self.drain()
            if running:
                _, late = await asyncio.wait(running, timeout=max(1.0, self._drain_until - time.monotonic()))
                for task in late:
                    logger().error("task_cut_off", task=task.get_name())
                    task.cancel()

    async def _guarded(self, name: str, task: BackgroundTask) -> None:
        try:
            with structlog.contextvars.bound_contextvars(task=name):
                await task(self._stop)
        except Exception as error:
            # Half a service is worse than none: end, and let the supervisor start it whole.
            logger().critical("task_failed", task=name, exc_info=error)
            self.failed = True
            self.drain()
            if self.server is not None:
                self.server.should_exit = True


class RequestContext:
    """ASGI middleware: binds a request id for the logs, counts and times requests by their route's template, and
    answers an error that nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = dict(scope["headers"]).get(TRACEPARENT.encode(), b"").decode("latin-1")
        quiet = scope["path"] in PROBES
        with (
            structlog.contextvars.bound_contextvars(request=uuid.uuid4().hex),
            nullcontext() if quiet else span("request", parent=parent) as step,
        ):
            try:
                await self._app(scope, receive, observed)
            except Exception as error:
                if status:
                    raise  # too late for another answer: the server breaks the connection off, and logs it
                logger().error("request_failed", exc_info=error)
                await bug_response()(scope, receive, observed)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                REQUESTS.labels(method, route, str(status)).inc()
                REQUEST_SECONDS.labels(method, route).observe(time.monotonic() - started)
                if step is not None:
                    step.update_name(f"{method} {route}")
