# One image for all three commands: ingest, query and query-server. See docs/docker.md.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/plotseek
# torch without its gigabytes of GPU packages; a layer of its own, because it seldom changes.
COPY constraints.txt ./
RUN /opt/plotseek/bin/pip install --no-cache-dir -c constraints.txt \
    --index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md LICENSE ./
COPY catalog catalog
COPY ingest ingest
COPY query query
COPY plotseek plotseek
RUN /opt/plotseek/bin/pip install --no-cache-dir -c constraints.txt '.[server,parquet]'

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /tmp plotseek \
    && install -d -o plotseek -g plotseek /data /models /changes
COPY --from=build /opt/plotseek /opt/plotseek
COPY config.yaml movies.json /app/
ENV PATH=/opt/plotseek/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HF_HOME=/models \
    PLOTSEEK_CONFIG=/app/config.yaml \
    PLOTSEEK_STORE_PATH=/data
USER plotseek
WORKDIR /app
VOLUME ["/data", "/models", "/changes"]
EXPOSE 8080
# A real query, not a heartbeat: that is what /readyz asks.
HEALTHCHECK --interval=15s --timeout=15s --start-period=10m --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=10)"]
CMD ["query-server"]
