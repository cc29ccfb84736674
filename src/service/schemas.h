// JSON schemas of the answers, for /openapi.json. docs/record.schema.json has all of a record.
#pragma once

#include <string_view>

namespace mien::service {

inline constexpr std::string_view kRecordSchema = R"({"type":"object",
"required":["sha256","phash","format","width","height","detail","faces","models","placement","timings_ms","warnings"],
"properties":{"sha256":{"type":"string"},"phash":{"type":["string","null"]},"format":{"type":["string","null"]},
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

inline constexpr std::string_view kEntriesSchema = R"({"type":"object","required":["facial-recognition"],
"additionalProperties":false,"properties":{"facial-recognition":{"type":"object","required":["detection"],
"additionalProperties":false,"properties":{"detection":{"type":"object","required":["modelName"],"properties":{
"modelName":{"type":"string","minLength":1},"options":{"type":"object","additionalProperties":false,"properties":{
"minScore":{"type":"number","minimum":0,"maximum":1}}}}},"recognition":{"type":"object","required":["modelName"],
"properties":{"modelName":{"type":"string","minLength":1}}}}}}})";

inline constexpr std::string_view kStatusSchema =
    R"({"type":"object","required":["status"],"properties":{"status":{"type":"string"}}})";
inline constexpr std::string_view kObjectSchema = R"({"type":"object"})";
inline constexpr std::string_view kArraySchema = R"({"type":"array"})";
inline constexpr std::string_view kTextSchema = R"({"type":"string"})";

}  // namespace mien::service
