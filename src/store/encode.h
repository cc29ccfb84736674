// What lies in the columns that are bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mien/face.h"
#include "mien/scan.h"
#include "mien/tools/store.h"

namespace mien {

// 64 hex digits <-> 32 bytes. Empty: they are no such digits.
std::string sha256_bytes(std::string_view digits);
std::string sha256_digits(std::string_view bytes);

// 16 bytes: x1, y1, x2, y2. What is not 16 bytes is an empty box.
std::string box_bytes(const Box& box);
Box box_of(std::string_view bytes);

// The length-1 vector in half floats; empty where there is none: all zero, not finite.
HalfVector unit_half(std::span<const float> embedding);
std::string half_bytes(std::span<const std::uint16_t> half);
void read_half(std::string_view bytes, HalfVector& out);

// 12 bytes each.
std::string neighbour_bytes(std::span<const Neighbour> neighbours);
std::vector<Neighbour> neighbours_of(std::string_view bytes);

// The line of JSON without source and embeddings, deflated.
std::string record_bytes(const Record& record);
Result<Record> record_of(std::string_view bytes);

// `ordinal`: how many faces before it have the same box.
FaceKey face_key(std::string_view sha256_bytes, const Box& box, std::uint32_t ordinal);

}  // namespace mien
