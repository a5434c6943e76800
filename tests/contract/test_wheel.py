"""`contracts` builds as a wheel that stands on pydantic alone, and reads an event where nothing else is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from contracts.__main__ import FOLDER

_READS = """
import sys
from contracts.envelope import decode
print(decode(sys.stdin.buffer.read()).type)
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
    subprocess.run(
        (*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(FOLDER)), check=True, timeout=100
    )
    (made,) = folder.glob("*.whl")
    return made


def test_it_is_small_and_asks_for_pydantic_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert needed == ["Requires-Dist: pydantic>=2.10"]
    assert wheel.stat().st_size < 100_000


def test_in_an_empty_environment_it_reads_an_event(wheel: Path, tmp_path: Path) -> None:
    """Empty but for what pydantic itself asks for, taken from this environment, so that no network is needed."""
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")), check=True, timeout=100)
    (site,) = (tmp_path / "empty" / "lib").glob("python3*/site-packages")
    for name in ("pydantic", "pydantic_core", "annotated_types", "typing_extensions.py", "typing_inspection"):
        (source,) = (
            Path(path) / name for path in sys.path if path.endswith("site-packages") and (Path(path) / name).exists()
        )
        (site / name).symlink_to(source)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    event = (FOLDER / "examples" / "taken.json").read_bytes()
    others = ("chassis", "nats", "yaml", "structlog", "pymongo", "catalog")
    done = subprocess.run((python, "-c", _READS, *others), input=event, capture_output=True, check=False, timeout=100)
    assert done.stdout.decode().split("\n")[:2] == ["fr.cerfrance.connect.document.taken.v1", "[]"], done.stderr
