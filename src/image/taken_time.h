// When a photo was taken, as EXIF and XMP state it.
#pragma once

#include <string>
#include <string_view>

namespace mien {

// A time as records have it: "2019-07-04T12:30:00", with "+02:00" behind it where the zone is stated. A date alone, a
// month or a year stay what they are: "1965-07". Takes EXIF's form ("2019:07:04 12:30:00") and XMP's, which is that of
// ISO 8601; fractions of a second are left out. Empty: it says nothing, or what no calendar has.
std::string read_time(std::string_view text);
// The same with the zone that EXIF states beside it ("+02:00"); one that is none is left out.
std::string read_time(std::string_view text, std::string_view zone);

// A scanned print was digitized long after it was taken, and edited later still: the time of the last change, which
// EXIF and XMP have too, says nothing of the photo. (Metadata Working Group, Guidelines for Handling Image Metadata,
// 5.3: Original Date/Time and Digitized Date/Time.)
struct StatedTimes {
  std::string original;
  std::string digitized;

  // What is there already stays.
  void add(const StatedTimes& other) {
    if (original.empty()) original = other.original;
    if (digitized.empty()) digitized = other.digitized;
  }
  const std::string& taken() const { return original.empty() ? digitized : original; }
};

}  // namespace mien
