# Libraries that are opened with dlopen on first use. Their headers are needed to build; where they are missing, mien
# is built without what they do, and says so when somebody asks for it.

# mien_optional_library(NAME HEADER LIBRARY PACKAGE WHAT)
#   sets MIEN_HAVE_<NAME>, MIEN_<NAME>_INCLUDE and MIEN_<NAME>_SONAME, the name that the loader knows the library by;
#   -DMIEN_WITHOUT_<NAME>=ON leaves it out even where it is there.
function(mien_optional_library name header library package what)
  set(MIEN_HAVE_${name} OFF PARENT_SCOPE)
  option(MIEN_WITHOUT_${name} "Build without ${what}" OFF)
  find_path(MIEN_${name}_INCLUDE ${header})
  find_library(MIEN_${name}_LIBRARY NAMES ${library})
  mark_as_advanced(MIEN_WITHOUT_${name} MIEN_${name}_INCLUDE MIEN_${name}_LIBRARY)
  if(MIEN_WITHOUT_${name} OR NOT MIEN_${name}_INCLUDE OR NOT MIEN_${name}_LIBRARY)
    message(STATUS "${what}: not built in (needs ${package})")
    return()
  endif()
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${MIEN_${name}_LIBRARY} OUTPUT_VARIABLE facts ERROR_QUIET)
  if(NOT facts MATCHES "SONAME +([^ \n]+)")
    message(WARNING "${what}: not built in (${MIEN_${name}_LIBRARY} has no SONAME to open it by)")
    return()
  endif()
  set(MIEN_HAVE_${name} ON PARENT_SCOPE)
  set(MIEN_${name}_SONAME ${CMAKE_MATCH_1} PARENT_SCOPE)
  message(STATUS "${what}: built in, with ${CMAKE_MATCH_1}")
endfunction()
