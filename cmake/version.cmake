# The commit that `mien --version` prints. Outside a git checkout, as where an image is built, it is what the
# environment says, and else "unknown".
set(MIEN_COMMIT "$ENV{MIEN_COMMIT}")
if(MIEN_COMMIT STREQUAL "")
  set(MIEN_COMMIT "unknown")
endif()
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS "${CMAKE_SOURCE_DIR}/.git")
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty=+ --abbrev=9
                  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE MIEN_COMMIT
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
