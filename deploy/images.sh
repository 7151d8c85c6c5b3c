#!/usr/bin/env bash
# Builds the images of Proctorium (`make images`). Needs only Docker with BuildKit.
#
#   deploy/images.sh                     builds all images
#   deploy/images.sh enrollment portal   builds only these images
#
# Environment variables: TAG (default: latest); BASE, PIP_INDEX_URL, UV_DEFAULT_INDEX, NPM_CONFIG_REGISTRY
# (mirrors); CA_BUNDLE (a PEM file of certificate authorities); HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=1

build() {
  local image=$1
  shift
  echo "proctorium/$image:${TAG:-latest}"
  docker build --quiet ${options[@]+"${options[@]}"} "${@/#/--build-arg=}" --tag "proctorium/$image:${TAG:-latest}" .
}

options=()
for name in BASE PIP_INDEX_URL UV_DEFAULT_INDEX NPM_CONFIG_REGISTRY HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  # Docker reads the value of the build argument from the environment. The command line contains only the name, because other
  # users can read the command line, and the value may contain a password.
  if [ -n "${!name:-}" ]; then options+=("--build-arg=$name"); fi
done
if [ -n "${CA_BUNDLE:-}" ]; then options+=("--secret=id=ca,src=$CA_BUNDLE"); fi

[ $# -gt 0 ] || set -- enrollment session assessment identity notification portal devstack
for image in "$@"; do
  case "$image" in
    session) build session SERVICE=session-orchestration ;;
    identity) build identity SERVICE=identity-verification ;;
    portal) build portal SERVICE=portal SOURCE=pages ;;
    devstack) build devstack SERVICE=devstack PARENT=libs ;;
    *) build "$image" "SERVICE=$image" ;;
  esac
done
