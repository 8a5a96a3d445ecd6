# Builds and installs the extension and, by way of client/, the library and
# the command.  PG_CONFIG chooses the PostgreSQL; see CONTRIBUTING.md.

MODULE_big = advisory_lock
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c extension/*/*.c)))

EXTENSION = advisory_lock
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" advisory_lock.control)
SHLIB_EXPORTS = extension/exports.txt
DATA = $(sort $(wildcard extension/advisory_lock--*.sql))
PGFILEDESC = "advisory_lock - advisory locks by name"
# Only what SHLIB_EXPORTS names can be replaced from outside, which is never
# called from here: so calls within a file may be inlined.
PG_CFLAGS = -fno-semantic-interposition
PG_CPPFLAGS = -I$(srcdir)/extension -DADVISORY_LOCK_VERSION='"$(EXTVERSION)"'

REGRESS := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=advisory_lock
ISOLATION := $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=advisory_lock
TAP_TESTS = 1
EXTRA_CLEAN = .built-for extension/exports.list

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) does not know a server to build for: install postgresql-server-dev-NN or set PG_CONFIG, or build the client alone with "make -C client")
endif
include $(PGXS)

PG_PROVE_FLAGS += -I $(srcdir)/t/lib

# PGXS does not track headers, nor the version compiled in.
$(OBJS) $(OBJS:.o=.bc): $(wildcard extension/*/*.h) advisory_lock.control Makefile .built-for

# Changes when another PostgreSQL or compiler is to be used than for the
# objects that are there.
BUILT_FOR := $(shell $(PG_CONFIG) --version) $(shell $(PG_CONFIG) --includedir-server) $(CC)
.built-for: FORCE
	@[ "$$(cat $@ 2>/dev/null)" = '$(BUILT_FOR)' ] || echo '$(BUILT_FOR)' >$@

FORCE:
.PHONY: FORCE

# The client is installed under prefix, /usr/local by default, and not where
# PostgreSQL is.  WITH_CLIENT=no leaves it out.
WITH_CLIENT ?= yes
ifeq ($(WITH_CLIENT),yes)
CLIENT_TARGETS = all install uninstall clean

.PHONY: $(CLIENT_TARGETS) $(CLIENT_TARGETS:%=client-%)
$(CLIENT_TARGETS): %: client-%
$(CLIENT_TARGETS:%=client-%): client-%:
	$(MAKE) -C client $* CC='$(CC)'

# Not at the same time: both build.
client-install: client-all
endif
