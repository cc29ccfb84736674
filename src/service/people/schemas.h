// JSON schemas of what the routes of people take and answer, for /openapi.json.
#pragma once

#include <string>

namespace mien::service {

inline const std::string kIdSchema = R"({"type":"integer","minimum":1,"maximum":9007199254740991})";
// Of the JSON that a route takes; `required` and `properties` as they stand between the brackets.
inline std::string people_body_schema(const std::string& required, const std::string& properties) {
  return R"({"type":"object","additionalProperties":false,"required":[)" + required + R"(],"properties":{)" +
         properties +
         R"(,"store":{"type":"string","description":"the IDENTITY of the revision that the ids are of"}}})";
}

inline const std::string kIdOrNullSchema = R"({"type":["integer","null"]})";
inline const std::string kTextOrNullSchema = R"({"type":["string","null"]})";

inline const std::string kPersonSchema = R"({"type":"object","required":["id","person","name","faces","images",
"new_faces","is_hidden","is_stranger","is_imported","cover","groups"],"properties":{"id":)" +
                                         kIdOrNullSchema + R"(,"person":)" + kIdOrNullSchema + R"(,"name":)" +
                                         kTextOrNullSchema + R"(,"faces":{"type":"integer"},
"images":{"type":"integer"},"new_faces":{"type":"integer"},"is_hidden":{"type":"boolean"},
"is_stranger":{"type":"boolean"},"is_imported":{"type":"boolean"},"cover":)" +
                                         kIdOrNullSchema + R"(,"groups":{"type":"array","items":{"type":"integer"}}}})";

inline const std::string kPersonFaceSchema =
    R"({"type":"object","required":["id","group","image","number","bbox",
"taken","state","similarity","file","poor_reason","person","name"],"properties":{"id":{"type":"integer"},"group":)" +
    kIdOrNullSchema + R"(,"image":{"type":"integer"},"number":{"type":"integer"},"bbox":{"type":"array",
"items":{"type":"number"},"minItems":4,"maxItems":4},"taken":)" +
    kTextOrNullSchema + R"(,"state":{"type":"string",
"enum":["found","named","imported","confirmed"]},"similarity":{"type":["number","null"]},"file":)" +
    kTextOrNullSchema + R"(,"poor_reason":)" + kTextOrNullSchema + R"(,"person":)" + kIdOrNullSchema + R"(,"name":)" +
    kTextOrNullSchema + "}}";

inline const std::string kPersonFacesSchema = R"({"type":"array","items":)" + kPersonFaceSchema + "}";

inline const std::string kPeopleListSchema = R"({"type":"object","required":["revision","total","offset","people",
"statistics"],"properties":{"revision":{"type":"string"},"total":{"type":"integer"},"offset":{"type":"integer"},
"people":{"type":"array","items":)" + kPersonSchema +
                                             R"(},"statistics":{"type":"object"}}})";

inline const std::string kPersonViewSchema = R"({"type":"object","required":["revision","entry","view","total","offset",
"faces","years"],"properties":{"revision":{"type":"string"},"entry":)" +
                                             kPersonSchema + R"(,
"view":{"type":"string"},"total":{"type":"integer"},"offset":{"type":"integer"},"faces":)" +
                                             kPersonFacesSchema + R"(,
"years":{"type":"array","items":{"type":"object","required":["year","faces"],"properties":{
"year":{"type":"string"},"faces":{"type":"integer"}}}}}})";

inline const std::string kPhotoSchema = R"({"type":"object","required":["revision","image","faces"],"properties":{
"revision":{"type":"string"},"image":{"type":"object","required":["id","width","height","taken","file","is_gone",
"is_changed"]},"faces":)" + kPersonFacesSchema +
                                        "}}";

inline const std::string kQuestionsSchema = R"({"type":"object","required":["revision","questions"],"properties":{
"revision":{"type":"string"},"questions":{"type":"array","items":{"type":"object","required":["kind","person","other",
"similarity","face","other_face","face_similarity"],"properties":{"kind":{"type":"string","enum":["merge","member"]},
"person":)" + kPersonSchema + R"(,"other":)" +
                                            kPersonSchema + R"(,"similarity":{"type":"number"},"face":)" +
                                            kPersonFaceSchema + R"(,"other_face":)" + kPersonFaceSchema +
                                            R"(,"face_similarity":{"type":"number"}}}}}})";

inline const std::string kHistorySchema = R"({"type":"object","required":["revision","total","offset",
"operations"],"properties":{"revision":{"type":"string"},"total":{"type":"integer"},"offset":{"type":"integer"},
"operations":{"type":"array","items":{"type":"object","required":["id","kind","time",
"text","is_undone","person","name"]}}}})";

inline const std::string kRevisionSchema =
    R"({"type":"object","required":["revision"],"properties":{"revision":{"type":"string"}}})";

inline const std::string kNamesSchema = R"({"type":"object","required":["names"],"properties":{"names":{"type":"array",
"items":{"type":"string"}}}})";

inline const std::string kToForgetSchema = R"({"type":"object","required":["revision","name","faces","images",
"statements","embeddings","token"],"properties":{"revision":{"type":"string"},"name":)" +
                                           kTextOrNullSchema + R"(,
"faces":{"type":"integer"},"images":{"type":"integer"},"statements":{"type":"integer"},
"embeddings":{"type":"integer"},"token":{"type":"string"}}})";

inline const std::string kForgottenSchema = R"({"type":"object","required":["statements","faces","embeddings","places",
"revision"]})";

inline const std::string kPeopleChangeSchema = R"({"type":"object","required":["operation","kind","person","name",
"faces","left_out","revision"],"properties":{"operation":)" +
                                               kIdOrNullSchema + R"(,"kind":{"type":"string"},
"person":)" + kIdOrNullSchema + R"(,"name":)" + kTextOrNullSchema +
                                               R"(,"faces":{"type":"integer"},
"left_out":{"type":"integer"},"revision":{"type":"string"}}})";

inline const std::string kUndoneSchema = R"({"type":"object","required":["operation","kind","text","revision"]})";

}  // namespace mien::service
