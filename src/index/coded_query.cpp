// The proof. A stored vector is b = c + e: c = scale * codes, and e, the rest, is no longer than RowScale::error. The
// query is q = p + f: p are its 16-bit codes / kFixedScale, and the length of f is measured. Then
//   q.b = p.c + q.e + f.c,   |q.e| <= |q| |e|,   |f.c| <= |f| (|b| + |e|),   |b| <= kLengthMax
// so that p.c, a sum of integers times two scales, is off by (|q| + |f|) |e| + |f| kLengthMax at most. kRounding is
// added for the roundings of floats on the way, which make less than 1e-6, as no similarity by codes is beyond 2.1; it
// is so much larger that a row whose similarity is proved smaller than another's stays smaller, and not equal, when
// both are rounded to floats.
#include "index/coded_query.h"

#include <cmath>

#include "base/half.h"
#include "index/half_kernel.h"

namespace mien {
namespace {

constexpr double kRounding = 0x1p-18;

}  // namespace

CodedQuery::CodedQuery(HalfSpan half, std::size_t stride) : codes_(stride) {
  to_fixed(half.data(), half.size(), codes_.data());
  double rest = 0;
  for (std::size_t i = 0; i < half.size(); ++i) {
    const double part = from_half(half[i]) - static_cast<double>(codes_[i]) / kFixedScale;
    rest += part * part;
  }
  const double rest_length = std::sqrt(rest);
  const double length = std::sqrt(dot_halves(half.data(), half.data(), half.size()));
  error_factor_ = static_cast<float>(length + rest_length);
  error_more_ = static_cast<float>(rest_length * kLengthMax + kRounding);
}

}  // namespace mien
