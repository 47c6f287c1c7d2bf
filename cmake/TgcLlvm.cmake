# Finds LLVM and MLIR 19 and defines how our targets use them.
#
# While developing and in tests everything links the shared libMLIR and libLLVM. An executable with the property
# TGC_PORTABLE is made of the same objects, but with archives of all but the C library; they are named by their
# files, since MLIR's exported targets name the shared LLVM in their link interface, which would put two LLVMs
# into one process. The linker takes of the archives what is used.
find_package(ZLIB REQUIRED)
find_package(zstd QUIET)
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 19)
  message(FATAL_ERROR "LLVM 19 is needed, found ${LLVM_PACKAGE_VERSION}")
endif()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(tgc_llvm_headers INTERFACE)
target_include_directories(tgc_llvm_headers SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})

# One precompiled header for all code that includes MLIR.
add_library(tgc_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
tgc_common_options(tgc_pch)
target_link_libraries(tgc_pch PUBLIC tgc_llvm_headers)
target_compile_options(tgc_pch PRIVATE -Wno-comment)
target_precompile_headers(tgc_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)

file(GLOB TGC_LLVM_ARCHIVES ${LLVM_LIBRARY_DIRS}/libMLIR*.a ${LLVM_LIBRARY_DIRS}/libLLVM*.a)
find_library(TGC_ZSTD_ARCHIVE NAMES libzstd.a)
find_library(TGC_ZLIB_ARCHIVE NAMES libz.a)
define_property(TARGET PROPERTY TGC_PORTABLE BRIEF_DOCS "Link archives of all but the C library")
add_library(tgc_llvm_archives INTERFACE)
target_link_libraries(tgc_llvm_archives INTERFACE -Wl,--start-group ${TGC_LLVM_ARCHIVES} -Wl,--end-group
  ${TGC_ZSTD_ARCHIVE} ${TGC_ZLIB_ARCHIVE} ${CMAKE_DL_LIBS} m)
add_library(tgc_llvm INTERFACE)
target_link_libraries(tgc_llvm INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:TGC_PORTABLE>>,tgc_llvm_archives,MLIR$<SEMICOLON>LLVM>)

function(tgc_use_mlir name)
  target_link_libraries(${name} PUBLIC tgc_llvm_headers)
  target_compile_options(${name} PRIVATE -Wno-comment)
  target_precompile_headers(${name} REUSE_FROM tgc_pch)
  target_link_libraries(${name} PUBLIC tgc_llvm)
endfunction()

# tgc_tablegen(TARGET file.td OUT1 GEN1 OUT2 GEN2 ...): files made by mlir-tblgen beside the build's folder.
function(tgc_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(pairs ${ARGN})
  while(pairs)
    list(POP_FRONT pairs output generator)
    mlir_tablegen(${output} ${generator} -I ${CMAKE_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS})
  endwhile()
  add_public_tablegen_target(${target})
endfunction()
