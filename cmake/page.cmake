# The page of `mien serve` at / as one C++ file of texts: cmake -D OUTPUT=FILE -D FOLDER=FOLDER -D "STYLES=a.css b.css"
# -D "SCRIPTS=a.js b.js" -P page.cmake. The build runs it whenever one of them changes; nothing of them is changed.
function(add_texts name files)
  string(REPLACE " " ";" files "${files}")
  string(APPEND text "constexpr std::string_view k${name}[] = {\n")
  foreach(file ${files})
    file(READ ${FOLDER}/${file} content)
    # A piece that would end the C++ string or the element that it comes to lie in.
    foreach(end ")page\"" "</script" "</style" "<!--")
      string(FIND "${content}" "${end}" place)
      if(NOT place EQUAL -1 AND NOT file MATCHES "\\.html$")
        message(FATAL_ERROR "${FOLDER}/${file} holds ${end}")
      endif()
    endforeach()
    string(APPEND text "R\"page(${content})page\",\n")
  endforeach()
  string(APPEND text "};\n")
  set(text "${text}" PARENT_SCOPE)
endfunction()

set(text "// Made by cmake/page.cmake of src/service/page.\n#include \"service/page.h\"\n\nnamespace mien::service {\n"
         "namespace {\n\n")
string(CONCAT text ${text})
add_texts(Html "page.html")
add_texts(Styles "${STYLES}")
add_texts(Scripts "${SCRIPTS}")
string(APPEND text "\n}  // namespace\n\n"
  "PageTexts page_texts() { return {kHtml[0], kStyles, kScripts}; }\n\n}  // namespace mien::service\n")
file(WRITE ${OUTPUT} "${text}")
