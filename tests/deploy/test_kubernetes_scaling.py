"""What adds pods looks at what there is, and no two look after the same."""

import re
from collections import Counter
from collections.abc import Iterable
from unittest.mock import Mock

import catalog.main
import ged_mover.main
import notify.main
import promql_parser
import pytest
import upload.main
from catalog.generations import FIRST, durable_of
from chassis.metrics import CONSUMER_LAG
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
        assert {each["account"] for each in _triggers(scaled, "nats-jetstream")} <= {PLATFORM_ACCOUNT}
        assert looked_at <= heard
        assert looked_at or _triggers(scaled, "prometheus")


def test_the_mails_and_the_moves_are_looked_at() -> None:
    triggers = {
        each["consumer"]
        for scaled in build("large").of_kind("ScaledObject").values()
        for each in _triggers(scaled, "nats-jetstream")
    }
    assert triggers == {"notify-digests", "ged-mover-moves"}


@pytest.mark.parametrize("generation", [FIRST, 2, 10, 99])
def test_the_projection_is_looked_at_whichever_generation_serves(generation: int) -> None:
    scaled = build("large").of_kind("ScaledObject")["catalog"]
    [trigger] = _triggers(scaled, "prometheus")
    asked = promql_parser.parse(trigger["query"])
    assert isinstance(asked, promql_parser.AggregateExpr)
    # KEDA wants one value, and every replica tells the same.
    assert (str(asked.op), asked.modifier) == ("max", None)
    assert isinstance(asked.expr, promql_parser.VectorSelector)
    assert asked.expr.name == next(iter(CONSUMER_LAG.collect())).name
    labels = {each.name: each.value for each in asked.expr.matchers.matchers}
    assert labels.keys() == {"namespace", "subscription"}
    assert labels["namespace"] == scaled["metadata"]["namespace"]
    durables = [each.name for each in catalog.main.subscriptions(Mock(), Mock(), generation=generation)]
    assert len(durables) > 1
    [looked_at] = [each for each in durables if re.fullmatch(labels["subscription"], each)]
    assert looked_at == durable_of(generation)


def test_the_catalog_is_scaled_by_its_processor_too() -> None:
    [trigger] = _triggers(build("large").of_kind("ScaledObject")["catalog"], "cpu")
    [metric] = build("small").of_kind("HorizontalPodAutoscaler")["catalog"]["spec"]["metrics"]
    assert trigger["value"] == metric["resource"]["target"]["averageValue"]


def test_where_people_wait_there_are_two_at_least(built: Build) -> None:
    for each in built.of_kind("HorizontalPodAutoscaler").values():
        assert 2 <= each["spec"]["minReplicas"] < each["spec"]["maxReplicas"]
    for each in built.of_kind("ScaledObject").values():
        assert 2 <= each["spec"]["minReplicaCount"] < each["spec"]["maxReplicaCount"]
