#!/usr/bin/env bash
# What the built libraries show and promise. Run by `make -C bindings-c test`, in bindings-c, with the SONAME's version and
# the private libraries of the Makefile as arguments.
set -euo pipefail
soversion=$1 private_libs=$2

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

declared=$(sed -n 's/^[a-z].*[ *]\(stn_[a-z0-9_]*\)(.*/\1/p' include/stanchion.h | sort)
shown() { nm "$@" --defined-only | awk 'NF == 3 { print $3 }' | sort; }
[ "$(shown -g build/libstanchion.a)" = "$declared" ] || fail "libstanchion.a shows other names than the header declares"
[ "$(shown -D build/libstanchion.so)" = "$declared" ] || fail "libstanchion.so shows other names than the header declares"

soname=$(readelf -d build/libstanchion.so | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ "$soname" = "libstanchion.so.$soversion" ] || fail "the SONAME is $soname, the Makefile installs libstanchion.so.$soversion"

# `rustc` prints the list for any static library of this toolchain and target.
listed=$(rustc --edition 2024 --crate-type staticlib --print native-static-libs -o build/libother.a tests/c/other.rs 2>&1 |
  sed -n 's/^note: native-static-libs: //p')
[ "$listed" = "$private_libs" ] || fail "rustc lists '$listed', the Makefile '$private_libs'"

static=$(stat -c %s build/libstanchion.a) shared=$(stat -Lc %s build/libstanchion.so)
[ "$static" -le 10485760 ] || fail "libstanchion.a has $static bytes, more than 10 MB"
[ "$shared" -le 1048576 ] || fail "libstanchion.so has $shared bytes, more than 1 MB"
printf 'library: only stn_ names; %s kB static, %s kB shared\n' $((static / 1024)) $((shared / 1024))
