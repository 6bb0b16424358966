# The base is pinned by digest: this is python:3.11.16-slim (Debian trixie) as its publishers recorded it in August 2026,
# an index for amd64, arm64 and others. To take a newer one:
#   docker buildx imagetools inspect python:3.11-slim      prints the digest to put here
ARG BASE=python:3.11.16-slim@sha256:8203f8b7cc03e7a0b2da2a7bfebdb7e39d985983791e2aba5b01cc535bf36f53

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv --without-pip /opt/ifmatch
RUN python -m pip --python /opt/ifmatch/bin/python install --require-hashes --only-binary=:all: -r requirements/run.txt
RUN python -m pip install --require-hashes --only-binary=:all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist .
RUN python -m pip --python /opt/ifmatch/bin/python install --no-index --no-deps dist/*.whl

FROM ${BASE}
ARG BASE
LABEL org.opencontainers.image.title="ifmatch" \
      org.opencontainers.image.description="Optimistic concurrency for an HTTP API that has none, as a sidecar" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /opt/ifmatch /opt/ifmatch
ENV PATH=/opt/ifmatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Numeric, so that `runAsNonRoot` can be checked without a look at /etc/passwd. Only /tmp is ever written to (large
# content is spooled there): run it with a read-only root and a tmpfs on /tmp.
USER 10001:10001
WORKDIR /tmp
# 8080: data, once the configuration listens on 0.0.0.0. 9901: admin.
EXPOSE 8080 9901
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["ifmatch", "healthcheck"]
ENTRYPOINT ["ifmatch"]
CMD ["run", "/etc/ifmatch/routes.yaml"]
