#include "cache/envelope.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zstd.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cache/fingerprint.h"

namespace spa {
namespace {

static_assert(std::endian::native == std::endian::little, "envelopes are written as words lie");

constexpr std::string_view kMagic = "SPAC";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kCompressed = 1, kMac = 2;
constexpr std::size_t kSealBytes = 16;
constexpr std::size_t kHeaderBytes = kFenceOffset + 8 + 4 * 8 + 4 + 2;
// What a nanosecond clock can hold, in milliseconds.
constexpr std::int64_t kFarthest = std::numeric_limits<std::int64_t>::max() / 1'000'000;

using Bytes = std::array<unsigned char, kSealBytes>;

template <class Word>
void Put(std::string& out, Word word) {
  out.append(reinterpret_cast<const char*>(&word), sizeof word);
}

void PutTime(std::string& out, CacheTime time) {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
  Put<std::int64_t>(out, ms);
}

void PutText(std::string& out, std::string_view text) {
  Put(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

// Reads words off the front; once something is missing, it stays `short_of` and yields zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class Word>
  Word Take() {
    Word word{};
    const auto piece = Take(sizeof word);
    if (!piece.empty()) std::memcpy(&word, piece.data(), sizeof word);
    return word;
  }
  std::string_view Take(std::size_t count) {
    if (count > bytes_.size()) {
      short_of_ = true;
      bytes_ = {};
      return {};
    }
    const auto piece = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return piece;
  }
  CacheTime TakeTime() {
    const auto ms = Take<std::int64_t>();
    if (ms > kFarthest || ms < -kFarthest) short_of_ = true;
    return short_of_ ? CacheTime{} : CacheTime(std::chrono::milliseconds(ms));
  }
  bool short_of() const { return short_of_; }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool short_of_ = false;
};

// What the seal covers: the key, and the body with a fence of zero.
Bytes SealOf(std::string_view body, std::string_view key, const std::string& mac_key) {
  std::string text;
  text.reserve(key.size() + 1 + body.size());
  text.append(key).push_back('\0');
  const std::size_t start = text.size();
  text.append(body);
  text.replace(start + kFenceOffset, 8, 8, '\0');

  Bytes seal{};
  if (mac_key.empty()) {
    const Fingerprint sum = SipHash128({}, text);
    std::memcpy(seal.data(), &sum.low, 8);
    std::memcpy(seal.data() + 8, &sum.high, 8);
    return seal;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), mac_key.data(), static_cast<int>(mac_key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(),
           &size) == nullptr) {
    throw std::runtime_error("OpenSSL offers no HMAC-SHA-256");
  }
  std::memcpy(seal.data(), mac.data(), seal.size());
  return seal;
}

// A context costs more than what it compresses here: one a thread is kept.
std::optional<std::string> Compress(std::string_view raw, int level) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                                  ZSTD_freeCCtx);
  std::string out(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), raw.data(), raw.size(), level);
  if (ZSTD_isError(size) || size * 100 > raw.size() * 88) return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<std::string> Decompress(std::string_view packed, std::size_t raw_size) {
  if (ZSTD_getFrameContentSize(packed.data(), packed.size()) != raw_size) return std::nullopt;
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                                  ZSTD_freeDCtx);
  std::string out(raw_size, '\0');
  const std::size_t size =
      ZSTD_decompressDCtx(context.get(), out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) || size != raw_size) return std::nullopt;
  return out;
}

Opened Problem(OpenProblem problem) {
  Opened opened;
  opened.problem = problem;
  return opened;
}

}  // namespace

std::string Seal(const Envelope& envelope, std::string_view key, const SealOptions& options) {
  std::optional<std::string> packed;
  if (envelope.payload.size() >= options.compress_from) {
    packed = Compress(envelope.payload, options.compression_level);
  }
  const std::string& payload = packed ? *packed : envelope.payload;
  const int flags = (packed ? kCompressed : 0) | (options.mac_key.empty() ? 0 : kMac);

  std::string out;
  out.reserve(kHeaderBytes + payload.size() + kSealBytes + 64);
  out.append(kMagic);
  Put(out, kVersion);
  Put(out, static_cast<std::uint8_t>(flags));
  Put(out, static_cast<std::uint16_t>(envelope.schema));
  Put(out, envelope.fence);
  for (const CacheTime time :
       {envelope.created, envelope.fresh_until, envelope.stale_until, envelope.error_until}) {
    PutTime(out, time);
  }
  Put(out, static_cast<std::uint32_t>(envelope.payload.size()));
  Put(out, static_cast<std::uint16_t>(envelope.tags.size()));
  for (const Tag& tag : envelope.tags) {
    PutText(out, tag.index);
    PutText(out, tag.value);
  }
  out.append(payload);
  const Bytes seal = SealOf(out, key, options.mac_key);
  out.append(reinterpret_cast<const char*>(seal.data()), seal.size());
  return out;
}

