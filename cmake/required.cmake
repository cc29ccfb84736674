# What mien cannot be built without. All that is missing is told at once, with the command that brings it.

set(mien_missing "")

# mien_require(PACKAGE DEBIAN [arguments of find_package]): a macro, so that what is found is the caller's.
macro(mien_require package debian)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    list(APPEND mien_missing ${debian})
  endif()
endmacro()

# mien_require_module(PREFIX MODULE DEBIAN): of pkg-config, as the target PkgConfig::PREFIX.
macro(mien_require_module prefix module debian)
  if(PkgConfig_FOUND)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${module})
  endif()
  if(NOT ${prefix}_FOUND)
    list(APPEND mien_missing ${debian})
  endif()
endmacro()

# Ends the configuration when something was missing.
function(mien_check_required)
  if(mien_missing)
    list(JOIN mien_missing " " packages)
    # Lines that begin with a space are not broken.
    message(FATAL_ERROR "mien needs what is not on this system. On Debian and Ubuntu run:\n"
                        " apt-get install ${packages}\n"
                        "docs/building.md names the packages of other systems.")
  endif()
endfunction()
