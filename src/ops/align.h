// Five landmarks -> the upright 112 x 112 face that embedders want.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mien/face.h"
#include "mien/image.h"
#include "ops/resize.h"

namespace mien {

inline constexpr int kAlignedSide = 112;
inline constexpr std::size_t kAlignedFloats = std::size_t{3} * kAlignedSide * kAlignedSide;  // of one face
// Pixels between the eyes of an aligned face.
inline constexpr double kTemplateEyeDistance = 35.238;

// x' = a x - b y + tx; y' = b x + a y + ty.
struct Similarity {
  double a = 1;
  double b = 0;
  double tx = 0;
  double ty = 0;
};

// The similarity that undoes this one.
Similarity invert(const Similarity& s);

// The five points of the ArcFace template: where an aligned face has them.
Landmarks template_landmarks();

// The least-squares similarity from the landmarks to the ArcFace template (the five points published with ArcFace,
// Deng et al. 2019, for 112 x 112). Empty when the landmarks are one point or not finite.
std::optional<Similarity> estimate_alignment(const Landmarks& landmarks);

// How far the landmarks, moved by this similarity, are from those of the template: the root of the mean square, in
// distances between its eyes. Real faces have some 0.05 to 0.1, upside down ones taken for upright 0.2 and more.
double alignment_error(const Landmarks& landmarks, const Similarity& to_template);

// estimate_alignment for a square of `side` pixels: a multiple of 112, or of 128, where the template lies in the middle
// of 128.
Similarity alignment_for_side(const Similarity& to_template, int side);

// Warps the image by the similarity into a square of `side` pixels, bilinear, black outside, each value rounded to 8
// bits. Colours keep their order; gray becomes three equal channels.
void warp_square(ImageView in, const Similarity& to_square, int side, Image& out);

// The gray values of what warp_square gives for kAlignedSide.
void warp_aligned_gray(ImageView in, const Similarity& to_template, Image& out);

// Warps the image by the similarity to kAlignedSide squared, bilinear, black outside, each value rounded to 8 bits
// (as a crop on disk would be), and writes normalised planes (3 x 112 x 112 floats). RGB or gray.
void warp_aligned_into(ImageView in, const Similarity& to_template, const Feed& feed, float* planes);

// The same values before they are normalised, for a device that does that: 3 x 112 x 112 bytes. `bgr`: the order of the
// planes.
void warp_aligned_bytes(ImageView in, const Similarity& to_template, bool bgr, std::uint8_t* planes);
// Normalises such bytes as the CPU's embedder wants them.
void normalise_aligned(std::span<const std::uint8_t> bytes, const Feed& feed, float* planes);

}  // namespace mien
