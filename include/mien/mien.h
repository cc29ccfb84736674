/* mien for C (C99) and whatever calls C: the same calls as the C++ headers, over opaque handles.
 *
 * Failing: a call that can fail returns a mien_status, MIEN_OK being 0, and takes a `mien_error** error` last. When
 * that is not null it gets the error, or null after success; the caller frees it with mien_error_free(). No C++
 * exception leaves any function here. Memory: what a function gives through a `mien_..**` belongs to the caller, who
 * frees it with the function named there. Strings and arrays that an accessor returns belong to the handle and live as
 * long as it does. What is handed in is read during the call alone. Null: freeing null does nothing. An accessor of a
 * null handle gives 0, null or an empty string; a call without a handle that it needs gives MIEN_INVALID_ARGUMENT.
 * Threads: handles of different objects never share anything. A mien_engine may be used by many threads at once, and so
 * may a mien_stop; results (mien_analysis, mien_buffer, mien_error) may be read by many; a mien_workspace is used by
 * one call at a time. Free a handle when no call uses it any more. Growing: structs begin with struct_size, which says
 * how much of them the program knows. Set it to sizeof before the struct is filled in for you; structs of options are
 * best set up by their _init function. Fields are only ever added at the end, functions only ever added. Text is UTF-8;
 * paths are bytes as the system has them. A mien_bool is 0 or 1.
 */
#ifndef MIEN_MIEN_H
#define MIEN_MIEN_H

#include <stddef.h>
#include <stdint.h>

#include "mien/export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MIEN_HEADER_VERSION "0.1.0" /* mien_version() may be newer */

typedef int32_t mien_bool;
typedef int32_t mien_status;
enum {
  MIEN_OK = 0,
  MIEN_INVALID_ARGUMENT = 1, /* a wrong call, option or setting */
  MIEN_NOT_FOUND = 2,        /* a file, model or device that is not there */
  MIEN_IO = 3,               /* a file that is there and cannot be read or written */
  MIEN_BAD_DATA = 4,         /* bytes that are not what they should be */
  MIEN_LIMIT_EXCEEDED = 5,   /* bytes, pixels or time beyond a limit that has a name */
  MIEN_UNSUPPORTED = 6,      /* well-formed, but not built in or not known */
  MIEN_UNAVAILABLE = 7,      /* a required GPU that is not there */
  MIEN_CANCELLED = 8,        /* stopped by the caller */
  MIEN_INTERNAL = 9          /* a runtime failed, or there is no memory */
};

/* ---- Errors, version, log ---------------------------------------------------------------------------------------- */

typedef struct mien_error mien_error;

MIEN_API mien_status mien_error_code(const mien_error* error);
/* Says what was attempted, on what, and what to do about it; one line. */
MIEN_API const char* mien_error_message(const mien_error* error);
MIEN_API void mien_error_free(mien_error* error);
/* "ok", "invalid_argument", ...: a constant. */
MIEN_API const char* mien_status_name(mien_status status);

/* The version of the library, "0.1.0": a constant. */
MIEN_API const char* mien_version(void);

typedef int32_t mien_log_level;
enum { MIEN_LOG_DEBUG = 0, MIEN_LOG_INFO = 1, MIEN_LOG_WARNING = 2, MIEN_LOG_ERROR = 3 };
/* One line without its newline, "INFO - message". Called from any thread, one call at a time; it must not call mien. */
typedef void (*mien_log_sink)(void* context, mien_log_level level, const char* line);
/* For the whole process: lines of this level and above go to the sink from now on. A null sink (as at the start) drops
 * them. When this returns, the sink that it replaced no longer runs. */
MIEN_API void mien_set_log_sink(mien_log_sink sink, void* context, mien_log_level level_min);

/* ---- Stopping ---------------------------------------------------------------------------------------------------- */

/* Given to a call by its options; a request makes that call end within 100 ms with MIEN_CANCELLED, or when the run is
 * over that OpenVINO or a device is at. It stays requested: make another one for the next call. Calls under way keep
 * what they need of it: freeing it early is safe. */
