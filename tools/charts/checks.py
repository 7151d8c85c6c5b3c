"""The checks of the charts: `helm lint`, the stored renders, and the schemas of Kubernetes and of custom resources."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from kubernetes_validate import utils

from tools.charts.generate import BUILT, HELM, UMBRELLA, charts
from tools.charts.helm import NAMESPACE, HelmError, render, run_helm
from tools.environment import ROOT

Object = Mapping[str, Any]

EXAMPLES = ("small", "standard", "large")
KUBERNETES = ("1.35", "1.36", "1.37")
"""The versions of Kubernetes whose schemas the renders must match. The charts require 1.33 for sidecar containers."""
RENDERS = HELM / "renders"
_CUSTOM = Path(__file__).with_name("custom_resources.json")


def example(name: str) -> Path:
    """Return the path of an example values file."""
    return HELM / "examples" / f"{name}.yaml"


def objects(manifests: str) -> list[Object]:
    """Return the objects in the YAML that Helm has rendered."""
    return [found for found in yaml.load_all(manifests, Loader=_loader()) if found]


def _loader() -> type[yaml.SafeLoader]:
    # The loader in C is ten times faster, but PyYAML may be built without it.
    loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def renders(umbrella: Path) -> Mapping[str, str]:
    """Return the render of each example with the complete umbrella chart. Raises HelmError."""
    return {name: render(umbrella, values=[example(name)]) for name in EXAMPLES}


def check_renders(rendered: Mapping[str, str]) -> Iterator[str]:
    """Yield a finding for each stored render that differs from the current one."""
    for name, text in rendered.items():
        path = RENDERS / f"{name}.yaml"
        if not path.exists() or path.read_text("utf-8") != text:
            yield f"{path.relative_to(ROOT)} is not up to date"


def check_helm_lint() -> Iterator[str]:
    """Yield the findings of `helm lint`, for the umbrella with each example and for each thin chart separately."""
    for name in EXAMPLES:
        yield from _lint(UMBRELLA, example(name))
    values: Object = yaml.safe_load(example("standard").read_text("utf-8"))
    for name in charts()[:-1]:
        own = BUILT / f"{name}-values.json"
        own.write_text(
            json.dumps({**values.get(name, {}), "global": values["global"]}), encoding="utf-8"
        )
        yield from _lint(name, own)


def _lint(chart: str, values: Path) -> Iterator[str]:
    try:
        run_helm("lint", BUILT / chart, "--strict", "--quiet", "--namespace", NAMESPACE, "--values", values)  # fmt: skip
    except HelmError as refused:
        yield f"helm lint {chart} with {values.name}: {refused}"


def check_schemas(rendered: Mapping[str, str]) -> Iterator[str]:
    """Yield a finding for each object that a schema refuses, or that has no schema."""
    # By default, the library reads a file of several megabytes for each object.
    utils.schema_contents = functools.cache(utils.schema_contents)
    for name, manifests in rendered.items():
        found = objects(manifests)
        for item in found:
            for version in KUBERNETES if item["apiVersion"] not in custom_schemas() else ():
                yield from (f"{name}: {finding}" for finding in _validate(item, version))
            yield from (f"{name}: {finding}" for finding in _validate_custom(item))


def _validate(item: Object, version: str) -> Iterator[str]:
    where = f"{item['kind']} {item['metadata']['name']} for Kubernetes {version}"
    try:
        utils.validate(item, version, strict=True)
    except utils.SchemaNotFoundError as failure:
        yield f"{where}: {failure.message}"
    except utils.ValidationError as failure:
        yield f"{where}: {'.'.join(map(str, failure.path))}: {failure.message}"


def _validate_custom(item: Object) -> Iterator[str]:
    kinds = custom_schemas().get(item["apiVersion"])
    if kinds is None:
        return
    where = f"{item['kind']} {item['metadata']['name']}"
    if item["kind"] not in kinds:
        yield f"{where}: custom_resources.json has no schema for {item['apiVersion']}"
        return
    validator = jsonschema.Draft202012Validator(kinds[item["kind"]])
    for failure in validator.iter_errors(item["spec"]):
        yield f"{where}: spec.{'.'.join(map(str, failure.path))}: {failure.message}"


@functools.cache
def custom_schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas of the specs of custom resources, by API version and kind.

    They describe only the fields that the charts use, from the documentation of cert-manager, the Gateway API, KEDA and
    the Prometheus operator.
    """
    schemas: Mapping[str, Mapping[str, Any]] = json.loads(_CUSTOM.read_text("utf-8"))
    return schemas
