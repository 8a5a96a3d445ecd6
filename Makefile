# Builds and installs the extension and, by way of client/, the library and
# the command.  PG_CONFIG chooses the PostgreSQL; see CONTRIBUTING.md.

MODULE_big = advisory_lock
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c extension/*/*.c)))

EXTENSION = advisory_lock
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" advisory_lock.control)
DATA = $(sort $(wildcard extension/advisory_lock--*.sql))
PGFILEDESC = "advisory_lock - advisory locks by name"
PG_CPPFLAGS = -I$(srcdir)/extension -DADVISORY_LOCK_VERSION='"$(EXTVERSION)"'

REGRESS := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=advisory_lock
ISOLATION := $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=advisory_lock
TAP_TESTS = 1

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

PG_PROVE_FLAGS += -I $(srcdir)/t/lib

# PGXS does not track headers, nor the version compiled in.
$(OBJS) $(OBJS:.o=.bc): $(wildcard extension/*/*.h) advisory_lock.control Makefile

CLIENT_TARGETS = all install uninstall clean

.PHONY: $(CLIENT_TARGETS) $(CLIENT_TARGETS:%=client-%)
$(CLIENT_TARGETS): %: client-%
$(CLIENT_TARGETS:%=client-%): client-%:
	$(MAKE) -C client $* PG_CONFIG='$(PG_CONFIG)' CC='$(CC)'

# Not at the same time: both build.
client-install: client-all
