# The image formats whose libraries are opened on first use (cmake/optional_library.cmake), and the header that says
# which of them this build has: build/<preset>/src/image/codecs_built.h. To add one: a line here, a row in
# src/image/decode.cpp, and src/image/formats/<file>.cpp with decode_<file> and open_<file>, declared in codec.h.
#
# JPEG and PNG are linked and not in this list.

mien_optional_library(WEBP webp/decode.h webp libwebp-dev "WebP images")
mien_optional_library(WEBPDEMUX webp/demux.h webpdemux libwebp-dev "WebP containers")
mien_optional_library(GIF gif_lib.h gif libgif-dev "GIF images")
mien_optional_library(STB stb/stb_image.h stb libstb-dev "BMP images")
mien_optional_library(TIFF tiffio.h tiff libtiff-dev "TIFF images")
mien_optional_library(HEIF libheif/heif.h heif libheif-dev "HEIC and AVIF images")
mien_optional_library(RAW libraw/libraw.h raw_r libraw-dev "camera raw images")
mien_optional_library(LCMS2 lcms2.h lcms2 liblcms2-dev "colour profiles")
mien_optional_library(EXPAT expat.h expat libexpat1-dev "orientation, date and names in XMP")

# Per-handle error texts and limits of memory came with libtiff 4.5.
if(MIEN_HAVE_TIFF)
  file(STRINGS ${MIEN_TIFF_INCLUDE}/tiffio.h open_options REGEX TIFFOpenOptionsSetMaxSingleMemAlloc)
  if(NOT open_options)
    message(STATUS "TIFF images: not built in (needs libtiff 4.5 or newer)")
    set(MIEN_HAVE_TIFF OFF)
  endif()
endif()

set(MIEN_CODEC_ROWS "")
set(MIEN_CODEC_INCLUDES "")
set(MIEN_CODECS_BUILT "")         # the files' names, for the tests
set(MIEN_CODEC_FILES_LEFT_OUT "")

# Whether all LIBRARIES and the source file are there; else the file is left out of the build.
macro(mien_codec_file file)
  set(codec_built ON)
  foreach(library ${ARGN})
    if(NOT MIEN_HAVE_${library})
      set(codec_built OFF)
    endif()
  endforeach()
  if(codec_built AND NOT EXISTS ${CMAKE_SOURCE_DIR}/src/image/formats/${file}.cpp)
    set(codec_built OFF)
  endif()
  if(codec_built)
    list(APPEND MIEN_CODECS_BUILT ${file})
    foreach(library ${ARGN})
      list(APPEND MIEN_CODEC_INCLUDES ${MIEN_${library}_INCLUDE})
      string(APPEND MIEN_CODEC_ROWS "inline constexpr const char* k${library}Soname = \"${MIEN_${library}_SONAME}\";\n")
    endforeach()
  else()
    list(APPEND MIEN_CODEC_FILES_LEFT_OUT ${CMAKE_SOURCE_DIR}/src/image/formats/${file}.cpp)
  endif()
endmacro()

# mien_codec(FILE ROW LIBRARY-NAME PACKAGE LIBRARIES...): defines k<ROW>Codec.
macro(mien_codec file row name package)
  mien_codec_file(${file} ${ARGN})
  set(codec_functions "nullptr, nullptr")
  if(codec_built)
    set(codec_functions "decode_${file}, open_${file}")
  endif()
  string(APPEND MIEN_CODEC_ROWS
    "inline constexpr Codec k${row}Codec = {\"${name}\", \"${package}\", ${codec_functions}};\n")
endmacro()

mien_codec(webp Webp libwebp libwebp-dev WEBP WEBPDEMUX)
mien_codec(gif Gif giflib libgif-dev GIF)
mien_codec(bmp Bmp libstb libstb-dev STB)
mien_codec(tiff Tiff "libtiff 4.5" libtiff-dev TIFF)
mien_codec(heif Heif libheif libheif-dev HEIF)
mien_codec(raw Raw LibRaw libraw-dev RAW)

# Not a format: what turns the colours of a profile into sRGB (src/image/colour.h). One of two files.
if(MIEN_HAVE_LCMS2)
  list(APPEND MIEN_CODECS_BUILT colour)
  list(APPEND MIEN_CODEC_INCLUDES ${MIEN_LCMS2_INCLUDE})
  list(APPEND MIEN_CODEC_FILES_LEFT_OUT ${CMAKE_SOURCE_DIR}/src/image/colour_none.cpp)
  string(APPEND MIEN_CODEC_ROWS "inline constexpr const char* kLCMS2Soname = \"${MIEN_LCMS2_SONAME}\";\n")
else()
  list(APPEND MIEN_CODEC_FILES_LEFT_OUT ${CMAKE_SOURCE_DIR}/src/image/colour_lcms.cpp)
endif()

# Nor this: what parses XMP (src/image/xmp.h). One of two files.
if(MIEN_HAVE_EXPAT)
  list(APPEND MIEN_CODEC_INCLUDES ${MIEN_EXPAT_INCLUDE})
  list(APPEND MIEN_CODEC_FILES_LEFT_OUT ${CMAKE_SOURCE_DIR}/src/image/xmp_none.cpp)
  string(APPEND MIEN_CODEC_ROWS "inline constexpr const char* kEXPATSoname = \"${MIEN_EXPAT_SONAME}\";\n")
else()
  list(APPEND MIEN_CODEC_FILES_LEFT_OUT ${CMAKE_SOURCE_DIR}/src/image/xmp_expat.cpp)
endif()

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/src/image/codecs_built.h @ONLY CONTENT
"// Made by cmake/codecs.cmake: the optional codecs of this build, and the names of their libraries.
#pragma once

#include \"image/formats/codec.h\"

namespace mien {

@MIEN_CODEC_ROWS@
}  // namespace mien
")
