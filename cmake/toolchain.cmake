# Compiler settings shared by every target: warnings, sanitizers, ccache, a fast linker.

find_program(SPA_CCACHE ccache)
if(SPA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SPA_CCACHE})
endif()

find_program(SPA_MOLD mold)
if(SPA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# fpch-preprocess lets ccache look through precompiled headers. The warnings that are off cry
# wolf in g++ 12: on coroutine frames and on std::string at -O1 and above.
add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-mismatched-new-delete -Wno-maybe-uninitialized -Wno-stringop-overflow
                        -Wno-array-bounds -Wno-restrict)
  endif()
endif()

if(SPA_SANITIZE)
  add_compile_options(-fsanitize=${SPA_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${SPA_SANITIZE})
  if(SPA_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
