#include "cli/cache/key_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <optional>

#include "cli/options.h"
#include "core/clock.h"

namespace spa {
namespace {

constexpr std::string_view kPrefix = "sharepoint_audit:";

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "kind:rest" apart; nothing where there is no colon.
struct Parts {
  std::string_view kind, rest;
};
std::optional<Parts> Split(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return Parts{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

CacheKey KeyTyped(std::string_view text) {
  const bool in_full = text.starts_with(kPrefix);
  const auto parts = Split(in_full ? text.substr(kPrefix.size()) : text);
  if (!parts) return CacheKey(CacheKind::kUnnamed, text);
  const auto kind = KindNamed(parts->kind);
  const auto inner = Split(parts->rest);
  if (inner && IsNumber(inner->kind) && (in_full || kind)) {
    const std::string whole = in_full ? std::string(text) : fmt::format("{}{}", kPrefix, text);
    if (auto key = CacheKey::Parse(whole)) return *key;
  }
  if (kind) return CacheKey(*kind, parts->rest);
  return CacheKey(CacheKind::kUnnamed, text);
}

Result<CacheKind> KindTyped(std::string_view name) {
  if (const auto kind = KindNamed(name)) return *kind;
  return Fail(ErrorCode::kUsage, fmt::format("there is no cache of the kind \"{}\"", name),
              "see `sharepoint-audit cache policy` for the kinds there are");
}

std::vector<Glob> PatternTyped(std::string_view text) {
  if (text.empty()) return {Glob(fmt::format("{}*", kPrefix))};
  if (text.starts_with(kPrefix)) return {Glob(std::string(text))};
  const auto parts = Split(text);
  const auto inner = parts ? Split(parts->rest) : std::nullopt;
  if (inner && (IsNumber(inner->kind) || inner->kind == "*")) {
    return {Glob(fmt::format("{}{}", kPrefix, text))};
  }
  if (parts) return {Glob(fmt::format("{}{}:*:{}", kPrefix, parts->kind, parts->rest))};
  // What a kind begins with, or an id.
  return {Glob(fmt::format("{}{}", kPrefix, text)),
          Glob(fmt::format("{}unnamed:*:{}", kPrefix, text))};
}

Glob GlobOf(const CacheKey& key) {
  std::string pattern;
  for (const char c : key.text()) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return Glob(std::move(pattern));
}

Result<Tag> TagTyped(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()) {
    return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is no tag", text),
                "give the name of the index and the value, like site=hr");
  }
  return Tag(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<CacheTime> MomentTyped(std::string_view text, CacheTime now) {
  if (text.starts_with('+')) {
    if (const auto from_now = ParseDuration(text.substr(1))) return now + *from_now;
  } else if (IsNumber(text) && text.size() < 12) {
    return CacheTime(std::chrono::seconds(std::stoll(std::string(text))));
  } else {
    if (const auto time = ParseUtc(std::string(text))) return *time;
  }
  return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is no point in time", text),
              "give +90s, 2026-11-20T08:14:05Z or seconds since the epoch");
}

}  // namespace spa
