# nginx-registry: libregistry.a, the nginx module, the job runner, the tests.
#
# Everything is made in build/. BUILD picks the kind of build, and with it the
# folder: release (the default), debug, asan or tsan. Sources are found by
# folder; a new file needs no line here.

BUILD         ?= release
V             ?= 0
comma         := ,
CC            := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG         ?= clang-14
CLANG_FORMAT  ?= clang-format-14
CLANG_TIDY    ?= clang-tidy-14
NGINX_SRC     ?= /usr/share/nginx/src
PROVE         ?= prove
PROVE_JOBS    ?= 2
JOBS          ?= $(shell nproc 2>/dev/null || echo 1)
TESTS         ?= t
FUZZ_TIME     ?= 60
CHECK_FUZZ_TIME ?= 60
TEST_TIMEOUT  ?= 900
DEPS          ?= yes
DESTDIR       ?=

# What "make run" takes; conf/run.sh explains.
PORT          ?= 5000
LISTEN        ?= 127.0.0.1
DATA          ?= build/run
RUN_AS        ?= www-data

TOP           := $(CURDIR)
OUT           := build/$(BUILD)
GEN           := build/gen
NGX_OUT       := build/nginx/$(BUILD)
MODULE        := $(OUT)/ngx_http_registry_module.so
LIBREGISTRY   := $(OUT)/libregistry.a
JOBRUNNER     := $(OUT)/jobrunner

ifeq ($(filter $(BUILD),release debug asan tsan crash),)
$(error BUILD=$(BUILD): must be release, debug, asan, tsan or crash)
endif

Q := $(if $(filter 1,$(V)),,@)

# --- flags -----------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wpedantic -Wshadow -Wconversion \
    -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wvla \
    -Wundef

SANITIZE_asan := -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread -fno-omit-frame-pointer
SANITIZE      := $(SANITIZE_$(BUILD))

CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
CFLAGS_debug   := -O0 -g3 -DCR_DEBUG=1
CFLAGS_crash   := -O1 -g -DCR_CRASH_POINTS=1
CFLAGS_asan    := -O1 -g $(SANITIZE) -DCR_DEBUG=1
CFLAGS_tsan    := -O1 -g $(SANITIZE) -DCR_DEBUG=1
LDFLAGS_asan   := $(SANITIZE)
LDFLAGS_tsan   := $(SANITIZE)

INCLUDES := -Iregistry -I$(GEN)
CFLAGS   := -std=c11 -D_GNU_SOURCE= $(WARNINGS) -fPIC -fvisibility=hidden \
    -fstack-protector-strong -pthread $(CFLAGS_$(BUILD)) $(EXTRA_CFLAGS)
LDFLAGS  := -pthread -Wl,-z,relro,-z,now $(LDFLAGS_$(BUILD)) \
    $(EXTRA_LDFLAGS)
LIBS     := -lsqlite3 -ljansson -lcrypto -lcrypt -lpcre2-8 -lm

# The module is compiled by nginx's own makefile, with nginx's own flags and
# these. Its headers do not pass the rest of the list above.
NGX_CC_OPT := -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes \
    -Wmissing-prototypes -Wformat=2 -Wvla -fstack-protector-strong \
    $(SANITIZE)
NGX_LD_OPT := -Wl,-z,relro,-z,now $(LDFLAGS_$(BUILD))

# Debian's nginx knows no sanitizer: the runtime is loaded before it.
NGINX_ENV_asan = ASAN_OPTIONS=detect_leaks=0 \
    LD_PRELOAD=$(shell $(CC) -print-file-name=libasan.so)
NGINX_ENV_tsan = LD_PRELOAD=$(shell $(CC) -print-file-name=libtsan.so)

# --- sources ---------------------------------------------------------------

find_c     = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
pick_tests = $(foreach f,$(1),$(if $(filter test_%,$(notdir $(f))),$(f)))

