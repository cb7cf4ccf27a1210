# chuyi_package(ID): builds the package of the current folder into build/PRESET/plugins/ID: its data files, and
# its native library from validator.cpp when there is one.
function(chuyi_package id)
  set(target_dir ${CMAKE_BINARY_DIR}/plugins/${id})
  file(GLOB_RECURSE data CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
       ${CMAKE_CURRENT_SOURCE_DIR}/*.xml ${CMAKE_CURRENT_SOURCE_DIR}/*.json ${CMAKE_CURRENT_SOURCE_DIR}/*.scxml)
  set(copies "")
  foreach(file IN LISTS data)
    add_custom_command(OUTPUT ${target_dir}/${file}
      COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${target_dir}/${file}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    list(APPEND copies ${target_dir}/${file})
  endforeach()
  add_custom_target(package-${id} ALL DEPENDS ${copies})
  set_property(GLOBAL APPEND PROPERTY CHUYI_PACKAGES package-${id})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/validator.cpp)
    add_library(${id} MODULE validator.cpp)
    target_link_libraries(${id} PRIVATE chuyi_options Boost::json)
    set_target_properties(${id} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${target_dir} CXX_VISIBILITY_PRESET hidden)
    add_dependencies(${id} package-${id})
    set_property(GLOBAL APPEND PROPERTY CHUYI_PACKAGES ${id})
  endif()
endfunction()
