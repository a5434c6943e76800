"""The alerts for a cluster: `python -m deploy.observability.rules` writes alerts.yml as one of its manifests."""

from pathlib import Path
from textwrap import indent

ALERTS = Path(__file__).with_name("alerts.yml")
MANIFEST = ALERTS.parents[1] / "kubernetes" / "base" / "alerts.yaml"
_HEAD = """\
# deploy/observability/alerts.yml, by `make dashboards`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: connect-documents
spec:
"""


def manifest() -> str:
    """As it is written."""
    return _HEAD + indent(ALERTS.read_text(encoding="utf-8"), "  ")


def main() -> None:
    """Write it."""
    MANIFEST.write_text(manifest(), encoding="utf-8")


if __name__ == "__main__":
    main()
