#include "cache/cache_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace spa {
namespace {

constexpr bool RowsStandInOrder() {
  int percent = 0;
  for (std::size_t i = 0; i < kCacheKinds; ++i) {
    if (kCachePolicies[i].kind != static_cast<CacheKind>(i)) return false;
    percent += kCachePolicies[i].byte_percent;
  }
  return percent == 100;
}
static_assert(RowsStandInOrder(), "one row per kind, in the order of CacheKind, shares adding up");

constexpr NegativeRow kNegativeRows[] = {
    {"not_found", ErrorCode::kNotFound, std::chrono::seconds(300)},
    {"forbidden", ErrorCode::kForbidden, std::chrono::seconds(600)},
    {"unsupported", ErrorCode::kUnsupported, std::chrono::seconds(600)},
    {"locked", ErrorCode::kLocked, std::chrono::seconds(60)},
    {"server_error", ErrorCode::kUnreachable, std::chrono::seconds(60)},
};
constexpr std::string_view kOutcomes[] = {"good", "stable", "unhealthy"};

}  // namespace

std::string_view NameOf(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::optional<Outcome> OutcomeNamed(std::string_view name) {
  const auto at = std::find(std::begin(kOutcomes), std::end(kOutcomes), name);
  if (at == std::end(kOutcomes)) return std::nullopt;
  return static_cast<Outcome>(at - std::begin(kOutcomes));
}

std::optional<CacheKind> KindNamed(std::string_view name) {
  for (const CachePolicy& policy : kCachePolicies) {
    if (policy.name == name) return policy.kind;
  }
  return std::nullopt;
}

CachePolicy CachePolicy::With(const PolicyOverride& change) const {
  CachePolicy policy = *this;
  if (change.ttl) policy.fresh = *change.ttl;
  if (change.entries) policy.entries = static_cast<int>(*change.entries);
  return policy;
}

std::chrono::seconds CachePolicy::Ttl(Outcome outcome, std::optional<CacheTime> ends,
                                      CacheTime now) const {
  std::chrono::seconds ttl = fresh;
  if (outcome == Outcome::kStable && fresh_stable.count() > 0) ttl = fresh_stable;
  if (outcome == Outcome::kUnhealthy && fresh_unhealthy.count() > 0) ttl = fresh_unhealthy;
  if (ends) {
    ttl = std::min(ttl, std::chrono::duration_cast<std::chrono::seconds>(*ends - now) - margin);
  }
  return std::max(ttl, std::chrono::seconds(0));
}

PolicyExplanation Explain(const CachePolicy& policy, Outcome outcome, std::size_t bytes,
                          std::size_t compress_from) {
  PolicyExplanation told;
  const auto say = [&told](std::string reason) { told.reasons.push_back(std::move(reason)); };
  told.fresh = policy.Ttl(outcome, std::nullopt, CacheTime());
  told.stale_while_revalidate = policy.stale_while_revalidate;
  told.stale_if_error = policy.stale_if_error;
  say(fmt::format("fresh for {} s ({})", told.fresh.count(), NameOf(outcome)));
  if (policy.margin.count() > 0) {
    say(fmt::format("never served within {} s of its own end", policy.margin.count()));
  }
  told.in_store = policy.residence == Residence::kEverywhere && bytes <= kMostInStore;
  if (policy.residence == Residence::kMemory) {
    say("this kind never leaves memory");
  } else if (!told.in_store) {
    say(fmt::format("more than {} bytes stay out of the second level", kMostInStore));
  }
  told.in_memory = bytes <= kMostInMemory || !told.in_store;
  if (!told.in_memory) say(fmt::format("more than {} bytes stay out of memory", kMostInMemory));
  told.compressed = told.in_store && bytes >= compress_from;
  if (told.compressed) {
    say(fmt::format("{} bytes or more are compressed where it pays", compress_from));
  }
  return told;
}

std::span<const NegativeRow> NegativeRows() { return kNegativeRows; }

std::optional<std::chrono::seconds> NegativeTtl(const Error& error) {
  // kForbidden also stands for a 401, and a service that names a time to come back means it.
  const int status = error.http_status;
  if (status == 401 || error.retry_after) return std::nullopt;
  // What answered 5xx was tried several times by now; a host that did not answer may be back.
  const bool answered = status >= 500 && status != 503;
  if (error.code == ErrorCode::kUnreachable && !answered) return std::nullopt;
  for (const NegativeRow& row : kNegativeRows) {
    if (row.code == error.code) return row.ttl;
  }
  return std::nullopt;
}

}  // namespace spa
