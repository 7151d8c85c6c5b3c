"""``make lint``: runs all checks, even if one of them fails, and prints one line for each check.

``make lint only="types protos"`` runs only the checks with these names.
"""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from importlib.resources import files
from pathlib import Path

from tools import api_reference, topology
from tools.baseline import BASELINE
from tools.charts.__main__ import check as check_charts
from tools.checks.comments import check_behaviours, check_comments, check_errors
from tools.checks.contract import contract_of, read_contract, read_protos
from tools.checks.dependencies import Package, check_dependencies, declared_in
from tools.checks.language import GLOSSARY_SINCE, TEXTS, check_subjects, check_texts
from tools.checks.layers import ERRORS, PURE, check_no_messages, check_pure, import_contracts
from tools.checks.lock import check_lock, check_web_lock
from tools.checks.old_pythons import check_groups
from tools.checks.reasons import check_reasons
from tools.checks.sources import Source, read_sources

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def main(only: Sequence[str]) -> int:
    """Run the checks named in `only`, or all checks if `only` is empty. Return the exit status."""
    unknown = set(only) - CHECKS.keys()
    if unknown:
        print(f"There is no check {', '.join(sorted(unknown))}; there are: {', '.join(CHECKS)}.")
        return 2
    failed = [name for name in only or CHECKS if not _passes(name, CHECKS[name])]
    if failed:
        print(f"\nlint: {', '.join(failed)} failed; the findings are above.")
    return 1 if failed else 0


def _passes(name: str, check: Callable[[], str]) -> bool:
    start = time.monotonic()
    findings = check().strip()
    print(
        f"{name:<9} {'ok' if not findings else 'FAILED':<7} {time.monotonic() - start:5.1f} s",
        flush=True,
    )
    if findings:
        print("".join(f"    {line}\n" for line in findings.splitlines()), flush=True)
    return not findings


def check_format() -> str:
    """Check the format of all Python files."""
    return run_command(
        BIN / "ruff", "format", "--check", "--output-format", "concise", ".", cure="make format"
    )


def check_rules() -> str:
    """Check the ruff rules that pyproject.toml selects."""
    return run_command(
        BIN / "ruff",
        "check",
        "--quiet",
        "--output-format",
        "concise",
        ".",
        cure="make format mends some",
    )


def check_types() -> str:
    """Check types. mypy checks each test folder in a separate run, because test folders have files with equal names."""
    packages = [*ROOT.glob("*/*/src")]
    shipped = [
        *packages,
        ROOT / "protos" / "hatch_build.py",
        ROOT / "deploy",
        ROOT / "tools",
    ]
    tests = [ROOT / "tests", *ROOT.glob("*/*/tests")]
    # The folders of the packages are explicit, because `proctorium` is a namespace without `__init__.py`.
    bases = f"MYPYPATH={':'.join(map(str, packages))}"
    command = ["env", bases, BIN / "mypy", "--explicit-package-bases"]
    found = [_mypy(shipped, command)]
    found += [_mypy([folder]) for folder in tests if any(folder.rglob("*.py"))]
    return "\n".join(filter(None, found))


def check_protos() -> str:
    """Check the style of the protos with `buf`, and check the field behaviours, the comments and the listed errors."""
    protos = read_protos()
    findings = [*check_behaviours(protos), *check_comments(protos)]
    findings += check_errors(protos, contract_of(protos).reasons)
    return "\n".join(filter(None, [_buf("lint"), *findings]))


def check_breaking() -> str:
    """Check that the protos have no breaking change since the baseline."""
    return _buf("breaking", "--against", BASELINE)


def check_imports() -> str:
    """Check the imports between the layers of each service, and that no service imports another service."""
    configuration = ROOT / "build" / "importlinter.ini"
    configuration.write_text(
        import_contracts([service.package for service in topology.read_services(ROOT)]),
        encoding="utf-8",
    )
    linted = run_command(
        BIN / "lint-imports",
        "--config",
        configuration,
        "--no-cache",
        cure="see docs/architecture/conventions.md",
    )
    return "\n".join(filter(None, [linted, *_impure()]))


def check_topology() -> str:
    """Check that topology.json and the README's diagram are up to date, and that the protos and the code agree."""
    return "\n".join(topology.check(ROOT))


def check_reference() -> str:
    """Check that the API reference is up to date."""
    return "\n".join(api_reference.check(ROOT))


def check_refusals() -> str:
    """Check that every error reason in the code is declared in a proto."""
    reasons = read_contract().reasons
    common = reasons["options"]
    findings = [
        finding
        for library in ("libs/common/src", "libs/access/src")
        for finding in check_reasons(_read(library), frozenset(), common, "options")
    ]
    for service in topology.read_services(ROOT):
        own = reasons.get(service.name, frozenset())
        findings += check_reasons(service.sources, own, common, service.name)
    return "\n".join(findings)


