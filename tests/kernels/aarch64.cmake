# Debian's cross compiler, and its packages of arm64 unpacked into MIEN_ARM64_ROOT (tests/kernels/run.sh).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MIEN_ARM64_ROOT)
set(CMAKE_FIND_ROOT_PATH ${MIEN_ARM64_ROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# OpenSSL keeps a header of its own for each processor.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${MIEN_ARM64_ROOT}/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