typedef struct mien_stop mien_stop;

/* Null when there is no memory. Free with mien_stop_free(). */
MIEN_API mien_stop* mien_stop_create(void);
MIEN_API void mien_stop_request(mien_stop* stop);
MIEN_API mien_bool mien_stop_requested(const mien_stop* stop);
MIEN_API void mien_stop_free(mien_stop* stop);

/* ---- The engine -------------------------------------------------------------------------------------------------- */

/* Runtime and models, loaded once and shared by all threads. */
typedef struct mien_engine mien_engine;

typedef int32_t mien_precision;
enum { MIEN_PRECISION_EXACT = 0, MIEN_PRECISION_DEFAULT = 1, MIEN_PRECISION_FAST = 2 };

/* A setting by its name, which wins over environment and files: {"FACE_DETECTION_GPU", "false"}. */
typedef struct mien_setting {
  const char* name;
  const char* value;
} mien_setting;

typedef struct mien_engine_options {
  size_t struct_size;
  const char* detector; /* a name from the catalogue or the path of an ONNX file; null: the default */
  const char* embedder; /* likewise */
  mien_precision precision;
  mien_bool load_embedder;
  float det_threshold; /* 0..1; negative: the model's own */
  mien_bool sandbox;   /* decode in child processes without rights */
  const mien_setting* settings;
  size_t settings_count;
  /* The limits of decoding one image; 0: the default (256 MiB, 200 million, 65,000, 1 GiB, 10,000, 30 s). */
  uint64_t image_bytes_max;
  int64_t pixels_max;
  int32_t side_max;
  int32_t frames_max;
  uint64_t memory_bytes_max;
  double seconds_max;
} mien_engine_options;

/* Fills in the defaults. `struct_size` is sizeof(mien_engine_options). */
MIEN_API void mien_engine_options_init(mien_engine_options* options, size_t struct_size);

/* `options` may be null: the defaults. Free the engine with mien_engine_free(). */
MIEN_API mien_status mien_engine_create(const mien_engine_options* options, mien_engine** engine, mien_error** error);
MIEN_API void mien_engine_free(mien_engine* engine);
/* "onnxruntime 1.31.1"; where the models have two: "onnxruntime 1.31.1 (detector), openvino 2026.4.1 (embedder)". */
MIEN_API const char* mien_engine_runtime(const mien_engine* engine);
MIEN_API const char* mien_engine_detector(const mien_engine* engine); /* its name */
MIEN_API const char* mien_engine_embedder(const mien_engine* engine); /* empty when none is loaded */
MIEN_API size_t mien_engine_dimension(const mien_engine* engine);     /* of an embedding; 0 without an embedder */
/* The embedder's thresholds of cosine similarity, at a false match rate of 1e-3 (verify: are these two the same?) and
 * 1e-5 (search: who of many?). 0 and nothing written when the embedder has none. */
MIEN_API mien_bool mien_engine_threshold_verify(const mien_engine* engine, float* threshold);
MIEN_API mien_bool mien_engine_threshold_search(const mien_engine* engine, float* threshold);

/* Memory that a thread uses again from image to image. Wherever one is taken, null stands for a fresh one. */
typedef struct mien_workspace mien_workspace;
/* Null when there is no memory. Free with mien_workspace_free(). */
MIEN_API mien_workspace* mien_workspace_create(void);
MIEN_API void mien_workspace_free(mien_workspace* workspace);

/* ---- Analysing images -------------------------------------------------------------------------------------------- */

/* How closely a photo is looked at: again where people are small, once, or everywhere down to its pixels. */
typedef int32_t mien_detail;
enum { MIEN_DETAIL_AUTO = 0, MIEN_DETAIL_OFF = 1, MIEN_DETAIL_FULL = 2 };

