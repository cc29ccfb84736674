# The bill of materials in SPDX 2.3 (JSON), from the table in components.cmake, with the versions found here.
include(${CMAKE_CURRENT_LIST_DIR}/components.cmake)

function(mien_component_version source result)
  set(version "")
  if(source MATCHES "^pkg:(.+)$")
    execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --modversion ${CMAKE_MATCH_1}
                    OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  elseif(source MATCHES "^header:([A-Z0-9_]+)/(.+)$")
    file(STRINGS "${${CMAKE_MATCH_1}}/${CMAKE_MATCH_2}" lines REGEX "#define +[A-Z]+_(MAJOR|MINOR|RELEASE) +[0-9]+")
    string(REGEX REPLACE "[^;]*#define +[A-Z]+_[A-Z]+ +([0-9]+)[^;]*" "\\1" numbers "${lines}")
    string(REPLACE ";" "." version "${numbers}")
  elseif(source MATCHES "^var:(.+)$")
    set(version "${${CMAKE_MATCH_1}}")
  elseif(source STREQUAL "openvino:")
    # Four digits of the year and the release: 2641 is 2026.4.1.
    if(MIEN_DEFAULT_OPENVINO_LIBRARY MATCHES "\\.so\\.([0-9][0-9])([0-9])([0-9])$")
      set(version "20${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  elseif(source STREQUAL "ort:")
    if(MIEN_DEFAULT_ORT_LIBRARY MATCHES "\\.so\\.([0-9.]+)$")
      set(version ${CMAKE_MATCH_1})
    endif()
  else()
    set(version ${source})
  endif()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# One package of the document and its relation to mien.
function(mien_sbom_package name licence version supplier comment relation)
  string(MAKE_C_IDENTIFIER "${name}" id)
  string(REPLACE "_" "-" id "SPDXRef-${id}")
  set(version_line "")
  if(NOT version STREQUAL "")
    set(version_line "\n      \"versionInfo\": \"${version}\",")
  endif()
  set(package "    {
      \"SPDXID\": \"${id}\",
      \"name\": \"${name}\",${version_line}
      \"supplier\": \"${supplier}\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"${licence}\",
      \"licenseDeclared\": \"${licence}\",
      \"copyrightText\": \"NOASSERTION\",
      \"comment\": \"${comment}\"
    }")
  set(link "    {\"spdxElementId\": \"SPDXRef-mien\", \"relationshipType\": \"${relation}\", ")
  string(APPEND link "\"relatedSpdxElement\": \"${id}\"}")
  set(sbom_packages "${sbom_packages},\n${package}" PARENT_SCOPE)
  set(sbom_links "${sbom_links},\n${link}" PARENT_SCOPE)
endfunction()

function(mien_write_sbom path)
  set(relation_inside STATIC_LINK)
  set(relation_bundled CONTAINS)
  set(relation_linked DYNAMIC_LINK)
  set(relation_opened DEPENDS_ON)
  set(comment_inside "in our binaries")
  set(comment_bundled "installed with mien")
  set(comment_linked "the system's shared library")
  set(comment_opened "the system's shared library, opened on first use")
  set(sbom_packages "")
  set(sbom_links "")
  foreach(row IN LISTS MIEN_COMPONENTS)
    string(REPLACE "|" ";" fields "${row}")
    list(GET fields 0 name)
    list(GET fields 1 licence)
    list(GET fields 2 how)
    list(GET fields 3 source)
    list(LENGTH fields count)
    if(count GREATER 5)
      list(GET fields 5 option)
      if(NOT MIEN_HAVE_${option})
        continue()
      endif()
    endif()
    mien_component_version("${source}" version)
    mien_sbom_package("${name}" "${licence}" "${version}" "NOASSERTION" "${comment_${how}}" ${relation_${how}})
  endforeach()
  foreach(row IN LISTS MIEN_MODELS)
    string(REPLACE "|" ";" fields "${row}")
    list(GET fields 0 name)
    list(GET fields 1 licence)
    list(GET fields 3 origin)
    string(REGEX MATCH "[0-9][0-9.]*$" version "${origin}")
    mien_sbom_package("model ${name}" "${licence}" "${version}" "NOASSERTION"
                      "a model's weights, from ${origin}, with the licence that its package states" CONTAINS)
  endforeach()
  set(describes "    {\"spdxElementId\": \"SPDXRef-DOCUMENT\", \"relationshipType\": \"DESCRIBES\", ")
  string(APPEND describes "\"relatedSpdxElement\": \"SPDXRef-mien\"}")
  string(TIMESTAMP created "%Y-%m-%dT%H:%M:%SZ" UTC)
  string(UUID unique NAMESPACE "6ba7b811-9dad-11d1-80b4-00c04fd430c8" TYPE SHA1
         NAME "mien ${PROJECT_VERSION} ${MIEN_COMMIT} ${created}")
  file(WRITE ${path} "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"mien-${PROJECT_VERSION}\",
  \"documentNamespace\": \"urn:uuid:${unique}\",
  \"creationInfo\": {\"created\": \"${created}\", \"creators\": [\"Tool: mien-cmake\"]},
  \"packages\": [
    {
      \"SPDXID\": \"SPDXRef-mien\",
      \"name\": \"mien\",
      \"versionInfo\": \"${PROJECT_VERSION}\",
      \"supplier\": \"NOASSERTION\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"Apache-2.0\",
      \"licenseDeclared\": \"Apache-2.0\",
      \"copyrightText\": \"NOASSERTION\",
      \"comment\": \"commit ${MIEN_COMMIT}\"
    }${sbom_packages}
  ],
  \"relationships\": [
${describes}${sbom_links}
  ]
}
")
endfunction()
