# Two stages: one builds a virtual environment, the other carries it and nothing else. The result needs no root, no
# capability and no writable file system:
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v "$PWD/config:/etc/cors-gateway:ro" ...

FROM python:3.13-slim-bookworm AS build

ARG EXTRAS=regex
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md ./
COPY cors_gateway cors_gateway
COPY config/examples config/examples
COPY config/shell config/shell
COPY config/schema.json config/
# pip stays outside the environment that it fills: the image has no use for an installer.
# hadolint ignore=DL3013
RUN python -m venv --without-pip /opt/cors-gateway \
 && pip --python /opt/cors-gateway/bin/python install ".[${EXTRAS}]"


FROM python:3.13-slim-bookworm

ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cors-gateway" \
      org.opencontainers.image.description="A reverse proxy that enforces CORS: per-route policies in YAML" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

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