def check_pins() -> str:
    """Check that requirements.lock and package-lock.json fulfil the requirements of the packages."""
    projects = [
        ROOT / "pyproject.toml",
        ROOT / "protos" / "pyproject.toml",
        *ROOT.glob("*/*/pyproject.toml"),
    ]
    read = {
        str(path.relative_to(ROOT)): tomllib.loads(path.read_text("utf-8")) for path in projects
    }
    wanted = {
        path: [
            *project.get("project", {}).get("dependencies", []),
            *project.get("dependency-groups", {}).get("dev", []),
            *project.get("build-system", {}).get("requires", []),
        ]
        for path, project in read.items()
    }
    own = frozenset(project["project"]["name"] for project in read.values() if "project" in project)
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    web_lock = (ROOT / "services/portal/web/package-lock.json").read_text("utf-8")
    return "\n".join([*check_lock(lock, wanted, own), *check_web_lock(web_lock)])


def check_pythons() -> str:
    """Check that no code behaves differently on the oldest supported Python."""
    folders = [*ROOT.glob("*/*/src"), *ROOT.glob("*/*/tests")]
    folders += (ROOT / name for name in ("deploy", "tests", "tools"))
    return "\n".join(
        check_groups(source for folder in folders for source in read_sources(folder, ROOT))
    )


def check_images() -> str:
    """Check the Dockerfile with hadolint."""
    return run_command(BIN / "hadolint", "Dockerfile")


def check_web() -> str:
    """Check format, rules and types of the web pages' TypeScript."""
    if not (ROOT / "services/portal/web/package.json").exists():
        return ""
    return run_command(
        sys.executable, "-m", "tools.web", "check", cure="make format fixes format and some rules"
    )


def check_language() -> str:
    """Check texts and names against the glossary, and the subjects of commits since GLOSSARY_SINCE."""
    folders = ("deploy", "docs", "libs", "protos", "services", "tests", "tools")
    files = [*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    paths = {str(path.relative_to(ROOT)): path for path in files if path.is_file()}
    ours = {name: path for name, path in paths.items() if TEXTS.search(name)}
    texts = ((name, path.read_text("utf-8")) for name, path in sorted(ours.items()))
    # If there is no git history, the command fails. In this case, no subjects are checked.
    log = subprocess.run(
        ["git", "log", "--no-merges", "--format=%s", f"--since={GLOSSARY_SINCE}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join([*check_texts(texts), *check_subjects(log.stdout.splitlines())])


def check_declared() -> str:
    """Check that each package declares exactly the libraries that it imports."""
    packages = {}
    for pyproject in ROOT.glob("*/*/pyproject.toml"):
        project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
        sources = read_sources(pyproject.parent / "src", ROOT)
        packages[project["name"]] = Package(
            project["name"], declared_in(project["dependencies"]), sources
        )
    return "\n".join(check_dependencies(packages, packages_distributions()))


CHECKS: Mapping[str, Callable[[], str]] = {
    "format": check_format,
    "rules": check_rules,
    "lock": check_pins,
    "depends": check_declared,
    "protos": check_protos,
    "breaking": check_breaking,
    "imports": check_imports,
    "topology": check_topology,
    "reference": check_reference,
    "reasons": check_refusals,
    "pythons": check_pythons,
    "language": check_language,
    "images": check_images,
    "charts": check_charts,
    "types": check_types,
    "web": check_web,
}


def _impure() -> Iterator[str]:
    for name, allowed in ((ERRORS, []), (PURE[1], [ERRORS])):
        path = ROOT / "libs/common/src" / f"{name.replace('.', '/')}.py"
        source = Source(str(path.relative_to(ROOT)), path.read_text("utf-8"))
        yield from check_pure([source], name, allowed)
    for service in topology.read_services(ROOT):
        domain = f"{service.package}.domain"
        sources = _read(f"services/{service.folder}/src/{service.package}/domain")
        yield from check_pure(sources, domain, [domain, *PURE])
        storage = _read(f"services/{service.folder}/src/{service.package}/storage")
        yield from check_no_messages(storage)


def _read(folder: str) -> list[Source]:
    return read_sources(ROOT / folder, ROOT)


def _mypy(paths: Sequence[Path], command: Sequence[object] = (BIN / "mypy",)) -> str:
    said = run_command(*command, "--no-error-summary", *(path.relative_to(ROOT) for path in paths))
    # If a call matches no variant of an overloaded function, mypy lists all variants. Remove this list, because it is
    # long and not useful.
    return "\n".join(line for line in said.splitlines() if ": note:     def " not in line)


def _buf(command: str, *arguments: object) -> str:
    descriptors = files("proctorium").joinpath("descriptors.binpb")
    return run_command(
        BIN / "buf",
        command,
        descriptors,
        "--config",
        ROOT / "protos" / "buf.yaml",
        "--path",
        "proctorium",
        *arguments,
    )


def run_command(*command: object, cure: str = "") -> str:
    """Run the command. Return its output and the suggestion `cure` if the command fails, else an empty string."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode == 0:
        return ""
    return f"{done.stdout.strip() or f'exit status {done.returncode}'}{f'{chr(10)}→ {cure}' if cure else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
