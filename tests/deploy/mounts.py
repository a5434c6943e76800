"""A pod's environment and mounts on this machine, as the kubelet makes them."""

from pathlib import Path

from tests.deploy.manifests import Pod

# What a Secret's file may hold where a setting is more than a word.
_SAMPLES = {"MONGO_URL": "mongodb://user:password@mongo.connect-servers:27017/database?replicaSet=rs0"}


def _mount_secret(pod: Pod, folder: Path, files: list[str]) -> None:
    """As the kubelet does: the files lie in a dated folder, and what is read are links through `..data`."""
    dated = folder / "..2026_01_31_12_00_00.123456789"
    dated.mkdir(parents=True)
    (folder / "..data").symlink_to(dated.name)
    for name in files:
        (dated / name).write_text(_SAMPLES.get(name.removeprefix(pod.prefix), "made-up"), encoding="utf-8")
        (folder / name).symlink_to(f"..data/{name}")


def environment_of_pod(pod: Pod, root: Path) -> dict[str, str]:
    """The pod's environment, with its mounts below `root`."""
    for path, volume in pod.mounts():
        inside = root / path.relative_to("/")
        if "secret" not in volume:
            inside.mkdir(parents=True)
        elif "items" in volume["secret"]:
            _mount_secret(pod, inside, [item["path"] for item in volume["secret"]["items"]])
        else:
            _mount_secret(pod, inside, ["current.pem", "next.pem", "receipt.pem"])
    return {name: f"{root}{value}" if value.startswith("/") else value for name, value in pod.env.items()}