typedef struct mien_analyze_options {
  size_t struct_size;
  mien_bool embed;
  mien_bool face_quality;
  mien_bool image_quality;
  mien_bool phash;
  mien_bool enhance;     /* enlarge and sharpen small images first */
  mien_bool rotations;   /* look at the image rotated by 90, 180 and 270 degrees too; each face has its own rotation */
  double min_quality;    /* faces with a lower overall score are dropped; 0 keeps all */
  const mien_stop* stop; /* may be null; mien_scan() has one of its own and leaves this alone */
  double min_face;       /* faces whose longer side has fewer pixels of the original are dropped; 0 keeps all */
  mien_detail detail;    /* MIEN_PRECISION_EXACT knows MIEN_DETAIL_OFF alone: MIEN_DETAIL_AUTO means that there */
  float det_threshold;   /* 0..1; negative: the engine's. No model is opened again, whatever it is */
} mien_analyze_options;

/* Fills in the defaults: embeddings and the quality of faces, nothing else. */
MIEN_API void mien_analyze_options_init(mien_analyze_options* options, size_t struct_size);

/* The bytes of an image file. */
typedef struct mien_bytes {
  const uint8_t* data;
  size_t size;
} mien_bytes;

typedef int32_t mien_pixel_format;
enum {
  MIEN_PIXELS_RGB = 0,  /* read in place */
  MIEN_PIXELS_BGR = 1,  /* read in place */
  MIEN_PIXELS_GRAY = 2, /* read in place */
  MIEN_PIXELS_RGBA = 3, /* copied once; the fourth byte is ignored */
  MIEN_PIXELS_BGRA = 4, /* likewise */
  MIEN_PIXELS_NV12 = 5  /* converted once: a plane of luma, one of interleaved U and V at half the size */
};

typedef int32_t mien_yuv_colours;
enum { MIEN_YUV_BT601_LIMITED = 0, MIEN_YUV_BT601_FULL = 1, MIEN_YUV_BT709_LIMITED = 2, MIEN_YUV_BT709_FULL = 3 };

/* Pixels of 8 bits a channel that the caller holds. */
typedef struct mien_pixels {
  size_t struct_size;
  const uint8_t* data; /* the top row's first byte; of NV12, of the plane of luma */
  int32_t width;       /* of NV12 even, as the height */
  int32_t height;
  mien_pixel_format format;
  mien_yuv_colours colours; /* NV12 alone */
  int64_t stride;           /* bytes from one row to the next; 0: no gap between rows */
  const uint8_t* chroma;    /* NV12 alone: the second plane; null: right behind the first */
  int64_t chroma_stride;    /* NV12 alone; 0: as `stride` */
  int32_t orientation;      /* EXIF's 1..8: the rotation or mirroring that makes the pixels upright; 0 and 1: none */
} mien_pixels;

typedef struct mien_analysis mien_analysis;

/* `options` and `workspace` may be null. Free the analysis with mien_analysis_free(). */
MIEN_API mien_status mien_analyze(const mien_engine* engine, const uint8_t* data, size_t size,
                                  const mien_analyze_options* options, mien_workspace* workspace,
                                  mien_analysis** analysis, mien_error** error);
MIEN_API mien_status mien_analyze_pixels(const mien_engine* engine, const mien_pixels* pixels,
                                         const mien_analyze_options* options, mien_workspace* workspace,
                                         mien_analysis** analysis, mien_error** error);
/* Called on the thread of the call, after each image of a batch was looked at. */
typedef void (*mien_batch_progress)(void* context, size_t done, size_t total);
/* Several images, whose faces share runs of the embedder. `analyses` and `errors` have room for `count` pointers each;
 * of the two with an image's number one is set and the other null (`errors` itself may be null). The status is MIEN_OK
 * when the call as such could be made, whatever the images hold. */
MIEN_API mien_status mien_analyze_batch(const mien_engine* engine, const mien_bytes* images, size_t count,
                                        const mien_analyze_options* options, mien_workspace* workspace,
                                        mien_batch_progress progress, void* context, mien_analysis** analyses,
                                        mien_error** errors, mien_error** error);
