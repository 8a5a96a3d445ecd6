# PostgreSQL with the extension advisory_lock; built from the top of the tree.
# Not built by the tests, see packaging/README.md.
ARG PG=17

FROM postgres:${PG}-bookworm AS build
ARG PG
# The headers of the server that is there: scripts/package builds for these.
RUN apt-get update \
    && apt-get install -y --no-install-recommends "postgresql-server-dev-$PG=$PG_VERSION"
COPY . /src
RUN /src/scripts/package /packages

FROM postgres:${PG}-bookworm
ARG PG
COPY --from=build /packages /packages
RUN dpkg --install "/packages/postgresql-$PG-advisory-lock"_[0-9]*.deb \
    && rm -r /packages
# 15 and 16 keep names and statistics only if it is preloaded.
RUN echo "shared_preload_libraries = 'advisory_lock'" >>/usr/share/postgresql/postgresql.conf.sample
