#!/usr/bin/env bash
# The header as other languages bind it: the examples in Python and Java, where the machine has them. Run by
# `make -C bindings-c test`, in bindings-c.
set -euo pipefail

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

expected='called
called
not now: try again in 1 s
`bulkhead.max_concurrent`: got 0, expected a whole number from 1 to 4096'

says() { # says LANGUAGE COMMAND...
  local language=$1 said
  shift
  said=$("$@") || fail "$* failed"
  [ "$said" = "$expected" ] || fail "$* said:
$said"
  echo "$language: bound by the header, and guarded"
}

# The first of Java 22 or later: the default may be older and a newer one stand beside it.
java_of_now() {
  local java version
  for java in "${JAVA_HOME:-}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java /opt/*/bin/java; do
    [ -x "$java" ] || continue
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 22 ]; then echo "$java"; return; fi
  done
}

if command -v python3 >/dev/null; then
  says Python python3 ../examples/python/ten_lines.py build/libstanchion.so
else
  echo '!! NOT TESTED: no python3 on this machine, so examples/python was not run'
fi

java=$(java_of_now)
if [ -n "$java" ]; then
  says Java "$java" --enable-native-access=ALL-UNNAMED ../examples/java/TenLines.java build/libstanchion.so
else
  echo '!! NOT TESTED: no Java 22 or later on this machine, so examples/java was not run'
fi