REGISTRY_SRC      := $(call find_c,registry)
JOBRUNNER_SRC     := $(call find_c,jobrunner)
JOBRUNNER_LIB_SRC := $(filter-out jobrunner/main.c,$(JOBRUNNER_SRC))
HEADERS           := $(sort $(shell find registry -name '*.h' \
    -o -name '*.def' 2>/dev/null))
NGX_FILES         := $(sort $(wildcard ngx_module/*.[ch]))
SQL_SRC           := $(sort $(wildcard sql/*.pl sql/schema/*.sql \
    sql/query/*.sql))
SQL_GEN           := $(GEN)/sql_gen.c $(GEN)/sql_gen.h
UNIT              ?=
UNIT_SRC          := $(if $(UNIT),$(UNIT:%=%.c),$(call pick_tests,$(call \
    find_c,tests/unit)))
CONTRACT_SRC      := $(sort $(wildcard tests/contract/test_*.c))
TEST_LIB_SRC      := $(call find_c,tests/lib) $(filter-out \
    $(CONTRACT_SRC),$(call find_c,tests/contract))
FUZZ_SRC          := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FORMAT_FILES      := $(sort $(shell find registry ngx_module jobrunner \
    tests -name '*.[ch]' 2>/dev/null))

# An object's path is its source's path, so equal names never meet.
OBJ               := $(OUT)/obj
REGISTRY_OBJ      := $(REGISTRY_SRC:%.c=$(OBJ)/%.o) $(OBJ)/gen/sql_gen.o \
    $(OBJ)/gen/openapi_gen.o
JOBRUNNER_OBJ     := $(JOBRUNNER_LIB_SRC:%.c=$(OBJ)/%.o)
TEST_LIB_OBJ      := $(TEST_LIB_SRC:%.c=$(OBJ)/%.o)
UNIT_PROGRAM      := $(UNIT_SRC:%.c=$(OUT)/%)
CONTRACT_PROGRAM  := $(CONTRACT_SRC:%.c=$(OUT)/%)
FUZZ_PROGRAM      := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:

# --- targets for people ----------------------------------------------------

.PHONY: help
help:  ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  BUILD=release|debug|asan|tsan  V=1 (show commands)  DEPS=no (no apt)'
	@echo '  run: PORT=5000 DATA=build/run LISTEN=127.0.0.1 RUN_AS=www-data'
	@echo '       ADMIN_PASSWORD=... (made at the first start when not given)'
	@echo '  t:   TESTS="t/pull.t ..."    unit: UNIT="tests/unit/api/test_api ..."'
	@echo '  fuzz: FUZZ_TIME=60 (seconds each)'

.PHONY: deps
deps:  ## install the Debian packages that building and running need
ifneq ($(DEPS),no)
	@tests/deps.sh build
endif

.PHONY: test-deps
test-deps:  ## the same, and those that the tests need
ifneq ($(DEPS),no)
	@tests/deps.sh build test
endif

.PHONY: all
all: $(MODULE) $(JOBRUNNER)  ## build the nginx module and the job runner

.PHONY: run
run: deps  ## build, then start nginx and the job runner in the foreground
	@+$(MAKE) --no-print-directory -j$(JOBS) all
	@exec env --default-signal=INT,TERM,HUP \
	    PORT='$(PORT)' LISTEN='$(LISTEN)' DATA='$(DATA)' \
	    RUN_AS='$(RUN_AS)' BUILD_DIR='$(TOP)/$(OUT)' \
	    NGINX_ENV='$(NGINX_ENV_$(BUILD))' bash conf/run.sh

.PHONY: check
check: test-deps  ## everything: build, lint, unit, fuzz and smoke, t
	@+$(MAKE) --no-print-directory -j$(JOBS) all
	@+$(MAKE) --no-print-directory lint
	@+$(MAKE) --no-print-directory -j$(JOBS) unit
	@+$(MAKE) --no-print-directory -j$(JOBS) contract
	@+$(MAKE) --no-print-directory -j$(JOBS) fuzz FUZZ_TIME=$(CHECK_FUZZ_TIME)
	@+$(MAKE) --no-print-directory -j$(JOBS) smoke
	@+$(MAKE) --no-print-directory -j$(JOBS) t

# A test that hangs is ended, and what it started by its own teardown.
LIMIT = timeout --foreground -k 30 $(TEST_TIMEOUT)

# $(call prove_programs,what,programs)
define prove_programs
	@if [ -z "$(strip $(2))" ]; then echo "no $(1) tests found" >&2; \
	    exit 1; fi
	@CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 \
	    TSAN_OPTIONS='suppressions=$(TOP)/tests/tsan.supp' \
	    $(PROVE) -j$(PROVE_JOBS) -e '$(LIMIT)' $(2)
endef

.PHONY: unit
unit: TEST_TIMEOUT := 120
unit: $(UNIT_PROGRAM)  ## run the unit tests
	$(call prove_programs,unit,$(UNIT_PROGRAM))

.PHONY: contract
contract: TEST_TIMEOUT := 120
contract: $(CONTRACT_PROGRAM)  ## run each driver through its contract suite
	$(call prove_programs,contract,$(CONTRACT_PROGRAM))

# What tests of t/ need besides the programs under test.
T_NEEDS := build/check_invariants build/record.so $(if $(filter t t/crash.t,$(TESTS)),t-crash)

.PHONY: t-crash
t-crash:
	@+$(MAKE) --no-print-directory BUILD=crash all

.PHONY: t
t: all $(T_NEEDS)  ## run the end to end tests (TESTS="t/pull.t ..." picks some)
	@+env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS \
	    TEST_REGISTRY_BUILD='$(BUILD)' \
	    $(PROVE) -j$(PROVE_JOBS) -e '$(LIMIT) perl -It/lib' $(TESTS)

.PHONY: bench
bench: test-deps  ## beside nginx and docker-registry; BENCH="--quick get"
	@+$(MAKE) --no-print-directory all build/bench/load \
	    build/bench/slow_fsync.so
	@env TEST_REGISTRY_BUILD='$(BUILD)' perl tests/bench/bench.pl $(BENCH)

.PHONY: fuzz
fuzz: $(FUZZ_PROGRAM)  ## run each fuzz target for FUZZ_TIME seconds
	@if [ -z "$(FUZZ_PROGRAM)" ]; then echo "no fuzz targets found" >&2; \
	    exit 1; fi
	@$(PROVE) -j$(PROVE_JOBS) -e 'perl tests/fuzz/run.pl $(FUZZ_TIME)' \
	    $(FUZZ_PROGRAM)

.PHONY: lint
lint: $(GEN)/sql_gen.h  ## check the project's own rules, cppcheck, clang-tidy
	@$(PROVE) tests/lint
	@mkdir -p build/cppcheck
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j2 \
	    --enable=warning,portability,performance \
	    --suppressions-list=tests/lint/cppcheck-suppressions.txt \
	    --cppcheck-build-dir=build/cppcheck $(INCLUDES) \
	    registry jobrunner ngx_module
	@+$(MAKE) --no-print-directory -s -k -j$(PROVE_JOBS) tidy

.PHONY: tidy
tidy: $(patsubst %.c,build/tidy/%.ok,$(REGISTRY_SRC) $(JOBRUNNER_SRC))  ## run clang-tidy (slow the first time)

.PHONY: format
format:  ## format the C files in place
	$(Q)$(CLANG_FORMAT) -i $(FORMAT_FILES)

.PHONY: docs
docs: $(JOBRUNNER)  ## write docs/directives.md and docs/jobrunner.8 anew
	$(Q)perl tests/lint/directives.pl > build/directives.md
	$(Q)mv build/directives.md docs/directives.md
	$(Q)$(JOBRUNNER) help --man > build/jobrunner.8
	$(Q)mv build/jobrunner.8 docs/jobrunner.8

.PHONY: asan
asan:  ## build with address and undefined sanitizers, run unit, contract, t
	@+$(MAKE) --no-print-directory BUILD=asan all
	@+$(MAKE) --no-print-directory BUILD=asan unit contract
	@+$(MAKE) --no-print-directory BUILD=asan t
	@+if $(MAKE) --no-print-directory $(NGX_SOURCES)/configure; then \
	    $(MAKE) --no-print-directory BUILD=asan t-source; \
	else \
	    echo 'asan: nothing was run with an nginx made from source' >&2; \
	fi

.PHONY: t-source
t-source: $(OUT)/nginx  ## the same as t, with an nginx made from source
	@+$(MAKE) --no-print-directory t TEST_NGINX_BINARY='$(TOP)/$(OUT)/nginx'

# As a site would that builds its own nginx.
STATIC_TESTS ?= t/push.t t/pull.t t/conf.t t/reload.t

.PHONY: static
static:  ## build an nginx that has the module in it, run a few of t with it
	@+$(MAKE) --no-print-directory $(NGX_SOURCES)/configure
	@+$(MAKE) --no-print-directory t-source TESTS='$(STATIC_TESTS)'

.PHONY: tsan
tsan:  ## build with the thread sanitizer, run unit, contract, t from source
	@+$(MAKE) --no-print-directory BUILD=tsan unit contract
	@+if $(MAKE) --no-print-directory $(NGX_SOURCES)/configure; then \
	    $(MAKE) --no-print-directory BUILD=tsan t-source; \
	else \
	    echo 'tsan: the module was not run: no nginx from source' >&2; \
	fi

# What Valgrind sees and the sanitizers do not: bytes that were never set. It
# is slow; VALGRIND_TESTS="build/debug/tests/unit/core/test_str ..." picks.
VALGRIND_SLOW   := %/test_password %/test_crypt
VALGRIND_TESTS  ?= $(filter-out $(VALGRIND_SLOW),$(filter \
    build/debug/tests/unit/core/% build/debug/tests/unit/oci/% \
    build/debug/tests/unit/auth/% build/debug/tests/unit/storage/%, \
    $(UNIT_SRC:%.c=build/debug/%)))

VALGRIND = timeout --foreground -k 30 900 valgrind --quiet \
    --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect \
    --suppressions=tests/valgrind.supp

.PHONY: valgrind
valgrind:  ## run a part of the unit tests under Valgrind
	@+$(MAKE) --no-print-directory BUILD=debug $(VALGRIND_TESTS)
	@CMOCKA_MESSAGE_OUTPUT=TAP $(PROVE) -j$(PROVE_JOBS) \
	    -e '$(VALGRIND)' $(VALGRIND_TESTS)

# What each of them finds in a minute: bytes and their owners in a push and in
# the copies of a database, the threads that share a commit, a cache, a queue
# of jobs, and what was never set.
SMOKE_ASAN     := tests/unit/api/test_faults tests/unit/db/test_sqlite \
    tests/unit/jobrunner/jobs/test_backup
SMOKE_TSAN     := tests/unit/db/test_write tests/unit/jobrunner/test_worker \
    tests/unit/auth/test_credential_cache tests/unit/auth/test_token_cache
SMOKE_VALGRIND := tests/unit/core/test_json tests/unit/oci/test_manifest

.PHONY: smoke
smoke:  ## a minute each of asan, tsan and valgrind
	@+$(MAKE) --no-print-directory BUILD=asan all
	@+$(MAKE) --no-print-directory BUILD=asan unit UNIT='$(SMOKE_ASAN)'
	@+$(MAKE) --no-print-directory BUILD=asan t TESTS='t/push.t'
	@+$(MAKE) --no-print-directory BUILD=tsan unit UNIT='$(SMOKE_TSAN)'
	@+$(MAKE) --no-print-directory valgrind \
	    VALGRIND_TESTS='$(SMOKE_VALGRIND:%=build/debug/%)'

.PHONY: install
install: all  ## put things where Debian's nginx expects them (DESTDIR=...)
	$(Q)DESTDIR='$(DESTDIR)' BUILD_DIR='$(OUT)' sh conf/install.sh

.PHONY: clean
clean:  ## remove what was built; data of "make run" in build/run stays
	$(Q)rm -rf build/release build/debug build/asan build/tsan \
	    build/crash build/check_invariants build/record.so build/fuzz build/gen \
	    build/nginx build/tidy build/cppcheck build/bench \
	    build/directives.md

# --- what they are made of -------------------------------------------------

.PHONY: lib
lib: $(LIBREGISTRY)

# The generator leaves a file alone that would not change: the stamp says when
# it last looked.
$(GEN)/.stamp: $(SQL_SRC)
	@echo '  GEN    $(GEN)/sql_gen.[ch]'
	$(Q)mkdir -p $(GEN)
	$(Q)perl sql/embed.pl $(GEN)
	$(Q)touch $@

$(SQL_GEN): $(GEN)/.stamp ;

$(GEN)/openapi_gen.c: docs/openapi.yaml docs/embed.pl
	@echo '  GEN    $@'
	$(Q)mkdir -p $(GEN)
	$(Q)perl docs/embed.pl docs/openapi.yaml $@
	$(Q)touch $@

$(OBJ)/gen/%_gen.o: $(GEN)/%_gen.c $(OUT)/.flags
	@echo '  CC     $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(INCLUDES) -MMD -MP -c -o $@ $<

$(OBJ)/tests/%.o: tests/%.c $(OUT)/.flags | $(GEN)/sql_gen.h
	@echo '  CC     $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(INCLUDES) -Ijobrunner -Itests/lib -MMD -MP \
	    -c -o $@ $<

$(OBJ)/jobrunner/%.o: jobrunner/%.c $(OUT)/.flags | $(GEN)/sql_gen.h
	@echo '  CC     $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(INCLUDES) -Ijobrunner -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.c $(OUT)/.flags | $(GEN)/sql_gen.h
	@echo '  CC     $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(INCLUDES) -MMD -MP -c -o $@ $<

# "q" and not "r": two members may have the same name. The list of members is
# a dependency too: a source that went away must leave the archive.
$(LIBREGISTRY): $(REGISTRY_OBJ) $(OUT)/.members
	@echo '  AR     $@'
	$(Q)rm -f $@
	$(Q)ar qcs $@ $(REGISTRY_OBJ)

$(OUT)/libjobrunner.a: $(JOBRUNNER_OBJ) $(OUT)/.members
	@echo '  AR     $@'
	$(Q)rm -f $@
	$(Q)ar qcs $@ $(JOBRUNNER_OBJ)

$(OUT)/libtest.a: $(TEST_LIB_OBJ) $(OUT)/.members
	@echo '  AR     $@'
	$(Q)rm -f $@
	$(Q)ar qcs $@ $(TEST_LIB_OBJ)

$(JOBRUNNER): $(OBJ)/jobrunner/main.o $(OUT)/libjobrunner.a $(LIBREGISTRY)
	@echo '  LD     $@'
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcurl

build/bench/%.so: tests/bench/%.c
	@echo '  CC     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE= $(WARNINGS) -O2 -g -fPIC -shared \
	    -o $@ $<

build/bench/load: tests/bench/load.c tests/bench/load_http.c \
    tests/bench/load_http.h
	@echo '  CC     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE= $(WARNINGS) -O2 -g -pthread -o $@ \
	    $(filter %.c,$^) -lcrypto

build/check_invariants: tests/invariant/check_invariants.c
	@echo '  CC     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE= $(WARNINGS) -O2 -g -o $@ $< \
	    -lsqlite3 -lcrypto

build/record.so: tests/powerloss/record.c
	@echo '  CC     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE= -Wall -Wextra -Werror -Wshadow \
	    -Wconversion -Wstrict-prototypes -Wmissing-prototypes -O2 -g -fPIC \
	    -shared -fvisibility=hidden -o $@ $< -ldl

TEST_LIBS := $(OUT)/libtest.a $(OUT)/libjobrunner.a $(LIBREGISTRY)

$(OUT)/tests/unit/%: $(OBJ)/tests/unit/%.o $(TEST_LIBS)
	@echo '  LD     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcurl -lcmocka

$(OUT)/tests/contract/%: $(OBJ)/tests/contract/%.o $(TEST_LIBS)
	@echo '  LD     $@'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcurl -lcmocka

# These files change only when what they name does.
$(shell mkdir -p $(OUT))
define keep
$(file >$(1).new,$(2))$(shell cmp -s $(1).new $(1) && rm -f $(1).new \
    || mv $(1).new $(1))
endef
$(call keep,$(OUT)/.flags,$(CC) $(CFLAGS))
$(call keep,$(OUT)/.members,$(REGISTRY_SRC) $(JOBRUNNER_SRC) $(TEST_LIB_SRC))
$(call keep,$(OUT)/.ngx,$(NGX_FILES) $(HEADERS) $(NGX_CC_OPT) $(NGX_LD_OPT) \
    $(NGINX_SRC))

# --- the module, by nginx's own configure ----------------------------------
#
# Debian's nginx-dev has headers and auto/ but no sources: configure must run
# in that folder, with the flags of Debian's build, and make "modules" only.

$(NGX_OUT)/Makefile: config config.make $(OUT)/.ngx $(NGINX_SRC)/conf_flags
	@echo '  CONF   $@'
	$(Q)mkdir -p $(NGX_OUT)
	$(Q)cd $(NGINX_SRC) && bash -c '. ./conf_flags; \
	    REGISTRY_BUILD=$(BUILD) ./configure "$${NGX_CONF_FLAGS[@]}" \
	    --with-cc-opt="-g -O2 -D_FORTIFY_SOURCE=2 $(NGX_CC_OPT)" \
	    --with-ld-opt="$(NGX_LD_OPT)" \
	    --builddir="$(TOP)/$(NGX_OUT)" --add-dynamic-module="$(TOP)"' \
	    >$(TOP)/$(NGX_OUT)/configure.log 2>&1 \
	    || { cat $(TOP)/$(NGX_OUT)/configure.log >&2; rm -f $@; exit 1; }
	$(Q)touch $@

$(NGINX_SRC)/conf_flags:
	@echo '$@ is missing: install nginx-dev (make deps), or' >&2
	@echo 'build with the sources of nginx: see CONTRIBUTING.md' >&2
	@exit 1

$(MODULE): $(NGX_OUT)/Makefile $(NGX_FILES) $(LIBREGISTRY)
	@echo '  NGX    $@'
	+$(Q)$(MAKE) --no-print-directory $(if $(Q),-s) \
	    -C $(NGINX_SRC) -f $(TOP)/$(NGX_OUT)/Makefile modules
	$(Q)cp $(NGX_OUT)/ngx_http_registry_module.so $@.new
	$(Q)mv $@.new $@

# --- nginx itself, with the module in it ------------------------------------
#
# With a sanitizer NGX_DEBUG_PALLOC: each piece of a pool is an allocation of
# its own, so that an overrun inside a pool is seen. UBSan is left to the module that Debian's
# nginx loads and to the library: nginx's own code does not pass it.

NGX_SOURCES    ?= build/nginx-source/nginx
NGX_SANITIZE   := $(patsubst -fsanitize=address$(comma)undefined, \
    -fsanitize=address,$(filter-out -fno-sanitize-recover=%,$(SANITIZE)))
NGX_SOURCE_CC_OPT := -g -O1 -Wno-error \
    $(if $(SANITIZE),-DNGX_DEBUG_PALLOC=1) $(NGX_SANITIZE)

build/nginx-source/nginx/configure:
	@echo '  GET    $@'
	$(Q)tests/nginx_source.sh build/nginx-source

$(OUT)/nginx: config config.make $(OUT)/.ngx $(LIBREGISTRY) $(NGX_FILES) \
    | $(NGX_SOURCES)/configure
	@echo '  NGX    $@'
	$(Q)mkdir -p $(OUT)/nginx-build
	$(Q)cd $(NGX_SOURCES) && REGISTRY_BUILD=$(BUILD) ./configure \
	    --builddir='$(TOP)/$(OUT)/nginx-build' --prefix=/usr/share/nginx \
	    --with-compat --with-debug --with-threads --with-file-aio \
	    --with-http_ssl_module --with-http_v2_module \
	    --with-http_realip_module --with-http_auth_request_module \
	    --with-http_stub_status_module --with-http_gzip_static_module \
	    --with-http_sub_module --with-http_addition_module \
	    --with-cc='$(CC)' --with-cc-opt='$(NGX_SOURCE_CC_OPT)' \
	    --with-ld-opt='$(NGX_LD_OPT)' \
	    --add-module='$(TOP)' >'$(TOP)/$(OUT)/nginx-build/log' 2>&1 \
	    && $(MAKE) -f '$(TOP)/$(OUT)/nginx-build/Makefile' binary \
	    >>'$(TOP)/$(OUT)/nginx-build/log' 2>&1 \
	    || { tail -n 30 '$(TOP)/$(OUT)/nginx-build/log' >&2; exit 1; }
	$(Q)cp $(OUT)/nginx-build/nginx $@.new
	$(Q)mv $@.new $@

# --- fuzz targets: clang, a library of their own ---------------------------

FUZZ_CFLAGS := -std=c11 -D_GNU_SOURCE= -g -O1 -pthread -fvisibility=hidden \
    -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DCR_DEBUG=1
FUZZ_OBJ    := $(REGISTRY_SRC:%.c=build/fuzz/obj/%.o) \
    build/fuzz/obj/gen/sql_gen.o build/fuzz/obj/gen/openapi_gen.o \
    $(patsubst %.c,build/fuzz/obj/%.o,$(call find_c,tests/lib))

build/fuzz/obj/gen/%_gen.o: $(GEN)/%_gen.c
	@echo '  CLANG  $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined \
	    $(INCLUDES) -MMD -MP -c -o $@ $<

build/fuzz/obj/%.o: %.c | $(GEN)/sql_gen.h
	@echo '  CLANG  $<'
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined \
	    $(INCLUDES) -Itests/lib -MMD -MP -c -o $@ $<

build/fuzz/libfuzz.a: $(FUZZ_OBJ) $(OUT)/.members
	@echo '  AR     $@'
	$(Q)rm -f $@
	$(Q)ar qcs $@ $(FUZZ_OBJ)

build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libfuzz.a
	@echo '  LD     $@'
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ \
	    $(LIBS) -lcmocka

# --- clang-tidy, one stamp a file ------------------------------------------

build/tidy/%.ok: %.c .clang-tidy | $(GEN)/sql_gen.h
	@echo '  TIDY   $<'
	$(Q)mkdir -p $(@D)
	$(Q)timeout 300 $(CLANG_TIDY) --quiet $< -- -std=c11 -D_GNU_SOURCE= \
	    $(INCLUDES) -Ijobrunner >$@.log 2>&1 || { cat $@.log >&2; exit 1; }
	$(Q)touch $@

-include $(shell find $(OUT)/obj build/fuzz/obj -name '*.d' 2>/dev/null)
