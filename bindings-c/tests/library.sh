#!/usr/bin/env bash
# What the built libraries show and promise. Run by `make -C bindings-c test`, in bindings-c, with the SONAME's version as
# argument.
set -euo pipefail
soversion=$1

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

declared=$(sed -n 's/^[a-z].*[ *]\(stn_[a-z0-9_]*\)(.*/\1/p' include/stanchion.h | sort)
shown() { nm "$@" --defined-only | awk 'NF == 3 { print $3 }' | sort; }
[ "$(shown -g build/libstanchion.a)" = "$declared" ] || fail "libstanchion.a shows other names than the header declares"
[ "$(shown -D build/libstanchion.so)" = "$declared" ] || fail "libstanchion.so shows other names than the header declares"

# A function that takes a pointer is tried with null; so is one that is new.
for name in $(grep -v '^//' include/stanchion.h | tr '\n' ' ' | grep -oE 'stn_[a-z0-9_]+\([^)]*\*[^)]*\);' | sed 's/(.*//'); do
  grep -q "$name(" tests/c/nulls.c tests/c/annexes.c tests/c/items.c || fail "no program of tests/c calls $name with null"
done

# What hosts may call without a transition is short for certain: what its machine code can reach calls nothing but itself, and
# its stack is counted. The whole step, which can allocate and panic, must be seen to.
if [ "$(uname -m)" = x86_64 ]; then
  stack() { objdump -d --no-show-raw-insn -M intel build/direct | awk -v from="$1" -f tests/stack.awk; }
  bytes=$(stack 'stn_acquire_plain stn_settle_plain') || fail "a plain step is not plain: $bytes"
  [ "$bytes" -le 512 ] || fail "a plain step takes $bytes bytes of stack, more than half of what the header promises"
  ! stack stn_acquire >/dev/null || fail "stack.awk does not see that the whole step may call anything"
  printf 'library: a plain step takes %s bytes of stack\n' "$bytes"
fi

soname=$(readelf -d build/libstanchion.so | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ "$soname" = "libstanchion.so.$soversion" ] || fail "the SONAME is $soname, the Makefile installs libstanchion.so.$soversion"

static=$(stat -c %s build/libstanchion.a) shared=$(stat -Lc %s build/libstanchion.so)
[ "$static" -le 10485760 ] || fail "libstanchion.a has $static bytes, more than 10 MB"
[ "$shared" -le 1000000 ] || fail "libstanchion.so has $shared bytes, more than 1 MB"
printf 'library: only stn_ names; %s kB static, %s kB shared\n' $((static / 1024)) $((shared / 1024))
