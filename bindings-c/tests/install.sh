#!/usr/bin/env bash
# The library as its users get it: installed, found by pkg-config and by CMake, linked both ways, and taken away again. Run by
# `make -C bindings-c test`, in bindings-c, with the SONAME's version and the release as arguments.
set -euo pipefail
soversion=$1 version=$2
cc=${CC:-gcc}
scratch=$PWD/build/install
prefix=$scratch/prefix
program=$PWD/../examples/c/ten_lines.c

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
listed() { (cd "$1" && find . ! -type d | sort); }
says_called() { [ "$("$@" | tail -n 1)" = called ] || fail "$* did not say that it called"; }
needs_shared() { readelf -d "$1" | grep -q "NEEDED.*libstanchion.so.$soversion"; }

rm -rf "$scratch"
mkdir -p "$scratch"
make --no-print-directory install PREFIX="$prefix" >"$scratch/log"
make --no-print-directory install PREFIX=/opt/stanchion DESTDIR="$scratch/stage" >>"$scratch/log"
[ "$(listed "$prefix")" = "$(listed "$scratch/stage/opt/stanchion")" ] || fail "DESTDIR installs other files"
# A distribution's own folders: found, complete, and moved as a whole.
make --no-print-directory install PREFIX=/usr DESTDIR="$scratch/distro" LIBDIR=/usr/lib/here INCLUDEDIR=/usr/include/there >>"$scratch/log"
distro() { env PKG_CONFIG_SYSROOT_DIR="$scratch/distro" PKG_CONFIG_PATH="$scratch/distro/usr/lib/here/pkgconfig" pkg-config "$@" stanchion; }
[ -f "$scratch/distro/usr/include/there/stanchion.h" ] || fail "INCLUDEDIR is not honoured"
read -ra flags <<<"$(distro --cflags --libs)"
"$cc" -o "$scratch/there" "$program" "${flags[@]}" || fail "no program by a distribution's folders"
cmake -S tests/consumer -B "$scratch/distro/built" -DWANTED="$version" -DPROGRAM="$program" \
  -Dstanchion_DIR="$scratch/distro/usr/lib/here/cmake/stanchion" >"$scratch/log" 2>&1 || fail "CMake: $(cat "$scratch/log")"
cmake --build "$scratch/distro/built" >"$scratch/log" 2>&1 || fail "CMake's project does not build there: $(cat "$scratch/log")"
says_called "$scratch/distro/built/by_static"
make --no-print-directory uninstall PREFIX=/usr DESTDIR="$scratch/distro" LIBDIR=/usr/lib/here INCLUDEDIR=/usr/include/there >>"$scratch/log"
rm -rf "$scratch/distro/built"
[ -z "$(listed "$scratch/distro")" ] || fail "uninstall leaves $(listed "$scratch/distro")"

! grep -rqI "$scratch" "$scratch/stage" || fail "DESTDIR is named in an installed file"
! grep -rqI '@[a-z]*@' "$prefix/lib" || fail "an installed file has a name that nothing was put in for"

# pkg-config, shared and static; the static program needs nothing at run time.
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
pkg-config --exact-version="$version" stanchion || fail "pkg-config does not find release $version"
read -ra flags <<<"$(pkg-config --cflags --libs stanchion)"
"$cc" -o "$scratch/shared" "$program" "${flags[@]}"
needs_shared "$scratch/shared" || fail "the shared program does not need libstanchion.so.$soversion"
says_called env LD_LIBRARY_PATH="$prefix/lib" "$scratch/shared"
read -ra flags <<<"$(pkg-config --static --cflags --libs stanchion)"
"$cc" -static -o "$scratch/static" "$program" "${flags[@]}" 2>"$scratch/log" || fail "no static program: $(cat "$scratch/log")"
! readelf -d "$scratch/static" | grep -q NEEDED || fail "the static program needs shared libraries"
says_called "$scratch/static"

# The archive into a program that is linked as it likes otherwise, as cgo does it.
pkg-config --exact-version="$version" stanchion-static || fail "pkg-config does not find the archive of release $version"
read -ra flags <<<"$(pkg-config --cflags --libs stanchion-static)"
"$cc" -o "$scratch/within" "$program" "${flags[@]}"
if needs_shared "$scratch/within"; then fail "stanchion-static links the shared library"; fi
says_called "$scratch/within"

# CMake, from a place that the package was moved to; the line of releases that fits, and others that do not.
mv "$prefix" "$scratch/moved"
configure() { cmake -S tests/consumer -B "$scratch/$1" -DWANTED="$1" -DPROGRAM="$program" -DCMAKE_PREFIX_PATH="$scratch/moved" >"$scratch/log" 2>&1; }
configure "${version%.*}" || fail "CMake does not find ${version%.*}: $(cat "$scratch/log")"
configure "$version" || fail "CMake does not find $version: $(cat "$scratch/log")"
for other in "${version%.*}.999" 0.999 1.0; do
  if configure "$other"; then fail "CMake takes release $version for $other"; fi
done
cmake --build "$scratch/$version" >"$scratch/log" 2>&1 || fail "CMake's project does not build: $(cat "$scratch/log")"
needs_shared "$scratch/$version/by_stanchion" || fail "stanchion::stanchion does not link the shared library"
if needs_shared "$scratch/$version/by_static"; then fail "stanchion::static links the shared library"; fi
says_called "$scratch/$version/by_stanchion"
says_called "$scratch/$version/by_static"

mv "$scratch/moved" "$prefix"
make --no-print-directory uninstall PREFIX="$prefix" >"$scratch/log"
[ -z "$(listed "$prefix")" ] || fail "uninstall leaves $(listed "$prefix")"
rm -rf "$scratch"
echo "install: pkg-config and CMake, shared and static, moved, staged, taken away"
