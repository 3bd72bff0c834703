# syntax=docker/dockerfile:1
# The GPU image: RunPod worker (default command), or `ltxserve orchestrate` on a GPU of one's own.
#
#   docker build -f deploy/docker/worker.Dockerfile -t ltxserve-worker .
#   ... --build-arg BAKED_MODEL=ltx-2-19b-distilled-fp8 --secret id=HF_TOKEN,env=HF_TOKEN   # weights inside
#
# The base brings no CUDA libraries on purpose: torch's wheels bring their own, and a second copy is
# gigabytes. Only the driver comes from the host.
# CUDA 13.0 is what torch's wheels on PyPI are made for; this base refuses hosts with an older driver
# by name, where torch would only find no GPU.
ARG BASE_IMAGE=nvidia/cuda:13.0.1-base-ubuntu24.04

FROM ${BASE_IMAGE} AS builder
# "" takes torch's wheels of PyPI. For hosts of CUDA 12.9: the index of PyTorch's cu129 wheels, and
# BASE_IMAGE=nvidia/cuda:12.9.1-base-ubuntu24.04.
ARG TORCH_INDEX=""
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
# Dependencies first: they change seldom, and are most of the image.
COPY pyproject.toml constraints.txt deploy/docker/requirements.py ./
RUN python requirements.py engine server runpod > requirements.txt \
 && pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt -r requirements.txt
COPY README.md LICENSE NOTICE ./
COPY src ./src
RUN pip install --no-deps .

FROM builder AS models
# "" leaves weights to the volume or RunPod's cache; a name of the catalog bakes its files in.
ARG BAKED_MODEL=""
RUN --mount=type=secret,id=HF_TOKEN,env=HF_TOKEN,required=false \
    mkdir -p /models \
 && if [ -n "$BAKED_MODEL" ]; then \
      ltxserve models pull "$BAKED_MODEL" --accept-licence --models-dir /models --quiet; \
    fi

FROM ${BASE_IMAGE} AS final
ARG BAKED_MODEL=""
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /app ltxserve
COPY --from=builder /opt/venv /opt/venv
COPY --from=models --chown=10001 /models /models
# MODEL_NAME may be set otherwise at the endpoint. LTXSERVE_MODELS stays open where nothing is baked
# in: models are then looked for, and pulled to, the volume. The SDK's own log level shows results.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LTXSERVE_MODELS=${BAKED_MODEL:+/models} \
    LTXSERVE_DATA_DIR=/app/data \
    HF_HOME=/app/huggingface \
    MODEL_NAME=${BAKED_MODEL} \
    RUNPOD_DEBUG_LEVEL=INFO \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
# /weights: a volume that is mounted there takes over its owner, so that weights can be pulled to it.
RUN install -d -o 10001 /app/data /app/huggingface /weights
USER 10001
# Healthy once the model is warm; until then a large model may take minutes to load.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15m \
    CMD ["python", "-m", "ltxserve.runpod.health"]
# Exec form: Python is PID 1, gets SIGTERM itself, and its helpers die with it.
CMD ["python", "-u", "-m", "ltxserve.runpod"]
