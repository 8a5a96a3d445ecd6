# The command withlock alone; built from the top of the tree.
# Not built by the tests, see packaging/README.md.
FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev make pkg-config
COPY . /src
RUN make -C /src/client install DESTDIR=/root/made

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /root/made/usr/local/bin/withlock /usr/local/bin/
ENTRYPOINT ["withlock"]
