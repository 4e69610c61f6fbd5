# syntax=docker/dockerfile:1
#
# Two stages: one builds a virtual environment, the other carries it and nothing else. The result needs no root, no
# capability and no writable file system:
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 \
#       -e BACKEND=http://backend:8000 -e FRONT_END=https://app.example.com cors-gateway
#
# docs/deployment.md says how to pin the base by its digest, and how to publish with SBOM, provenance and signature.

ARG PYTHON=python:3.14-slim-trixie


# hadolint ignore=DL3006
FROM ${PYTHON} AS build

ARG EXTRAS=regex
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Every wheel that any of the extras needs, each with one of the hashes in the lock. From here on nothing is fetched.
COPY config/image/requirements.txt ./
RUN pip download --quiet --require-hashes --only-binary :all: --dest /wheels -r requirements.txt

COPY pyproject.toml README.md ./
COPY cors_gateway cors_gateway
COPY config/examples config/examples
COPY config/shell config/shell
COPY config/schema.json config/
# pip stays outside the environment that it fills: the image has no use for an installer.
# hadolint ignore=DL3013
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --quiet --no-index --find-links /wheels hatchling \
 && /opt/build/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/cors-gateway \
 && pip --python /opt/cors-gateway/bin/python install --quiet --no-index --find-links /wheels "cors-gateway[${EXTRAS}]"


# hadolint ignore=DL3006
FROM ${PYTHON}

ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG PYTHON
LABEL org.opencontainers.image.title="cors-gateway" \
      org.opencontainers.image.description="A reverse proxy that enforces CORS: per-route policies in YAML" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${PYTHON}"

ENV PATH=/opt/cors-gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CORS_GATEWAY_CONFIG=/etc/cors-gateway

COPY --from=build /opt/cors-gateway /opt/cors-gateway
COPY config/gateway.yaml config/schema.json /etc/cors-gateway/

# Numeric, so that `runAsNonRoot` of Kubernetes can tell that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s --retries=3 CMD ["cors-gateway", "healthcheck"]
ENTRYPOINT ["cors-gateway"]
CMD ["run"]
