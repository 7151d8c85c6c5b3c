"""Access to the objects of rendered charts, for the tests of the charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.charts.checks import Object, objects

WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")


class Rendered:
    """The objects of one render."""

    def __init__(self, manifests: str) -> None:
        self.objects: Sequence[Object] = objects(manifests)

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of some kinds."""
        return [item for item in self.objects if item["kind"] in kinds]

    def one(self, kind: str, name: str) -> Object:
        """Return the object of a kind and name. The name of a Job may lack a suffix that depends on the content."""
        (found,) = (
            item
            for item in self.of(kind)
            if item["metadata"]["name"] == name
            or (kind == "Job" and item["metadata"]["name"].rpartition("-")[0] == name)
        )
        return found

    def deployments(self) -> Mapping[str, Object]:
        """Return the Deployments by name, without the trial parts."""
        return {
            item["metadata"]["name"]: item
            for item in self.of("Deployment")
            if item["metadata"]["labels"]["app.kubernetes.io/component"] != "trial"
        }

    def workloads(self) -> Iterator[tuple[str, Object, Object]]:
        """Yield the name of each workload, its object and the spec of its pods."""
        for item in self.of(*WORKLOADS):
            spec = item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"]
            yield f"{item['kind']} {item['metadata']['name']}", item, spec

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Yield the name and the definition of each container."""
        for name, _, spec in self.workloads():
            for container in (*spec.get("initContainers", ()), *spec["containers"]):
                yield f"{name} {container['name']}", container

    def pods(self) -> Iterator[tuple[str, Mapping[str, str], Object]]:
        """Yield the name, the labels and the spec of the pods of each workload."""
        for name, item, spec in self.workloads():
            metadata = item if item["kind"] == "Pod" else item["spec"]["template"]
            yield name, metadata["metadata"]["labels"], spec

    def policies_of(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the specs of the network policies that select a pod with these labels."""
        return [
            item["spec"]
            for item in self.of("NetworkPolicy")
            if matches(item["spec"]["podSelector"], labels)
        ]


def hook_of(item: Object) -> str:
    """Return the Helm hooks of an object, or an empty string."""
    return str(item["metadata"].get("annotations", {}).get("helm.sh/hook", ""))


def environment_of(container: Object) -> dict[str, Any]:
    """Return the environment variables of a container: the value, or the reference to a value."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in container.get("env", ())
    }


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches labels."""
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
        for rule in selector.get("matchExpressions", ())
    )