MIEN_API void mien_analysis_free(mien_analysis* analysis);

/* ---- The contents of an analysis --------------------------------------------------------------------------------- */

/* Pixels of the upright image; x to the right, y down; (0, 0) is the top-left corner. */
typedef struct mien_point {
  float x;
  float y;
} mien_point;

typedef struct mien_box {
  float x1;
  float y1;
  float x2;
  float y2;
} mien_box;

/* What makes a face too poor to be told from other poor faces. */
typedef int32_t mien_poor_reason;
enum { MIEN_NOT_POOR = 0, MIEN_TOO_SMALL = 1, MIEN_TOO_BLURRED = 2, MIEN_TOO_DARK = 3, MIEN_LOW_CONTRAST = 4 };
/* "too_small", ...; empty for MIEN_NOT_POOR and for numbers that are no reason. */
MIEN_API const char* mien_poor_reason_name(mien_poor_reason reason);

typedef struct mien_face {
  size_t struct_size;
  mien_box bbox;
  mien_point
      landmarks[5]; /* left eye, right eye, nose tip, left and right corner of the mouth, as the viewer sees them */
  mien_bool has_landmarks;
  float det_score;                   /* 0..1 */
  float scale;                       /* detector-input pixels per original pixel */
  float enhancement_scale;           /* upscale applied before detection, 1 if none */
  const float* embedding;            /* as the model gives it, not normalised; null when there is none */
  size_t dimension;                  /* of the embedding */
  mien_bool has_recognition_quality; /* not without landmarks */
  float recognition_quality;         /* how far the face can be recognised, 0..1, larger is better */
  mien_poor_reason poor_reason;      /* why that is below the floor (0.5); MIEN_NOT_POOR where it is not */
  int32_t rotation;                  /* 0, 90, 180 or 270: degrees clockwise that the face is turned */
} mien_face;

typedef struct mien_quality {
  size_t struct_size;
  double blur_score;    /* variance of the Laplacian; larger is sharper */
  double brightness;    /* 0..255 */
  double contrast;      /* 0..127.5 */
  double sharpness;     /* mean length of the Sobel gradient */
  double overall_score; /* 0..1, larger is better */
  mien_bool has_occlusion;
  mien_bool has_pose;
  double occlusion_score;
  float yaw; /* degrees, an estimate */
  float pitch;
  float roll;
} mien_quality;

/* Where one operation ran. */
typedef struct mien_placement {
  size_t struct_size;
  const char* operation; /* "face_detection", ... */
  const char* requested; /* "cpu", "gpu" or "require" */
  const char* ran;       /* the backend's name, or "mixed" */
  const char* runtime;
  const char* device;
  const char* reason; /* why not where it was asked to; null when there is none */
} mien_placement;

/* Wall-clock milliseconds. */
typedef struct mien_timings {
  size_t struct_size;
  double decode;
  double enhance;
  double detect;
  double embed;
  double quality;
  double total;
} mien_timings;

MIEN_API const char* mien_analysis_format(const mien_analysis* analysis); /* "jpeg", ...; "pixels" */
MIEN_API int32_t mien_analysis_width(const mien_analysis* analysis);      /* of the upright image */
MIEN_API int32_t mien_analysis_height(const mien_analysis* analysis);
MIEN_API mien_detail mien_analysis_detail(const mien_analysis* analysis); /* how closely it was looked at */
MIEN_API const char* mien_analysis_phash(const mien_analysis* analysis);  /* 16 hex digits; empty when not asked for */
/* "2019-07-04T12:30:00", with the zone where it is stated, or a part from the front; empty: the file does not say. */
MIEN_API const char* mien_analysis_taken(const mien_analysis* analysis);
MIEN_API const char* mien_analysis_detector(const mien_analysis* analysis);
MIEN_API const char* mien_analysis_embedder(const mien_analysis* analysis);
MIEN_API size_t mien_analysis_face_count(const mien_analysis* analysis);
MIEN_API size_t mien_analysis_warning_count(const mien_analysis* analysis);
MIEN_API const char* mien_analysis_warning(const mien_analysis* analysis, size_t index); /* null beyond the last */
MIEN_API size_t mien_analysis_placement_count(const mien_analysis* analysis);
/* These fill in a struct whose struct_size is set, and give 1; 0 when there is nothing of that number or kind. Faces
 * come by falling score. */
