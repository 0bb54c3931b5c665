# BuildKit, without a syntax line: that would be one more image to pull before the first step.
FROM python:3.11-slim-bookworm AS dependencies
# The CPU build by default: 1 GB instead of 6. For a GPU: --build-arg TORCH_INDEX= (see docker-compose.gpu.yml)
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Extras of pyproject.toml: for an object store its driver as well, such as --build-arg EXTRAS="postgresql s3 kubeflow"
ARG EXTRAS=postgresql
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv /opt/labelwheel
# Before the code, and from nothing but the list of dependencies: a change in the code does not install torch again, and
# who has the image already pulls a few hundred kB.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/labelwheel/bin/pip install --quiet --no-compile ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH"
COPY pyproject.toml docker/slim.sh ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -c 'import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print(*project["dependencies"], *(line for extra in sys.argv[1:] for line in project["optional-dependencies"][extra]), \
      sep="\n")' $EXTRAS > requirements.txt \
 && /opt/labelwheel/bin/pip install --quiet --no-compile --requirement requirements.txt \
 # For the steps of docs/pipelines.md; what runs in one needs nothing of what kfp depends on, and its pins would not fit.
 && /opt/labelwheel/bin/pip install --quiet --no-compile --no-deps "$(python3 -c 'import tomllib; \
print(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["pipelines"][0])')" \
 && sh slim.sh /opt/labelwheel

FROM dependencies AS code
COPY . .
# Into a root of its own, so that it becomes a small layer on top of the big one.
RUN /opt/labelwheel/bin/pip install --quiet --no-cache-dir --no-deps --root /code .
# slim.sh must not have taken anything that the code needs: every module of ours is imported once.
RUN PYTHONPATH="$(echo /code/opt/labelwheel/lib/python3*/site-packages)" PYTHONDONTWRITEBYTECODE=1 \
    /opt/labelwheel/bin/python -P docker/import_all.py

FROM python:3.11-slim-bookworm
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="labelwheel" \
      org.opencontainers.image.description="The model that learns while people label: suggest, correct, retrain, swap." \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
# Group 0 and open folders: OpenShift and others run it under a uid that nobody knows beforehand. USER is for libraries
# that ask for the name of whoever runs them, which such a uid does not have.
RUN useradd --uid 10001 --gid 0 --no-create-home --home-dir /home/labelwheel labelwheel \
 && install --directory --mode 0777 /home/labelwheel /data
COPY --from=dependencies /opt/labelwheel /opt/labelwheel
COPY --from=code /code /
COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/labelwheel-entrypoint
COPY --chmod=0755 docker/healthcheck.py /usr/local/bin/labelwheel-healthcheck
ENV PATH=/opt/labelwheel/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/home/labelwheel \
    USER=labelwheel \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/data/hub \
    LABELWHEEL_HOME=/data \
    LABELWHEEL_HOST=0.0.0.0
USER 10001:0
WORKDIR /data
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-I", "/usr/local/bin/labelwheel-healthcheck"]
ENTRYPOINT ["labelwheel-entrypoint"]
CMD ["labelwheel", "serve", "--host", "0.0.0.0"]
