"""A Prometheus of the machine's beside a stack: the stack's own scrape configuration, with the shortened rules."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from deploy.local.plan import Plan
from tests.support.eventually import eventually

# Ports of the stack's block that no part of it takes. Prometheus' is that of `make prometheus`.
_PROMETHEUS, _NODE = 9, 90
# Seconds. A service has up to two to ask its dependencies when it is scraped.
_SHORTEST_SCRAPE = 3.0
_EVALUATE_EVERY = "1s"


@dataclass(frozen=True)
class Firing:
    """An alert as Prometheus tells of it now."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Prometheus:
    """Prometheus, and node_exporter where `watches_disks`: of its disks it keeps those below the folder alone.

    A context manager that starts and ends them.
    """

    def __init__(self, folder: Path, plan: Plan, *, rules: str, minute: float, watches_disks: bool) -> None:
        self._folder, self._plan, self._rules = folder, plan, rules
        self._every = f"{round(max(minute, _SHORTEST_SCRAPE) * 1000)}ms"
        self._watches_disks = watches_disks
        self._base = f"http://127.0.0.1:{plan.port_base + _PROMETHEUS}"
        self._node = f"127.0.0.1:{plan.port_base + _NODE}"
        self._config: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "alerts.yml").write_text(self._rules, encoding="utf-8")
        self._config = self._configuration()
        self._write()
        if self._watches_disks:
            self._run(
                "prometheus-node-exporter",
                *("--collector.disable-defaults", "--collector.filesystem", f"--web.listen-address={self._node}"),
            )
        self._process = self._run(
            "prometheus",
            *(f"--config.file={self._file}", f"--storage.tsdb.path={self._folder / 'data'}", "--log.level=warn"),
            f"--web.listen-address={self._base.removeprefix('http://')}",
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    async def scrapes_everybody(self, http: httpx.AsyncClient) -> None:
        """Wait until every target answers. Raises AssertionError."""
        targets = sum(len(job["static_configs"][0]["targets"]) for job in self._config["scrape_configs"])

        async def all_up() -> bool:
            try:
                return len(await self.query("up == 1", http)) == targets
            except httpx.HTTPError:
                return False

        await eventually(all_up, within=90, every=0.5)

    async def firing(self, http: httpx.AsyncClient) -> list[Firing]:
        """Every alert that fires now."""
        answer = await http.get(f"{self._base}/api/v1/alerts")
        alerts = answer.raise_for_status().json()["data"]["alerts"]
        return [Firing(each["labels"], each["annotations"]) for each in alerts if each["state"] == "firing"]

    async def query(self, expression: str, http: httpx.AsyncClient) -> list[dict[str, Any]]:
        """What an expression is now."""
        answer = await http.get(f"{self._base}/api/v1/query", params={"query": expression})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    def targets(self, job: str) -> list[str]:
        """What is scraped for a job."""
        [of_job] = [each for each in self._config["scrape_configs"] if each["job_name"] == job]
        targets: list[str] = of_job["static_configs"][0]["targets"]
        return targets

    def retarget(self, job: str, targets: Sequence[str]) -> None:
        """Have other targets scraped for a job from now on."""
        self.targets(job)[:] = targets
        self._write()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    @property
    def _file(self) -> Path:
        return self._folder / "prometheus.yml"

    def _configuration(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((self._plan.etc / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] |= {
            "scrape_interval": self._every,
            "scrape_timeout": self._every,
            "evaluation_interval": _EVALUATE_EVERY,
        }
        config["rule_files"] = ["alerts.yml"]
        [node] = [job for job in config["scrape_configs"] if job["job_name"] == "node"]
        if self._watches_disks:
            node["static_configs"] = [{"targets": [self._node]}]
            ours = {"source_labels": ["mountpoint"], "regex": f"{self._folder}/.+|", "action": "keep"}
            node["metric_relabel_configs"] = [ours]
        else:
            config["scrape_configs"].remove(node)
        return config

    def _write(self) -> None:
        self._file.write_text(yaml.safe_dump(self._config), encoding="utf-8")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        log = self._cleanup.enter_context((self._folder / f"{command[0]}.log").open("wb"))
        # They end with this command, whatever ends it.
        process = subprocess.Popen(("setpriv", "--pdeathsig", "TERM", *command), stdout=log, stderr=log)
        self._cleanup.callback(process.wait)
        self._cleanup.callback(process.terminate)
        return process