MIEN_API mien_bool mien_analysis_face(const mien_analysis* analysis, size_t index, mien_face* face);
MIEN_API mien_bool mien_analysis_face_quality(const mien_analysis* analysis, size_t index, mien_quality* quality);
MIEN_API mien_bool mien_analysis_quality(const mien_analysis* analysis, mien_quality* quality);
MIEN_API mien_bool mien_analysis_placement(const mien_analysis* analysis, size_t index, mien_placement* placement);
MIEN_API mien_bool mien_analysis_timings(const mien_analysis* analysis, mien_timings* timings);

/* Cosine similarity of two faces, -1..1. It says little of two poor faces: see mien_judge_faces().
 * MIEN_INVALID_ARGUMENT when a face has no embedding or the two are of different models, whose numbers mean nothing to
 * each other. */
MIEN_API mien_status mien_compare_faces(const mien_analysis* a, size_t face_a, const mien_analysis* b, size_t face_b,
                                        float* similarity, mien_error** error);

/* What can be said of two faces: of two poor ones nothing (not comparable); otherwise the threshold decides, but below
 * it a poor face is not said to be another's (cannot tell). */
typedef int32_t mien_verdict;
enum { MIEN_SAME = 0, MIEN_DIFFERENT = 1, MIEN_NOT_COMPARABLE = 2, MIEN_CANNOT_TELL = 3 };
/* "same", ...; empty for numbers that are no verdict. */
MIEN_API const char* mien_verdict_name(mien_verdict verdict);
/* Compares two faces as mien_compare_faces() does and judges them. `threshold` is a cosine, see
 * mien_engine_threshold_verify(). `similarity` may be null. */
MIEN_API mien_status mien_judge_faces(const mien_analysis* a, size_t face_a, const mien_analysis* b, size_t face_b,
                                      float threshold, mien_verdict* verdict, float* similarity, mien_error** error);

/* ---- Operations without models ----------------------------------------------------------------------------------- */

typedef struct mien_buffer mien_buffer;
MIEN_API const uint8_t* mien_buffer_data(const mien_buffer* buffer);
MIEN_API size_t mien_buffer_size(const mien_buffer* buffer);
MIEN_API void mien_buffer_free(mien_buffer* buffer);

/* All take the bytes of an image file and apply its orientation, but for the hash. They may run on any thread. Free the
 * JPEGs that they give with mien_buffer_free(). When the setting MIEN_SANDBOX is true a child process decodes, and
 * MIEN_UNSUPPORTED says that there can be none here. */
/* `width` and `height` of the upright image, and `scale`, may be null. */
MIEN_API mien_status mien_assess_quality(const uint8_t* data, size_t size, mien_quality* quality, int32_t* width,
                                         int32_t* height, mien_error** error);
/* Assesses the pixels, or those of the box (in pixels of the upright image) when it is not null. */
MIEN_API mien_status mien_assess_pixels(const mien_pixels* pixels, const mien_box* bbox, mien_quality* quality,
                                        mien_error** error);
MIEN_API mien_status mien_enhance(const uint8_t* data, size_t size, mien_buffer** jpeg, double* scale,
                                  mien_error** error);
/* The box grown by `margin` of its size on each side and clipped. */
MIEN_API mien_status mien_crop(const uint8_t* data, size_t size, mien_box bbox, double margin, mien_buffer** jpeg,
                               mien_error** error);
