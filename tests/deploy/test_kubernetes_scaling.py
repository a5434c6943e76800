"""What adds pods looks at what there is, and no two look after the same."""

from collections import Counter
from collections.abc import Iterable
from unittest.mock import Mock

import catalog.main
import ged_mover.main
import notify.main
import upload.main
from catalog.generations import FIRST
from chassis.worker import Subscription
from contracts.subscribers import PLATFORM_ACCOUNT

from tests.deploy.manifests import Build, Manifest, build

_SUBSCRIPTIONS: dict[str, Iterable[Subscription]] = {
    "upload": upload.main.subscriptions(Mock()),
    "catalog": catalog.main.subscriptions(Mock(), Mock(), generation=FIRST),
    "notify": notify.main.subscriptions(Mock(), Mock()),
    "ged-mover": ged_mover.main.subscriptions(Mock(), mode="GOVERNANCE", moves_at_once=1),
}


def _scaled(built: Build) -> list[str]:
    scalers = (*built.of_kind("HorizontalPodAutoscaler").values(), *built.of_kind("ScaledObject").values())
    return [each["spec"]["scaleTargetRef"]["name"] for each in scalers]


def _triggers(scaled: Manifest, kind: str) -> list[Manifest]:
    return [each["metadata"] for each in scaled["spec"]["triggers"] if each["type"] == kind]


def test_no_deployment_is_scaled_by_two_or_given_a_number_besides(built: Build) -> None:
    assert max(Counter(_scaled(built)).values()) == 1
    deployments = built.of_kind("Deployment")
    assert {name for name, each in deployments.items() if "replicas" not in each["spec"]} == set(_scaled(built))


def test_the_small_one_adds_what_people_wait_for_the_large_one_every_service() -> None:
    assert sorted(_scaled(build("small"))) == ["catalog", "upload"]
    assert sorted(_scaled(build("large"))) == ["catalog", "ged-mover", "notify", "upload"]


def test_every_trigger_looks_at_a_consumer_of_its_service() -> None:
    for name, scaled in build("large").of_kind("ScaledObject").items():
        assert name == scaled["spec"]["scaleTargetRef"]["name"]
        heard = {(each.consumer.stream, each.consumer.durable) for each in _SUBSCRIPTIONS[name]}
        looked_at = {(each["stream"], each["consumer"]) for each in _triggers(scaled, "nats-jetstream")}
        assert looked_at
        assert {each["account"] for each in _triggers(scaled, "nats-jetstream")} == {PLATFORM_ACCOUNT}
        assert looked_at <= heard


def test_the_projection_the_mails_and_the_moves_are_looked_at() -> None:
    triggers = {
        each["consumer"]
        for scaled in build("large").of_kind("ScaledObject").values()
        for each in _triggers(scaled, "nats-jetstream")
    }
    assert triggers == {"catalog-projection-g1", "notify-digests", "ged-mover-moves"}


def test_the_catalog_is_scaled_by_its_processor_too() -> None:
    [trigger] = _triggers(build("large").of_kind("ScaledObject")["catalog"], "cpu")
    [metric] = build("small").of_kind("HorizontalPodAutoscaler")["catalog"]["spec"]["metrics"]
    assert trigger["value"] == metric["resource"]["target"]["averageValue"]


def test_where_people_wait_there_are_two_at_least(built: Build) -> None:
    for each in built.of_kind("HorizontalPodAutoscaler").values():
        assert 2 <= each["spec"]["minReplicas"] < each["spec"]["maxReplicas"]
    for each in built.of_kind("ScaledObject").values():
        assert 2 <= each["spec"]["minReplicaCount"] < each["spec"]["maxReplicaCount"]