Opened OpenEnvelope(std::string_view bytes, std::string_view key, const SealOptions& options) {
  if (!bytes.starts_with(kMagic)) return Problem(OpenProblem::kForeign);
  if (bytes.size() > kMagic.size() && static_cast<std::uint8_t>(bytes[4]) != kVersion) {
    return Problem(OpenProblem::kVersion);
  }
  if (bytes.size() < kHeaderBytes + kSealBytes) return Problem(OpenProblem::kCorrupt);

  const std::string_view body = bytes.substr(0, bytes.size() - kSealBytes);
  Reader in(body.substr(kMagic.size() + 1));
  const auto flags = in.Take<std::uint8_t>();
  const bool mac = (flags & kMac) != 0;
  if (!options.mac_key.empty() && !mac) return Problem(OpenProblem::kForged);
  if (!mac || !options.mac_key.empty()) {  // A MAC without its key tells nothing.
    const Bytes seal = SealOf(body, key, options.mac_key);
    if (CRYPTO_memcmp(seal.data(), bytes.data() + body.size(), seal.size()) != 0) {
      return Problem(mac ? OpenProblem::kForged : OpenProblem::kCorrupt);
    }
  }

  Opened opened;
  Envelope& envelope = opened.envelope.emplace();
  envelope.schema = in.Take<std::uint16_t>();
  envelope.fence = in.Take<std::uint64_t>();
  envelope.created = in.TakeTime();
  envelope.fresh_until = in.TakeTime();
  envelope.stale_until = in.TakeTime();
  envelope.error_until = in.TakeTime();
  const std::size_t raw_size = in.Take<std::uint32_t>();
  const auto tags = in.Take<std::uint16_t>();
  for (int i = 0; i < tags && !in.short_of(); ++i) {
    Tag tag;
    tag.index = in.Take(in.Take<std::uint16_t>());
    tag.value = in.Take(in.Take<std::uint16_t>());
    envelope.tags.push_back(std::move(tag));
  }
  const bool in_order = envelope.created <= envelope.fresh_until &&
                        envelope.fresh_until <= envelope.stale_until &&
                        envelope.stale_until <= envelope.error_until;
  if (in.short_of() || !in_order || raw_size > kLargestPayload ||
      (flags & ~(kCompressed | kMac)) != 0) {
    return Problem(OpenProblem::kCorrupt);
  }
  envelope.compressed = (flags & kCompressed) != 0;
  if (envelope.compressed) {
    auto raw = Decompress(in.rest(), raw_size);
    if (!raw) return Problem(OpenProblem::kCorrupt);
    envelope.payload = *std::move(raw);
  } else {
    if (in.rest().size() != raw_size) return Problem(OpenProblem::kCorrupt);
    envelope.payload = in.rest();
  }
  return opened;
}

std::uint64_t FenceOf(std::string_view bytes) {
  std::uint64_t fence = 0;
  if (bytes.size() < kFenceOffset + sizeof fence || !bytes.starts_with(kMagic)) return 0;
  std::memcpy(&fence, bytes.data() + kFenceOffset, sizeof fence);
  return fence;
}

void SetFence(std::string& bytes, std::uint64_t fence) {
  if (bytes.size() < kFenceOffset + sizeof fence || !bytes.starts_with(kMagic)) return;
  std::memcpy(bytes.data() + kFenceOffset, &fence, sizeof fence);
}

std::optional<Envelope> AdoptPlainJson(std::string_view bytes, CacheTime created,
                                       CacheTime expires) {
  if (bytes.empty() || (bytes[0] != '{' && bytes[0] != '[') || bytes.size() > kLargestPayload ||
      expires < created || !nlohmann::json::accept(bytes)) {
    return std::nullopt;
  }
  Envelope envelope;
  envelope.created = created;
  envelope.fresh_until = envelope.stale_until = envelope.error_until = expires;
  envelope.payload = bytes;
  return envelope;
}

}  // namespace spa
