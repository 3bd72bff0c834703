# syntax=docker/dockerfile:1
# The CPU image: the HTTP service without models. It plans, prices, queues and answers; GPU workers
# (worker.Dockerfile with `ltxserve orchestrate`, or a RunPod endpoint) generate.
#
#   docker build -f deploy/docker/service.Dockerfile -t ltxserve-service .
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS builder
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml constraints.txt deploy/docker/requirements.py ./
RUN python requirements.py server > requirements.txt \
 && pip install -c constraints.txt -r requirements.txt
COPY README.md LICENSE NOTICE ./
COPY src ./src
RUN pip install --no-deps .

FROM ${BASE_IMAGE} AS final
RUN useradd --uid 10001 --create-home --home-dir /app ltxserve
COPY --from=builder /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LTXSERVE_HOST=0.0.0.0 \
    LTXSERVE_PORT=8000 \
    LTXSERVE_DATA_DIR=/app/data
WORKDIR /app
RUN install -d -o 10001 /app/data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import httpx; httpx.get('http://127.0.0.1:8000/livez').raise_for_status()"]
CMD ["ltxserve", "serve", "--api-only"]
