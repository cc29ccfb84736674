#include "base/sha256.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"

namespace mien {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fails only when OpenSSL itself is broken or memory is out.
void require(int openssl_status) {
  if (openssl_status != 1) throw Exception(ErrorCode::internal, "OpenSSL cannot compute SHA-256");
}

// Found once: OpenSSL looks a name up under locks, which takes longer than hashing a path. It lives as long as the
// process.
const EVP_MD* algorithm() {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (found) return found;
#endif
  return EVP_sha256();
}

}  // namespace

Sha256Digest sha256(std::span<const std::uint8_t> bytes) {
  Sha256Digest digest{};
  require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, algorithm(), nullptr));
  return digest;
}

std::string sha256_hex(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * digest.size(), '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

std::optional<Sha256Digest> sha256_from_hex(std::string_view digits) {
  Sha256Digest digest{};
  if (digits.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const char digit = digits[i];
    const bool is_letter = digit >= 'a' && digit <= 'f';
    if (!is_letter && !(digit >= '0' && digit <= '9')) return std::nullopt;
    const int value = is_letter ? digit - 'a' + 10 : digit - '0';
    digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] << 4 | value);
  }
  return digest;
}

Result<Sha256Digest> sha256_file(const std::string& path, const std::stop_token& stop) {
  const Descriptor file = open_to_read(path);
  if (!file) return cannot_read(path, errno);
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  require(context != nullptr ? 1 : 0);
  require(EVP_DigestInit_ex(context.get(), algorithm(), nullptr));
  std::vector<std::uint8_t> piece(kPieceBytes);
  for (;;) {
    if (stop.stop_requested()) return cancelled_error();
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(path, errno);
    if (count == 0) break;
    require(EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(count)));
  }
  Sha256Digest digest{};
  require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr));
  return digest;
}

}  // namespace mien
