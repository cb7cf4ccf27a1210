set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

# Compiler settings shared by every target through chuyi_options.
add_library(chuyi_options INTERFACE)
target_include_directories(chuyi_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(chuyi_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>
  -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of g++ 12 in optimised code of std::string, std::regex and Asio's coroutines.
  target_compile_options(chuyi_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()
target_compile_definitions(chuyi_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  VALIJSON_USE_EXCEPTIONS=1)
if(CHUYI_HARDEN)
  target_compile_options(chuyi_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  target_link_options(chuyi_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_link_options(-pie)
endif()
if(CHUYI_SANITIZE)
  add_compile_options(-fsanitize=${CHUYI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${CHUYI_SANITIZE})
  target_compile_definitions(chuyi_options INTERFACE CHUYI_SANITIZED=1)
  if(CHUYI_SANITIZE STREQUAL "thread")
    # ThreadSanitizer knows no fences; Asio's own mutexes order its handlers.
    target_compile_definitions(chuyi_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()

find_program(CHUYI_CCACHE ccache)
if(CHUYI_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CHUYI_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CHUYI_CCACHE})
endif()

# chuyi_library(NAME [PUBLIC deps...] [PRIVATE deps...]): a static library from every
# .cpp file of the current folder (not of its sub-folders).
function(chuyi_library name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)  # headers only
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE chuyi_options ${ARG_PUBLIC})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC chuyi_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# chuyi_test(NAME [LINK deps...] [LABELS ...]): a GoogleTest program from NAME's folder-local
# sources given in SOURCES, run by ctest as one test; WITH: by this program, which makes what the test needs.
function(chuyi_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;WITH" "SOURCES;LINK;LABELS;DEFINES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE chuyi_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    CHUYI_SOURCE_DIR="${PROJECT_SOURCE_DIR}" CHUYI_BINARY_DIR="${CMAKE_BINARY_DIR}" ${ARG_DEFINES})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${ARG_WITH} $<TARGET_FILE:${name}>)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