/* Fits inside width x height, keeps the aspect ratio, never enlarges. */
MIEN_API mien_status mien_thumbnail(const uint8_t* data, size_t size, int32_t width, int32_t height, mien_buffer** jpeg,
                                    mien_error** error);
/* 16 hex digits and a zero, of the pixels as stored. */
MIEN_API mien_status mien_phash(const uint8_t* data, size_t size, char hash[17], mien_error** error);

/* ---- Scanning ---------------------------------------------------------------------------------------------------- */

typedef int32_t mien_embedding_format;
enum { MIEN_EMBEDDINGS_NONE = 0, MIEN_EMBEDDINGS_JSON = 1, MIEN_EMBEDDINGS_BASE64 = 2 };

typedef struct mien_scan_progress {
  size_t struct_size;
  int64_t done;               /* records, those of an earlier run included */
  int64_t found;              /* images found so far, likewise */
  mien_bool listing_finished; /* whether `found` is final */
  double images_per_second;
} mien_scan_progress;

/* Both are called on the thread of mien_scan(). A line is one JSON object (docs/formats.md), zero-terminated, without a
 * newline; records come in order. */
typedef void (*mien_scan_on_record)(void* context, const char* json_line, size_t length);
typedef void (*mien_scan_on_progress)(void* context, const mien_scan_progress* progress);

/* What becomes of records whose source is not there any more: kept; dropped, but not where all of a source is gone at
 * once, as when a disk is not mounted; dropped even then. */
typedef int32_t mien_prune;
enum { MIEN_PRUNE_NONE = 0, MIEN_PRUNE_GONE = 1, MIEN_PRUNE_ALL = 2 };

typedef struct mien_scan_options {
  size_t struct_size;
  const char* const* sources; /* files and folders */
  size_t sources_count;
  const char* list_path; /* a file with one path a line, "-" for standard input; null: none */
  mien_bool list_is_nul_separated;
  const char* const* excludes; /* globs */
  size_t excludes_count;
  const char* out_path; /* JSON lines; null: none */
  mien_bool resume;
  mien_bool force;
  const char* like_path; /* a photo of the person looked for; null: nobody */
  float threshold;       /* cosine; beyond -1..1: the embedder's own for searching */
  mien_embedding_format embeddings;
  const char* crops_dir;               /* a JPEG a face; null: none */
  const char* report_path;             /* HTML; null: none */
  int32_t threads;                     /* 0: one a core */
  const mien_analyze_options* analyze; /* null: the defaults */
  const mien_stop* stop;               /* may be null */
  mien_scan_on_record on_record;       /* may be null */
  mien_scan_on_progress on_progress;   /* may be null */
  void* context;                       /* for both */
  mien_prune prune;                    /* with resume */
  mien_bool no_skip;                   /* folders that photo libraries made are read too */
  mien_bool compare_anyway;            /* poor faces match by the threshold alone, and the output says so */
} mien_scan_options;

MIEN_API void mien_scan_options_init(mien_scan_options* options, size_t struct_size);

typedef struct mien_scan_summary {
  size_t struct_size;
  int64_t images; /* records, those of an earlier run included */
  int64_t analyzed;
  int64_t resumed;
  int64_t duplicates;
  int64_t failed;
  int64_t faces;
  int64_t matched_images;
  double seconds;
  mien_bool interrupted; /* by the stop; what was done is kept */
  int64_t gone;          /* of those resumed: the source is not there any more */
  int64_t changed;       /* records made again because the source is another */
  int64_t pruned;        /* records dropped because the source is gone */
  int64_t left_out;      /* files and folders that were not read */
  int64_t poor_faces;    /* too poor to be told from other poor faces */
} mien_scan_summary;

/* Runs to the end, or until the stop (then it gives MIEN_OK and a summary that says so). `summary` may be null. */
MIEN_API mien_status mien_scan(const mien_engine* engine, const mien_scan_options* options, mien_scan_summary* summary,
                               mien_error** error);

#ifdef __cplusplus
}
#endif

#endif
