#!/usr/bin/env bash
# Builds the image codecs of this Debian release from their sources, with AddressSanitizer and libFuzzer's counters, so
# that a fuzzer sees what happens inside them. They land in .fuzz/codecs/lib under the names that mien opens.
#
#   fuzz/build_codecs.sh [PACKAGE...]      those of `packages` below
#
# The sources come by name from where apt gets its packages. Needs clang-14, cmake, ninja, make; meson and nasm for
# dav1d.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/.fuzz/codecs
prefix=$work
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
packages=(libjpeg-turbo libpng1.6 libexif giflib libwebp lcms2 libde265 dav1d tiff libraw libheif)
export CC=clang-14 CXX=clang++-14
export CFLAGS='-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,fuzzer-no-link'
export CXXFLAGS=$CFLAGS LDFLAGS='-fsanitize=address' ASAN_OPTIONS=detect_leaks=0

mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/source" "$work/lib"
apt_options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts"
  -o "Dir::State::lists=$work/apt/lists" -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache=
  -o APT::Sandbox::User="$(id -un)")

# The same places as for packages, asked for sources; the system's own configuration stays as it is.
list_sources() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] && sed -n 's/^deb /deb-src /p' "$file" >>"$work/apt/parts/derived.list"
  done
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources; do
    [[ -f $file ]] && sed 's/^Types: deb$/Types: deb-src/' "$file" >"$work/apt/parts/$(basename "$file")"
  done
  apt-get "${apt_options[@]}" update -qq
}

# The newest version whose files are all there; prints the folder.
fetch() {
  local package=$1 version
  cd "$work/source"
  if ! compgen -G "$package-*/" >/dev/null && ! compgen -G "${package//./}-*/" >/dev/null; then
    for version in $(apt-cache "${apt_options[@]}" showsrc "$package" | sed -n 's/^Version: //p' | sort -rV); do
      apt-get "${apt_options[@]}" source -qq "$package=$version" >"$work/$package.fetch.log" 2>&1 && break
    done
  fi
  find "$work/source" -maxdepth 1 -type d -name "$package-*" | head -n 1
}

with_cmake() {
  cmake -G Ninja -S "$1" -B "$1/build_fuzz" -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_LIBDIR="$prefix/lib" -DCMAKE_PREFIX_PATH="$prefix" -DBUILD_SHARED_LIBS=ON "${@:2}" &&
    ninja -C "$1/build_fuzz" -j "$jobs" install
}

with_configure() {
  (cd "$1" && { [[ -x configure ]] || autoreconf -fi; } &&
    ./configure --prefix="$prefix" --disable-static --enable-shared "${@:2}" && make -j "$jobs" && make install)
}

build_package() {
  local folder=$2
  case $1 in
    # Plain C: a sanitizer does not see into assembler.
    libjpeg-turbo) with_cmake "$folder" -DWITH_SIMD=OFF -DENABLE_STATIC=OFF -DWITH_TURBOJPEG=OFF ;;
    libpng1.6) with_cmake "$folder" -DPNG_STATIC=OFF -DPNG_TESTS=OFF -DPNG_EXECUTABLES=OFF ;;
    libexif) with_configure "$folder" --disable-docs --disable-nls ;;
    giflib)
      make -C "$folder" -j "$jobs" libgif.so CC="$CC" CFLAGS="$CFLAGS -fPIC -std=gnu99" &&
        cp "$folder/libgif.so" "$prefix/lib/libgif.so.7"
      ;;
    libwebp)
      with_cmake "$folder" -DWEBP_BUILD_{ANIM_UTILS,CWEBP,DWEBP,GIF2WEBP,IMG2WEBP}=OFF \
        -DWEBP_BUILD_{VWEBP,WEBPINFO,WEBPMUX,EXTRAS}=OFF \
        -DWEBP_ENABLE_SIMD=ON
      ;;
    lcms2) with_configure "$folder" --without-jpeg --without-tiff ;;
    libde265)
      with_cmake "$folder" -DENABLE_SDL=OFF -DENABLE_DECODER=OFF -DENABLE_ENCODER=OFF -DDISABLE_SSE=ON &&
        ln -sf libde265.so "$prefix/lib/libde265.so.0"
      ;;
    dav1d)
      (cd "$folder" && { [[ -d build_fuzz ]] || meson setup build_fuzz --prefix="$prefix" --libdir=lib \
        -Denable_{asm,tools,tests}=false -Dbuildtype=plain -Db_lundef=false; } &&
        ninja -C build_fuzz -j "$jobs" install)
      ;;
    tiff)
      with_cmake "$folder" -Dtiff-{tools,tests,contrib,docs}=OFF -D{lerc,webp,zstd,lzma,jbig,libdeflate}=OFF
      ;;
    libraw) build_libraw "$folder" ;;
    libheif)
      with_cmake "$folder" -DWITH_{AOM_DECODER,AOM_ENCODER,X265,RAV1E,SvtEnc,EXAMPLES,GDK_PIXBUF}=OFF \
        -DENABLE_PLUGIN_LOADING=OFF -DWITH_DAV1D=ON -DWITH_LIBDE265=ON
      ;;
    *) echo "there is no way known here to build $1" && return 1 ;;
  esac
}

# Its own build files need autotools; its sources are one folder of C++, of which libraw_cxx.cpp includes most again.
build_libraw() {
  local objects=$1/objects_fuzz file object
  mkdir -p "$objects"
  (cd "$1" && find src -name '*.cpp' ! -name '*_ph.cpp' ! -name libraw_cxx.cpp) | while read -r file; do
    object=$objects/${file//\//_}.o
    [[ -f $object ]] || echo "$1/$file $object"
  done | xargs -r -n 2 -P "$jobs" bash -c \
    '$CXX $CXXFLAGS -w -fPIC -DLIBRAW_NOTHREADS=0 -I "'"$1"'" -c "$0" -o "$1"'
  "$CXX" -fsanitize=address,fuzzer-no-link -shared -Wl,-soname,libraw_r.so.20 \
    -o "$prefix/lib/libraw_r.so.20" "$objects"/*.o -lpthread
}

[[ $# -eq 0 ]] || packages=("$@")
compgen -G "$work/apt/lists/*Sources*" >/dev/null || list_sources
failed=()
for package in "${packages[@]}"; do
  folder=$(fetch "$package")
  if [[ -n $folder ]] && build_package "$package" "$folder" >"$work/$package.log" 2>&1; then
    echo "built $package from $(basename "$folder")"
  else
    echo "$package could not be built: $work/$package.log"
    failed+=("$package")
  fi
done
[[ ${#failed[@]} -eq 0 ]]
