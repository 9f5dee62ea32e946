# Two stages, so that what builds the package does not end up in the image.
# A release names this image by its digest: docs/releasing.md.
ARG PYTHON_IMAGE=python:3.12-slim
FROM $PYTHON_IMAGE AS build

WORKDIR /build
RUN python -m venv /opt/build && python -m venv --without-pip /opt/skylogin
# Every file that is installed must have one of the hashes in constraints/.
COPY constraints constraints
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r constraints/build.txt && \
    /opt/build/bin/pip --python /opt/skylogin/bin/python install --no-cache-dir --no-compile \
        --require-hashes -r constraints/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY server server
COPY migrations migrations
COPY release release
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . && \
    /opt/build/bin/pip --python /opt/skylogin/bin/python install --no-compile --no-index --no-deps \
        dist/*.whl
# Compiled here, because nothing is written while the server runs; valid by hash, because times
# change when files are copied.
RUN /opt/skylogin/bin/python -m compileall -qf --invalidation-mode checked-hash /opt/skylogin/lib


FROM $PYTHON_IMAGE

# A fixed number, so that a volume's owner stays the same from image to image. The image of Python
# has no compiled modules, and those that a health check compiles would be lost each time.
RUN useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin skylogin && \
    python -m compileall -qf --invalidation-mode checked-hash -x '/(test|tests|lib2to3|idlelib)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/skylogin /opt/skylogin

# Nothing is written below / while the server runs: the root may be mounted read-only. HOST is set
# because the server is to be reached from outside the container, whatever its own default is. The
# health check goes by HOST and PORT as the server does, so either may be changed.
ENV PATH=/opt/skylogin/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000

USER skylogin
WORKDIR /data
EXPOSE 3000

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["skylogin", "wait", "--timeout", "2"]
CMD ["skylogin", "serve", "--migrate"]
