"""Policy tests of the Helm charts: rules that the renders of all three examples must follow."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.settings import documentation
from proctorium_common.rpc.admission import EDGE
from proctorium_common.topology import callers_of, services
from proctorium_devstack.edge_configuration import settings_of, write
from tools.charts.checks import EXAMPLES, RENDERS, Object
from tools.environment import ROOT
from tools.tests.chart_objects import Rendered, environment_of, hook_of, matches

WITH_DATABASE = sorted(services().keys() - {"portal"})
ALL = [*WITH_DATABASE, "portal", EDGE]
OWNER_URL = "PROCTORIUM_MIGRATION_DATABASE_URL"
GRPC, PROBE, PAGES, EDGE_PORT = 50051, 50052, 8080, 8443
write_secrets = runpy.run_path(str(ROOT / "deploy" / "helm" / "write_secrets.py"))


# `make lint` checks that the stored renders are up to date, so these tests need not render.
@pytest.fixture(params=EXAMPLES, scope="module")
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return Rendered((RENDERS / f"{request.param}.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def small() -> Rendered:
    return Rendered((RENDERS / "small.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def large() -> Rendered:
    return Rendered((RENDERS / "large.yaml").read_text("utf-8"))


def containers_of(rendered: Rendered, service: str) -> dict[str, Object]:
    """Return the containers of the Deployments of a service, by the names of the Deployments."""
    containers = {}
    for name, deployment in rendered.deployments().items():
        if deployment["metadata"]["labels"]["app.kubernetes.io/name"] == service:
            (containers[name],) = deployment["spec"]["template"]["spec"]["containers"]
    return containers


def test_all_services_of_the_topology_are_deployed(rendered: Rendered) -> None:
    names = {
        item["metadata"]["labels"]["app.kubernetes.io/name"]
        for item in rendered.deployments().values()
    }
    assert names == set(ALL)


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_each_role_of_a_service_has_exactly_one_deployment(
    rendered: Rendered, service: str
) -> None:
    roles = [
        role
        for container in containers_of(rendered, service).values()
        for role in environment_of(container)["PROCTORIUM_PROCESS_ROLES"].split(",")
    ]
    assert sorted(roles) == sorted(ProcessRole)
    serving = environment_of(containers_of(rendered, service)[service])["PROCTORIUM_PROCESS_ROLES"]
    assert "serve" in serving.split(",")


def test_pods_fulfil_the_restricted_profile(rendered: Rendered) -> None:
    for name, _, spec in rendered.workloads():
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert spec["automountServiceAccountToken"] is False, name
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
        for volume in spec.get("volumes", ()):
            assert volume.keys() - {"name"} <= allowed, name


def test_containers_have_no_privileges_and_a_read_only_root(rendered: Rendered) -> None:
    for name, container in rendered.containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert not {"privileged", "procMount"} & security.keys(), name
        assert not any("hostPort" in port for port in container.get("ports", ())), name


def test_containers_state_their_resources(rendered: Rendered) -> None:
    for name, container in rendered.containers():
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name


def test_mounts_have_volumes_and_volumes_have_mounts(rendered: Rendered) -> None:
    for name, item, spec in rendered.workloads():
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        claims = item["spec"].get("volumeClaimTemplates", ())
        volumes |= {claim["metadata"]["name"] for claim in claims}
        mounted = {
            mount["name"]
            for container in (*spec.get("initContainers", ()), *spec["containers"])
            for mount in container.get("volumeMounts", ())
        }
        assert mounted == volumes, name


def test_selectors_match_pods_of_exactly_one_workload(rendered: Rendered) -> None:
    pods = list(rendered.pods())
    for item in rendered.of("Deployment", "StatefulSet"):
        selected = [name for name, labels, _ in pods if matches(item["spec"]["selector"], labels)]
        assert selected == [f"{item['kind']} {item['metadata']['name']}"]
    for item in rendered.of("PodDisruptionBudget"):
        selected = [name for name, labels, _ in pods if matches(item["spec"]["selector"], labels)]
        assert selected == [f"Deployment {item['metadata']['name']}"]


def test_services_select_one_workload_and_existing_ports(rendered: Rendered) -> None:
    for item in rendered.of("Service"):
        selector = {"matchLabels": item["spec"]["selector"]}
        ((_, _, spec),) = (pod for pod in rendered.pods() if matches(selector, pod[1]))
        ports = {
            port["name"]: port["containerPort"]
            for container in spec["containers"]
            for port in container.get("ports", ())
        }
        for port in item["spec"]["ports"]:
            assert port["targetPort"] in ports, item["metadata"]["name"]
            if item["spec"].get("clusterIP") == "None":
                assert port["port"] == ports[port["targetPort"]], "clients connect to the pods"


def test_probes_use_ports_of_the_container(rendered: Rendered) -> None:
    for name, container in rendered.containers():
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind, {})
            for check in ("grpc", "httpGet", "tcpSocket"):
                if check in probe:
                    port = probe[check]["port"]
                    assert port in ports or port in ports.values(), f"{name} {kind}"


@pytest.mark.parametrize("service", ALL)
def test_long_running_pods_have_all_three_probes(rendered: Rendered, service: str) -> None:
    for name, container in containers_of(rendered, service).items():
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_liveness_of_a_service_does_not_depend_on_its_database(
    rendered: Rendered, service: str
) -> None:
    for name, container in containers_of(rendered, service).items():
        assert container["livenessProbe"]["grpc"] == {"port": PROBE, "service": "live"}, name
        assert container["startupProbe"]["grpc"] == {"port": PROBE, "service": "live"}, name
        assert container["readinessProbe"]["grpc"] == {"port": PROBE}, name
        assert environment_of(container)["PROCTORIUM_PROBE_ADDRESS"].endswith(f":{PROBE}"), name


def test_rolling_updates_never_go_below_the_wanted_replicas(rendered: Rendered) -> None:
    for deployment in rendered.deployments().values():
        strategy = deployment["spec"]["strategy"]
        assert strategy["rollingUpdate"]["maxUnavailable"] == 0
        assert strategy["rollingUpdate"]["maxSurge"] >= 1


def test_disruption_budgets_let_one_pod_go_at_a_time(rendered: Rendered) -> None:
    budgets = {
        item["metadata"]["name"]: item["spec"] for item in rendered.of("PodDisruptionBudget")
    }
    assert budgets.keys() == rendered.deployments().keys()
    for spec in budgets.values():
        assert spec["maxUnavailable"] == 1
        assert "minAvailable" not in spec, "with one replica, no node could be drained"


def test_production_has_no_single_replica(large: Rendered) -> None:
    scalers = {
        item["spec"]["scaleTargetRef"]["name"]: item["spec"]
        for item in large.of("HorizontalPodAutoscaler", "ScaledObject")
    }
    for name, deployment in large.deployments().items():
        replicas = deployment["spec"].get("replicas")
        if name in scalers:
            assert replicas is None, "the autoscaler owns the number of replicas"
            scaler = scalers[name]
            assert scaler.get("minReplicas", scaler.get("minReplicaCount")) >= 2
        else:
            assert replicas >= 2


@pytest.mark.parametrize("service", ALL)
def test_grace_period_covers_the_shutdown(rendered: Rendered, service: str) -> None:
    for name, container in containers_of(rendered, service).items():
        needed = 5
        if name == service:
            hook = container["lifecycle"]["preStop"]
            needed += int(re.findall(r"\d+", json.dumps(hook))[-1])
        given = environment_of(container)
        if service in WITH_DATABASE:
            # The server and the subscribers drain one after the other.
            wait, grace = given["PROCTORIUM_DRAIN_WAIT"], given["PROCTORIUM_DRAIN_GRACE"]
            needed += int(float(wait) + 2 * float(grace))
        spec = rendered.deployments()[name]["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] >= needed, name


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_services_have_all_required_and_no_unknown_settings(
    rendered: Rendered, service: str
) -> None:
    read = documentation(import_module(f"{services()[service].package}.settings").Settings)
    (given,) = {
        frozenset(environment_of(container))
        for container in containers_of(rendered, service).values()
    }
    others = {"POD_NAME", "OTEL_RESOURCE_ATTRIBUTES"}
    others |= {variable for variable in given if variable.startswith("AWS_")}
    assert given - others <= read.keys()
    required = {name for name, meaning in read.items() if meaning.endswith("Required.")}
    assert required <= given
    (migration,) = rendered.one("Job", f"{service}-migration")["spec"]["template"]["spec"][
        "containers"
    ]
    assert required <= environment_of(migration).keys()
    calls = services()[service].calls
    assert {f"PROCTORIUM_{called.upper()}_ADDRESS" for called in calls} == {
        variable for variable in given if variable.endswith("_ADDRESS")
    } - {"PROCTORIUM_PROBE_ADDRESS"}


def test_only_the_migration_has_the_url_of_the_owner(rendered: Rendered) -> None:
    owners = {
        name.split()[1]: environment_of(container)[OWNER_URL]["secretKeyRef"]["name"]
        for name, container in rendered.containers()
        if OWNER_URL in environment_of(container)
    }
    assert len(owners) == len(WITH_DATABASE)
    for name, secret in owners.items():
        assert name.split("-migration")[0] in WITH_DATABASE
        used = [other for other, container in rendered.containers() if secret in str(container)]
        assert [other.split()[1] for other in used] == [name]


def test_no_secret_is_generated(rendered: Rendered) -> None:
    assert not rendered.of("Secret")
    for name, container in rendered.containers():
        for variable, value in environment_of(container).items():
            if re.search(r"PASSWORD|_KEY$|DATABASE_URL|SMTP_URL|SECRET", variable) and (
                "TLS" not in variable
            ):
                assert isinstance(value, dict), f"{name} {variable}"
                assert "secretKeyRef" in value, f"{name} {variable}"


def test_service_accounts_have_no_token(rendered: Rendered) -> None:
    accounts = {
        item["metadata"]["name"]: item["automountServiceAccountToken"]
        for item in rendered.of("ServiceAccount")
    }
    assert accounts == dict.fromkeys(rendered.deployments(), False)


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_certificates_have_the_names_of_the_topology(rendered: Rendered, service: str) -> None:
    for name in (service, EDGE, "streams"):
        spec = rendered.one("Certificate", name)["spec"]
        assert spec["commonName"] == name
        assert spec["dnsNames"][0] == name
        assert set(spec["usages"]) >= {"server auth", "client auth"}


def test_certificates_are_mounted_only_by_their_identity(rendered: Rendered) -> None:
    for item in rendered.of("Certificate"):
        secret, name = item["spec"]["secretName"], item["metadata"]["name"]
        users = {
            labels["app.kubernetes.io/name"]
            for _, labels, spec in rendered.pods()
            if any(
                volume.get("secret", {}).get("secretName") == secret for volume in spec["volumes"]
            )
        }
        assert users == (set() if name == "proctorium-trial" else {name})


# Network policies


def test_every_pod_is_isolated_in_both_directions(rendered: Rendered) -> None:
    for name, labels, _ in rendered.pods():
        policies = rendered.policies_of(labels)
        own = [spec for spec in policies if "matchExpressions" in spec["podSelector"]]
        assert len(own) == 1, f"{name} has its own policy"
        assert len(policies) == 2, f"{name} is selected by default-deny"
        assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in policies)


def permitted(rules: Sequence[Any], direction: str, port: int, labels: Mapping[str, str]) -> bool:
    return any(
        any(found["port"] == port for found in rule["ports"])
        and any(
            matches(peer["podSelector"], labels) and "namespaceSelector" not in peer
            for peer in rule.get(direction, ())
        )
        for rule in rules
    )


@pytest.mark.parametrize("callee", [*WITH_DATABASE, "portal"])
@pytest.mark.parametrize("caller", ALL)
def test_network_policies_permit_exactly_the_calls_of_the_topology(
    rendered: Rendered, caller: str, callee: str
) -> None:
    port = PAGES if callee == "portal" else GRPC
    wanted = caller == EDGE or caller in callers_of(callee)
    pods = {
        (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]): labels
        for _, labels, _ in rendered.pods()
    }
    by_caller = [
        spec["egress"] for spec in rendered.policies_of(pods[caller, "serve"]) if "egress" in spec
    ]
    by_callee = [
        spec["ingress"] for spec in rendered.policies_of(pods[callee, "serve"]) if "ingress" in spec
    ]
    leaves = any(permitted(rules, "to", port, pods[callee, "serve"]) for rules in by_caller)
    enters = any(permitted(rules, "from", port, pods[caller, "serve"]) for rules in by_callee)
    assert (leaves, enters) == (wanted, wanted)


def test_only_pods_that_serve_calls_are_reached(large: Rendered) -> None:
    for name, labels, _ in large.pods():
        ingress = [rule for spec in large.policies_of(labels) for rule in spec.get("ingress", ())]
        assert bool(ingress) == (labels["app.kubernetes.io/component"] == "serve"), name


@pytest.mark.parametrize("role", sorted(ProcessRole))
def test_each_role_except_the_relay_calls_other_services(
    large: Rendered, role: ProcessRole
) -> None:
    pods = {
        (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]): labels
        for _, labels, _ in large.pods()
    }
    caller, callee = pods["assessment", role], pods["enrollment", "serve"]
    egress = [rule for spec in large.policies_of(caller) for rule in spec.get("egress", ())]
    ingress = [rule for spec in large.policies_of(callee) for rule in spec.get("ingress", ())]
    wanted = role is not ProcessRole.RELAY
    assert permitted(egress, "to", GRPC, callee) == wanted
    assert permitted(ingress, "from", GRPC, caller) == wanted


def ports_to_anywhere(rendered: Rendered, service: str, component: str = "serve") -> set[int]:
    """Return the ports of the egress rules of a pod that name no pods of this installation."""
    labels = next(
        labels
        for _, labels, _ in rendered.pods()
        if labels["app.kubernetes.io/name"] == service
        and labels["app.kubernetes.io/component"] == component
    )
    return {
        port["port"]
        for spec in rendered.policies_of(labels)
        for rule in spec.get("egress", ())
        for port in rule["ports"]
        if not any("podSelector" in peer and len(peer) == 1 for peer in rule.get("to", ()))
    }


def test_egress_is_limited_to_what_a_service_uses(large: Rendered) -> None:
    dns, database, nats, otlp = 53, 5432, 4222, 4318
    common = {dns, database, nats, otlp}
    without_events = {dns, database, otlp}
    assert {name: ports_to_anywhere(large, name) for name in ALL} == {
        **dict.fromkeys(WITH_DATABASE, common),
        "assessment": without_events,
        "identity": common | {443},
        "portal": set(),
        EDGE: {dns, otlp},
    }
    assert ports_to_anywhere(large, "assessment", "relay") == common
    assert ports_to_anywhere(large, "assessment", "subscribe") == common
    assert ports_to_anywhere(large, "assessment", "work") == without_events
    assert ports_to_anywhere(large, "notification", "work") == without_events | {587}
    assert ports_to_anywhere(large, "notification", "test") == common | {587}
    for name in WITH_DATABASE:
        assert ports_to_anywhere(large, name, "migration") == {dns, database}
    assert ports_to_anywhere(large, "streams", "declare") == {dns, nats}


def test_trial_parts_are_reached_only_by_their_users(small: Rendered) -> None:
    wanted = {
        "postgres": {*WITH_DATABASE},
        "nats": {*WITH_DATABASE, "streams"},
        "mailbox": {"notification"},
        "traces": {*WITH_DATABASE, EDGE},
    }
    for part, users in wanted.items():
        spec = small.one("NetworkPolicy", part)["spec"]
        (rule,) = spec["ingress"]
        (peer,) = rule["from"]
        (names,) = peer["podSelector"]["matchExpressions"]
        assert set(names["values"]) == users
        assert spec["egress"] == []


# Hooks, trial parts and the edge


@pytest.mark.parametrize(
    ("name", "hook"), [("small", ""), ("standard", "pre-install,pre-upgrade"), ("large", "")]
)
def test_migrations_run_before_an_installation_only_if_the_database_exists(
    name: str, hook: str
) -> None:
    example = Rendered((RENDERS / f"{name}.yaml").read_text("utf-8"))
    for service in WITH_DATABASE:
        assert hook_of(example.one("Job", f"{service}-migration")) == hook


def test_hooks_before_an_installation_need_no_object_of_the_release(rendered: Rendered) -> None:
    names = {item["metadata"]["name"] for item in rendered.of("ConfigMap", "ServiceAccount")}
    certificates = {item["spec"]["secretName"] for item in rendered.of("Certificate")}
    for name, item, spec in rendered.workloads():
        if "pre-install" in hook_of(item):
            used = json.dumps(spec)
            assert "serviceAccountName" not in spec, name
            assert not any(f'"{found}"' in used for found in certificates), name
            assert not any(f'"configMap": {{"name": "{found}"' in used for found in names), name


def test_every_service_and_the_edge_have_a_test(rendered: Rendered) -> None:
    tests = {item["metadata"]["name"] for item in rendered.of("Pod") if hook_of(item) == "test"}
    assert tests == {f"{name}-test" for name in (*WITH_DATABASE, EDGE)}


@pytest.mark.parametrize("name", ["standard", "large"])
def test_production_has_no_trial_parts(name: str) -> None:
    example = Rendered((RENDERS / f"{name}.yaml").read_text("utf-8"))
    assert not example.of("StatefulSet", "Issuer")
    assert not [
        labels
        for _, labels, _ in example.pods()
        if labels["app.kubernetes.io/component"] == "trial"
    ]


def test_secrets_of_the_trial_are_those_of_the_small_example(small: Rendered) -> None:
    written = {
        (item["metadata"]["name"], key)
        for item in write_secrets["manifest"]()["items"]
        for key in item["stringData"]
    }
    used = {
        (value["secretKeyRef"]["name"], value["secretKeyRef"]["key"])
        for _, container in small.containers()
        for value in environment_of(container).values()
        if isinstance(value, dict) and "secretKeyRef" in value
    }
    assert used == written


def test_trial_database_script_is_the_one_of_compose(small: Rendered) -> None:
    script = (ROOT / "deploy" / "compose" / "databases.sh").read_text("utf-8")
    assert small.one("ConfigMap", "postgres")["data"]["databases.sh"].strip() == script.strip()
    (container,) = small.one("StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"]
    names = {f"{service.upper()}_DATABASE_PASSWORD" for service in WITH_DATABASE}
    names |= {f"{service.upper()}_DATABASE_OWNER_PASSWORD" for service in WITH_DATABASE}
    assert environment_of(container).keys() == names | {"POSTGRES_PASSWORD"}


@pytest.mark.parametrize("part", ["postgres", "nats", "edge"])
def test_third_party_images_have_the_tags_of_compose(part: str) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    name, _, tag = compose[part]["image"].partition(":")
    values = yaml.safe_load(
        (ROOT / f"deploy/helm/{'edge' if part == 'edge' else 'proctorium'}/values.yaml").read_text(
            "utf-8"
        )
    )
    image = values["image"] if part == "edge" else values["trial"][part]["image"]
    assert (image["repository"], image["tag"]) == (name, tag)


def test_edge_configuration_is_rendered_from_the_settings_of_the_chart(
    rendered: Rendered, tmp_path: Path
) -> None:
    settings = settings_of(rendered.one("ConfigMap", "edge")["data"]["edge.json"])
    assert {upstream.name for upstream in settings.services} == set(WITH_DATABASE)
    write(settings, tmp_path, ROOT / "deploy" / "envoy")
    configuration = yaml.safe_load((tmp_path / "edge.yaml").read_text("utf-8"))
    listener = configuration["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"]["port_value"] == EDGE_PORT
    assert (tmp_path / "descriptors.binpb").stat().st_size > 0
    public = environment_of(
        rendered.one("Deployment", "enrollment")["spec"]["template"]["spec"]["containers"][0]
    )
    https = settings.https or settings.tls is not None
    assert public["PROCTORIUM_SECURE_COOKIES"] == str(https).lower()


def test_edge_behind_a_proxy_trusts_one_hop() -> None:
    hops = {
        name: settings_of(
            Rendered((RENDERS / f"{name}.yaml").read_text("utf-8")).one("ConfigMap", "edge")[
                "data"
            ]["edge.json"]
        ).trusted_hops
        for name in EXAMPLES
    }
    assert hops == {"small": 0, "standard": 1, "large": 1}


def test_scaler_reads_the_lag_of_the_consumers_of_the_topology(large: Rendered) -> None:
    (scaler,) = large.of("ScaledObject")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "assessment-subscribe"
    triggers = [
        (trigger["metadata"]["stream"], trigger["metadata"]["consumer"])
        for trigger in scaler["spec"]["triggers"]
        if trigger["type"] == "nats-jetstream"
    ]
    assert triggers == [
        (subscription.stream, subscription.consumer)
        for subscription in services()["assessment"].subscriptions
    ]
