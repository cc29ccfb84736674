// JSON schemas of the answers, for /openapi.json. docs/record.schema.json has all of a record.
#pragma once

#include <string_view>

namespace mien::service {

inline constexpr std::string_view kRecordSchema = R"({"type":"object",
"required":["sha256","phash","format","width","height","detail","faces","models","placement","timings_ms","warnings"],
"properties":{"sha256":{"type":["string","null"]},"phash":{"type":["string","null"]},
"format":{"type":["string","null"]},
"width":{"type":["integer","null"]},"height":{"type":["integer","null"]},"taken":{"type":["string","null"]},
"detail":{"type":["string","null"]},
"faces":{"type":"array","items":{"type":"object","required":["bbox","det_score"]}},
"models":{"type":"object"},"placement":{"type":"object"},"timings_ms":{"type":"object"},
"warnings":{"type":"array","items":{"type":"string"}},"error":{"type":["object","null"]}}})";

inline constexpr std::string_view kQualitySchema = R"({"type":"object",
"required":["width","height","quality","warnings"],
"properties":{"width":{"type":"integer"},"height":{"type":"integer"},
"quality":{"type":"object","required":["blur_score","brightness","contrast","sharpness","overall_score"]},
"warnings":{"type":"array","items":{"type":"string"}}}})";

inline constexpr std::string_view kCompareSchema = R"({"type":"object",
"required":["same","verdict","similarity","threshold","false_match_rate","compare_anyway","model","a","b"],
"properties":{"same":{"type":["boolean","null"]},
"verdict":{"type":"string","enum":["same","different","not_comparable","cannot_tell"]},
"similarity":{"type":"number"},"threshold":{"type":"number"},"false_match_rate":{"type":["number","null"]},
"compare_anyway":{"type":"boolean"},"model":{"type":"string"},"a":{"type":"object"},"b":{"type":"object"}}})";

inline constexpr std::string_view kImmichSchema = R"({"type":"object","required":["imageHeight","imageWidth"],
"properties":{"imageHeight":{"type":"integer"},"imageWidth":{"type":"integer"},
"facial-recognition":{"type":["array","object"],"items":{"type":"object",
"required":["boundingBox","embedding","score"],"properties":{"boundingBox":{"type":"object",
"required":["x1","y1","x2","y2"],"properties":{"x1":{"type":"integer"},"y1":{"type":"integer"},
"x2":{"type":"integer"},"y2":{"type":"integer"}}},"embedding":{"type":"string"},"score":{"type":"number"}}}}}})";

// {} asks for the size of the image alone, as it does of Immich's own service. minScore: from kScoreLeast.
inline constexpr std::string_view kEntriesSchema = R"({"type":"object",
"additionalProperties":false,"properties":{"facial-recognition":{"type":"object","required":["detection"],
"additionalProperties":false,"properties":{"detection":{"type":"object","required":["modelName"],"properties":{
"modelName":{"type":"string","minLength":1},"options":{"type":["object","null"],"additionalProperties":false,
"properties":{"minScore":{"type":"number","minimum":0.1,"maximum":1}}}}},"recognition":{"type":"object",
"required":["modelName"],"properties":{"modelName":{"type":"string","minLength":1}}}}}}})";

inline constexpr std::string_view kNextcloudOpenSchema = R"({"type":"object",
"required":["preferred_mimetype","maximum_area"],
"properties":{"preferred_mimetype":{"type":"string"},"maximum_area":{"type":"integer"}}})";

inline constexpr std::string_view kNextcloudWelcomeSchema = R"({"type":"object",
"required":["facerecognition-external-model","version","model"],"properties":{
"facerecognition-external-model":{"type":"string"},"version":{"type":"string"},"model":{"type":"integer"},
"detector":{"type":"string"},"embedder":{"type":"string"}}})";

inline constexpr std::string_view kNextcloudFaceSchema = R"({"type":"object",
"required":["left","top","right","bottom","detection_confidence","landmarks","descriptor"],
"properties":{"left":{"type":"integer"},"top":{"type":"integer"},"right":{"type":"integer"},
"bottom":{"type":"integer"},"detection_confidence":{"type":"number"},"landmarks":{"type":"array","items":{
"type":"object","required":["x","y"],"properties":{"x":{"type":"integer"},"y":{"type":"integer"}}}},
"descriptor":{"type":"array","items":{"type":"number"}}}})";

inline constexpr std::string_view kNextcloudBoxSchema = R"({"type":"object",
"required":["left","top","right","bottom"],"properties":{
"left":{"type":"number","minimum":-1000000,"maximum":1000000},
"top":{"type":"number","minimum":-1000000,"maximum":1000000},
"right":{"type":"number","minimum":-1000000,"maximum":1000000},
"bottom":{"type":"number","minimum":-1000000,"maximum":1000000}}})";

inline constexpr std::string_view kCrawlerHealthSchema = R"({"type":"object",
"required":["status","gpu_available","directml_available","model_loaded","uptime_seconds"],"properties":{
"status":{"type":"string","enum":["healthy","unhealthy"]},"gpu_available":{"type":"boolean"},
"directml_available":{"type":"boolean"},"model_loaded":{"type":"boolean"},"uptime_seconds":{"type":"number"}}})";

inline constexpr std::string_view kCrawlerHashesSchema = R"({"type":"array","items":{"type":"object",
"required":["phash","index"],"properties":{"phash":{"type":"string","minLength":1},
"index":{"type":"integer","minimum":0}}}})";

inline constexpr std::string_view kCrawlerSchema = R"({"type":"object",
"required":["results","processing_time_ms","gpu_used","worker_id","errors"],"properties":{
"results":{"type":"object","additionalProperties":{"type":"array","items":{"type":"object",
"required":["bbox","landmarks","embedding","quality","age","gender"],"properties":{
"bbox":{"type":"array","items":{"type":"number"},"minItems":4,"maxItems":4},
"landmarks":{"type":"array","items":{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2}},
"embedding":{"type":["array","null"],"items":{"type":"number"}},"quality":{"type":"number"},
"age":{"type":"null"},"gender":{"type":"null"}}}}},
"processing_time_ms":{"type":"number"},"gpu_used":{"type":"boolean"},"worker_id":{"type":"string"},
"errors":{"type":"object","additionalProperties":{"type":"string"}}}})";

inline constexpr std::string_view kStatusSchema =
    R"({"type":"object","required":["status"],"properties":{"status":{"type":"string"}}})";
inline constexpr std::string_view kObjectSchema = R"({"type":"object"})";
inline constexpr std::string_view kArraySchema = R"({"type":"array"})";
inline constexpr std::string_view kTextSchema = R"({"type":"string"})";

}  // namespace mien::service
