# ganworks in a container, for NVIDIA cards or for the CPU alone. How to run it: docs/container.md.
#
#   docker build -t ganworks .                             # CUDA comes with torch; the host needs the driver
#   docker build -t ganworks:cpu --build-arg DEVICE=cpu .  # torch without CUDA

ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS package
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY src src
# The dependencies as a list of their own: a change of the code does not install them again.
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
 && pip wheel --no-cache-dir --no-deps --wheel-dir dist .

FROM python:${PYTHON}-slim
ARG DEVICE=cuda
# Extras of the package, with commas between them.
ARG EXTRAS=tensorboard,video
# compile=true has a compiler build its kernels.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
RUN case "$DEVICE" in \
      cuda) pip install --no-cache-dir torch torchvision ;; \
      cpu) pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu ;; \
      *) echo "DEVICE=$DEVICE: must be cuda or cpu" >&2; exit 1 ;; \
    esac
COPY --from=package /build/requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt
COPY --from=package /build/dist /tmp/dist
RUN pip install --no-cache-dir "$(echo /tmp/dist/*.whl)${EXTRAS:+[$EXTRAS]}"

# Not root. Whoever else it runs as (docker run --user) may write to the same places.
RUN useradd --create-home --uid 1000 gan \
 && mkdir -p /cache /ganworks/runs /ganworks/data \
 && chown -R gan:gan /cache /ganworks \
 && chmod -R a+rwX /cache /ganworks /home/gan
ENV HOME=/home/gan \
    USER=gan \
    GANWORKS_CACHE=/cache/ganworks \
    TORCH_HOME=/cache/torch \
    XDG_CACHE_HOME=/cache \
    MPLCONFIGDIR=/cache/matplotlib \
    TORCHINDUCTOR_CACHE_DIR=/cache/inductor \
    TRITON_CACHE_DIR=/cache/triton \
    PYTHONUNBUFFERED=1
WORKDIR /ganworks
USER gan
VOLUME ["/cache", "/ganworks/runs", "/ganworks/data"]
CMD ["ganworks-train", "dry_run=true"]
