"""Tests of values that the charts refuse, of the templates' arithmetic, and of the generated files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tools.charts.checks import check_schemas, example
from tools.charts.generate import HELM, UMBRELLA, assemble, charts, outdated, topology_template
from tools.charts.helm import HelmError, helm, render
from tools.charts.values import CommentError, leaves, read_values, schema_of, table_of
from tools.tests.chart_objects import Rendered, environment_of, hook_of

Rendering = Callable[..., Rendered]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("charts") / "built"
    assemble(folder)
    return folder


@pytest.fixture(scope="module")
def rendering(built: Path) -> Rendering:
    """Return a function that renders a chart with the values of an example and further values."""

    def rendered(chart: str, *sets: str, base: str = "standard", upgrade: bool = False) -> Rendered:
        values = yaml.safe_load(example(base).read_text("utf-8"))
        if chart != UMBRELLA:
            values = {**values.get(chart, {}), "global": values["global"]}
        file = built / f"{chart}-{base}.json"
        file.write_text(json.dumps(values), "utf-8")
        arguments = [part for given in sets for part in ("--set-json", given)]
        return Rendered(render(built / chart, *arguments, values=[file], upgrade=upgrade))

    return rendered


@pytest.mark.parametrize("chart", charts())
def test_each_chart_renders_by_itself(rendering: Rendering, chart: str) -> None:
    assert rendering(chart).of("Deployment")


REFUSED = {
    "unknown key": ("session", ["replica=3"], "additional properties 'replica' not allowed"),
    "unknown nested key": (
        "session",
        ["database.size=3"],
        "additional properties 'size' not allowed",
    ),
    "unknown global key": (
        "session",
        ["global.debug=true"],
        "additional properties 'debug' not allowed",
    ),
    "wrong type": ("session", ['replicas="three"'], "/replicas"),
    "no replicas": (
        "session",
        ["replicas=0"],
        "session: replicas is 0. A service needs at least 1 pod",
    ),
    "replicas and autoscaling": (
        "session",
        ["replicas=3", "autoscaling.enabled=true"],
        "session: replicas is 3, and autoscaling sets the number of pods too",
    ),
    "replicas and keda": (
        "session",
        ["replicas=3", "keda.enabled=true"],
        "session: replicas is 3, and keda sets the number of pods too",
    ),
    "autoscaling and keda": (
        "session",
        ["autoscaling.enabled=true", "keda.enabled=true"],
        "session: autoscaling and keda are both enabled",
    ),
    "keda without NATS": (
        "session",
        ["keda.enabled=true", "database.maxConnections=900"],
        "session: keda.natsMonitoringEndpoint is empty",
    ),
    "more minimum than maximum": (
        "session",
        ["autoscaling.enabled=true", "autoscaling.minReplicas=9"],
        "session: autoscaling.minReplicas (9) is larger than autoscaling.maxReplicas (6)",
    ),
    "no surge": ("portal", ["maxSurge=0"], "portal: maxSurge is 0"),
    "no surge in percent": ("portal", ['maxSurge="0%"'], "portal: maxSurge is 0%"),
    "no database secret": (
        "session",
        ['database.existingSecret=""'],
        "session: database.existingSecret is empty. Name a Secret",
    ),
    "no owner secret": (
        "session",
        ['migration.existingSecret=""'],
        "session: migration.existingSecret is empty",
    ),
    "one secret for both roles": (
        "session",
        ['migration.existingSecret="proctorium-session"', 'migration.secretKey="database-url"'],
        "The role of the service must not own the tables",
    ),
    "no master key": (
        "identity",
        ['masterKey.existingSecret=""'],
        "identity: masterKey.existingSecret is empty",
    ),
    "no mail server": (
        "notification",
        ['smtp.existingSecret=""'],
        "notification: smtp.existingSecret is empty",
    ),
    "no evidence URL": ("identity", ['evidence.url=""'], "identity: evidence.url is empty"),
    "folder shared by pods": (
        "identity",
        ['evidence.url="file:///data"'],
        "identity: 2 pods cannot share evidence.url file:///data",
    ),
    "no NATS": ("session", ['global.nats.url=""'], "session: global.nats.url is empty"),
    "no certificate": (
        "session",
        ['global.tls.issuer.name=""'],
        "session: there is no certificate for mutual TLS",
    ),
    "no certificate for streams": (
        UMBRELLA,
        [
            'global.tls.issuer.name=""',
            *(
                f'{name}.tls.existingSecret="x"'
                for name in (
                    "enrollment",
                    "session",
                    "assessment",
                    "identity",
                    "notification",
                    "edge",
                )
            ),
        ],
        "proctorium: there is no certificate for the identity `streams`",
    ),
    "short grace period": (
        "session",
        ["terminationGracePeriodSeconds=30"],
        "session: terminationGracePeriodSeconds is 30, but a shutdown may take 41 s",
    ),
    "short grace period of the portal": (
        "portal",
        ["terminationGracePeriodSeconds=10"],
        "portal: terminationGracePeriodSeconds is 10, but a shutdown may take 14 s",
    ),
    "short grace period of the edge": (
        "edge",
        ["terminationGracePeriodSeconds=20"],
        "edge: terminationGracePeriodSeconds is 20, but a shutdown may take 25 s",
    ),
    "too many connections": (
        "session",
        ["replicas=5"],
        "session: the pods may open 102 database connections (serve: 5 pods and 1 more during an update, 17 connections each), but database.maxConnections is 80",
    ),
    "too many connections of all roles": (
        "session",
        ["roles.relay.separate=true", "roles.work.separate=true"],
        "; relay: 2 pods and 1 more during an update, 9 connections each; work: 2 pods and 1 more during an update, 16 connections each)",
    ),
    "no replicas of a role": (
        "session",
        ['roles.relay={"separate": true, "replicas": 0}'],
        "session: roles.relay.replicas is 0. A service needs at least 1 pod",
    ),
    "replicas and autoscaling of a role": (
        "session",
        ['roles.work={"separate": true, "replicas": 3, "autoscaling": {"enabled": true}}'],
        "session: roles.work.replicas is 3, and autoscaling sets the number of pods too",
    ),
    "replicas and keda of a role": (
        "session",
        ['roles.subscribe={"separate": true, "replicas": 3}', "keda.enabled=true"],
        "session: roles.subscribe.replicas is 3, and keda sets the number of pods too",
    ),
    "more minimum than maximum of a role": (
        "session",
        ['roles.work={"separate": true, "autoscaling": {"enabled": true, "minReplicas": 9}}'],
        "session: roles.work.autoscaling.minReplicas (9) is larger than roles.work.autoscaling.maxReplicas (6)",
    ),
    "unknown role": (
        "session",
        ["roles.listen.separate=true"],
        "additional properties 'listen' not allowed",
    ),
    "roles as a setting": (
        "session",
        ['settings={"PROCTORIUM_PROCESS_ROLES": "serve"}'],
        "session: settings.PROCTORIUM_PROCESS_ROLES is set by the chart itself",
    ),
    "variable set twice": (
        "session",
        ['settings={"PROCTORIUM_DATABASE_POOL": "50"}'],
        "session: settings.PROCTORIUM_DATABASE_POOL is set by the chart itself",
    ),
    "owner's URL as a setting": (
        "session",
        ['settings={"PROCTORIUM_MIGRATION_DATABASE_URL": "postgresql://x"}'],
        "is set by the chart itself",
    ),
    "trial in production": (
        "session",
        ["global.trial.postgres=true"],
        "session: global.trial.postgres is true, but global.production is true as well",
    ),
    "no public URL": ("portal", ['global.publicUrl=""'], 'portal: global.publicUrl is ""'),
    "public URL with a path": (
        "portal",
        ['global.publicUrl="https://example.org/exams"'],
        "Set the address of Proctorium in browsers without a path",
    ),
    "plain HTTP in production": (
        "portal",
        ['global.publicUrl="http://example.org"'],
        "In production it must begin with https://",
    ),
    "ingress without hops": (
        "edge",
        ["exposure.trustedHops=null"],
        "exposure.trustedHops is not set. Set the number of proxies",
    ),
    "proxy without hops": (
        "edge",
        ['exposure={"type": "none", "trustedHops": 0}'],
        "edge: a proxy terminates TLS before the edge (exposure.type is none), but exposure.trustedHops is 0",
    ),
    "ingress and own TLS": (
        "edge",
        ['clientTls.existingSecret="x"'],
        "edge: exposure.type is ingress, which terminates TLS, but clientTls.existingSecret is set too",
    ),
    "ingress without a certificate": (
        "edge",
        ['exposure.ingress.tlsSecret=""'],
        "edge: exposure.ingress.tlsSecret is empty",
    ),
    "gateway without a Gateway": (
        "edge",
        ['exposure.type="gateway"'],
        "edge: exposure.gateway.parentRefs is empty",
    ),
    "load balancer without a certificate": (
        "edge",
        ['exposure.type="loadBalancer"'],
        "edge: exposure.type is loadBalancer and global.publicUrl begins with https, but clientTls.existingSecret is empty",
    ),
    "alerts without runbooks": (
        UMBRELLA,
        ["monitoring.enabled=true"],
        "proctorium: monitoring.runbookUrl is empty. Set the address at which people open",
    ),
    "alerts without a collector": (
        UMBRELLA,
        ["monitoring.enabled=true", 'monitoring.runbookUrl="https://git.example.org/runbooks"'],
        "proctorium: monitoring.collector.selector is empty",
    ),
    "alerts without metrics": (
        UMBRELLA,
        [
            "monitoring.enabled=true",
            'monitoring.runbookUrl="https://git.example.org/runbooks"',
            'monitoring.collector.selector={"app":"collector"}',
            'global.telemetry.endpoint=""',
        ],
        "proctorium: global.telemetry.endpoint is empty. Set the address of the OpenTelemetry Collector",
    ),
    "address of runbooks with a slash": (
        UMBRELLA,
        ['monitoring.runbookUrl="https://git.example.org/runbooks/"'],
        "/monitoring/runbookUrl",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_values_are_refused_with_a_sentence(rendering: Rendering, case: str) -> None:
    chart, sets, sentence = REFUSED[case]
    with pytest.raises(HelmError) as refused:
        rendering(chart, *sets)
    assert sentence in str(refused.value)


def test_trial_without_passwords_is_refused(rendering: Rendering) -> None:
    with pytest.raises(HelmError, match=r"trial.postgres.existingSecret is empty"):
        rendering(UMBRELLA, 'trial.postgres.existingSecret=""', base="small")


@pytest.mark.parametrize("base", ["small", "large"])
@pytest.mark.parametrize("chart", charts()[:-1])
def test_umbrella_leaves_out_a_chart(rendering: Rendering, chart: str, base: str) -> None:
    rendered = rendering(UMBRELLA, f"{chart}.enabled=false", base=base)
    names = {item["metadata"]["name"] for item in rendered.of("Deployment")}
    assert chart not in names
    assert names >= set(charts()[:-1]) - {chart}


def test_chart_that_is_left_out_needs_no_connections(rendering: Rendering) -> None:
    # Each of the five services may open 60 connections, and 10 are in reserve.
    sets = ["trial.postgres.maxConnections=250", "session.enabled=false"]
    assert rendering(UMBRELLA, *sets, base="small").of("StatefulSet")


def test_trial_server_cannot_replicate_streams(rendering: Rendering) -> None:
    with pytest.raises(HelmError, match=r"streams.replicas is 3, but the NATS of the trial is one"):
        rendering(UMBRELLA, "streams.replicas=3", base="small")


def test_trial_server_must_grant_the_connections_of_all_services(rendering: Rendering) -> None:
    sentence = r"the services may open 310 database connections .* but trial.postgres.maxConnections is 200"
    with pytest.raises(HelmError, match=sentence):
        rendering(UMBRELLA, "trial.postgres.maxConnections=200", base="small")


def test_subchart_of_the_umbrella_refuses_unknown_keys(rendering: Rendering) -> None:
    with pytest.raises(HelmError, match="additional properties 'replica' not allowed"):
        rendering(UMBRELLA, "session.replica=3")


def test_trial_migrates_with_a_job_first_and_with_a_hook_at_an_upgrade(
    rendering: Rendering,
) -> None:
    migration = rendering("session", base="small").one("Job", "session-migration")
    assert hook_of(migration) == ""
    migration = rendering("session", base="small", upgrade=True).one("Job", "session-migration")
    assert hook_of(migration) == "pre-upgrade"


def test_job_of_a_migration_has_another_name_if_its_spec_changes(rendering: Rendering) -> None:
    names = {
        rendering("session", 'migration.mode="job"', f'image.tag="{tag}"').one(
            "Job", "session-migration"
        )["metadata"]["name"]
        for tag in ("1", "1", "2")
    }
    assert len(names) == 2


def test_second_upgrade_changes_nothing(rendering: Rendering) -> None:
    first = rendering(UMBRELLA, base="small", upgrade=True)
    assert first.objects == rendering(UMBRELLA, base="small", upgrade=True).objects


def test_existing_certificate_replaces_the_request(rendering: Rendering) -> None:
    rendered = rendering("session", 'tls.existingSecret="mine"')
    assert not rendered.of("Certificate")
    volumes = rendered.one("Deployment", "session")["spec"]["template"]["spec"]["volumes"]
    assert "mine" in [volume.get("secret", {}).get("secretName") for volume in volumes]


def test_without_migration_no_owner_is_needed(rendering: Rendering) -> None:
    rendered = rendering("session", 'migration={"mode": "none", "existingSecret": ""}')
    assert not rendered.of("Job")


def test_separate_role_is_scaled_by_its_own_values(rendering: Rendering) -> None:
    rendered = rendering(
        "session",
        "replicas=4",
        'roles.subscribe={"separate": true, "pool": 7, "autoscaling": {"enabled": true}}',
        'roles.relay={"separate": true, "resources": {"limits": {"memory": "1Gi"}}}',
        "database.maxConnections=300",
    )
    deployments = rendered.deployments()
    assert {name: item["spec"].get("replicas") for name, item in deployments.items()} == {
        "session": 4,
        "session-relay": 2,
        "session-subscribe": None,
    }
    containers = {
        name: item["spec"]["template"]["spec"]["containers"][0]
        for name, item in deployments.items()
    }
    pools = [environment_of(each)["PROCTORIUM_DATABASE_POOL"] for each in containers.values()]
    assert pools == ["10", "2", "7"]
    assert containers["session-relay"]["resources"] == {"limits": {"memory": "1Gi"}}
    assert containers["session-subscribe"]["resources"] == containers["session"]["resources"]
    (scaler,) = rendered.of("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "session-subscribe"


def test_volume_of_the_evidence_is_mounted_only_by_pods_that_serve_calls(
    rendering: Rendering,
) -> None:
    rendered = rendering(
        "identity", "roles.subscribe.separate=true", "database.maxConnections=90", base="small"
    )
    mounting = {
        name
        for name, item in rendered.deployments().items()
        if "persistentVolumeClaim" in str(item["spec"]["template"]["spec"]["volumes"])
    }
    assert mounting == {"identity"}


def test_load_balancer_keeps_the_addresses_of_clients(rendering: Rendering) -> None:
    rendered = rendering(
        "edge",
        'exposure={"type": "loadBalancer", "trustedHops": null}',
        'clientTls.existingSecret="x"',
    )
    spec = rendered.one("Service", "edge")["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert spec["ports"][0]["port"] == 443
    assert not rendered.of("Ingress", "HTTPRoute")


def test_images_can_be_pinned_by_digest(rendering: Rendering) -> None:
    rendered = rendering("session", 'image.digest="sha256:0123"')
    (container,) = rendered.one("Deployment", "session")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.org/proctorium/session@sha256:0123"


@pytest.mark.parametrize("machine", [("Darwin", "arm64"), ("Linux", "aarch64")], ids=["mac", "arm"])
def test_other_machines_need_a_helm_of_their_own(
    machine: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system, architecture = machine
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: architecture)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HelmError, match="install Helm 4"):
        helm()
    own = tmp_path / "helm"
    own.touch(mode=0o755)
    assert helm() == own


# The generated files


def test_generated_files_are_up_to_date() -> None:
    assert not [path.relative_to(HELM) for path in outdated()]


def test_schema_and_table_come_from_the_comments() -> None:
    values = read_values(
        '# How many.\n# @schema {"minimum": 1}\nnumber: 2\ngroup:\n  # A word.\n  word: a\n# Free.\nfree: {}\n'
    )
    schema = json.loads(schema_of(values, also=["lib"]))
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["number"] == {"description": "How many.", "type": "integer", "minimum": 1}
    assert properties["group"]["additionalProperties"] is False
    assert properties["group"]["properties"]["word"]["type"] == "string"
    assert "additionalProperties" not in properties["free"]
    assert properties["lib"] == {"type": "object"}
    assert [".".join(value.path) for value in leaves(values)] == ["number", "group.word", "free"]
    assert '| `group.word` | `"a"` | A word. |' in table_of(values)


def test_value_without_a_comment_is_refused() -> None:
    with pytest.raises(CommentError, match=r"group\.word has no comment"):
        read_values("group:\n  word: a\n")


def test_topology_template_is_quoted_json() -> None:
    text = topology_template({})
    assert '{{- define "lib.topology" -}}' in text


def test_invalid_objects_are_found_for_each_kind_of_schema() -> None:
    manifests = """
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {port: 1}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: b}
spec: {secretName: b, issuer: c}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: c}
spec: {}
---
apiVersion: cert-manager.io/v1
kind: Challenge
metadata: {name: d}
spec: {}
"""
    findings = "\n".join(check_schemas({"x": manifests}))
    for name in ("Service a", "Certificate b", "PodDisruptionBudget c", "Challenge d"):
        assert name in findings
