// The verbs that need no store: what a key is, how long things are kept.
#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "cache/cache_policy.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/verbs.h"
#include "core/auth/token_claims.h"
#include "core/graph/service_error.h"

namespace spa {
namespace {

// What a service answers when it fails, as far as the cache has a rule for it.
struct OutcomeRow {
  int status;
  std::string_view code;
};
constexpr OutcomeRow kOutcomes[] = {
    {400, "invalidRequest"},       {401, "InvalidAuthenticationToken"},
    {403, "accessDenied"},         {404, "itemNotFound"},
    {410, "resyncRequired"},       {423, "resourceLocked"},
    {429, "activityLimitReached"}, {500, "generalException"},
    {501, "notSupported"},         {503, "serviceNotAvailable"},
    {504, "gatewayTimeout"},
};

std::optional<std::chrono::seconds> RememberedFor(const OutcomeRow& outcome) {
  const std::string body = Json{{"error", {{"code", outcome.code}}}}.dump();
  return NegativeTtl(ErrorFromAnswer(outcome.status, {}, body, "asking"));
}

// cache.md C.4 "Eviction".
constexpr long kLargestInMemory = 1L << 20;
constexpr long kLargestOutside = 8L << 20;

Json Seconds(std::optional<std::chrono::seconds> time) {
  return time ? Json(time->count()) : Json();
}

std::string_view NameOf(Residence residence) {
  return residence == Residence::kMemory ? "memory" : "memory, second level";
}

Json RowOf(const CachePolicy& policy, const CacheConfig& config) {
  Json row;
  row["kind"] = policy.name;
  row["schema"] = policy.schema;
  row["fresh"] = policy.fresh.count();
  row["stale_while_revalidate"] = policy.stale_while_revalidate.count();
  row["stale_if_error"] = policy.stale_if_error.count();
  row["entries"] = policy.entries == 0 ? config.local_cache_size : policy.entries;
  row["byte_percent"] = policy.byte_percent;
  row["residence"] = NameOf(policy.residence);
  return row;
}

Result<const OutcomeRow*> RowOfOutcome(std::string_view text) {
  for (const OutcomeRow& outcome : kOutcomes) {
    if (text == outcome.code || text == std::to_string(outcome.status)) return &outcome;
  }
  return Fail(ErrorCode::kUsage, fmt::format("--outcome \"{}\" is not known", text),
              "give ok, or a code or status that `sharepoint-audit cache error-policy` lists");
}

}  // namespace

Result<ExitCode> CachePolicyVerb(const CacheCall& call) {
  Json rows = Json::array();
  for (const CachePolicy& policy : kCachePolicies)
    rows.push_back(RowOf(policy, call.config().cache));
  return Answer(call, rows);
}

Result<ExitCode> CachePolicyExplain(const CacheCall& call) {
  const auto kind = KindTyped(call.Text("kind", "unnamed"));
  if (!kind) return Fail(kind.error());
  const auto bytes = call.Number("bytes", 0, 0);
  if (!bytes) return Fail(bytes.error());
  const CachePolicy& policy = PolicyOf(*kind);
  const CacheConfig& config = call.config().cache;
  Json answer = RowOf(policy, config);
  const std::string wanted = call.Text("outcome", "ok");
  answer["outcome"] = wanted;
  if (wanted == "ok") {
    answer["ttl"] = policy.fresh.count();
    const bool compressed =
        config.compression_threshold > 0 && *bytes >= config.compression_threshold;
    const bool in_memory = *bytes <= kLargestInMemory;
    const bool outside = policy.residence == Residence::kEverywhere && *bytes <= kLargestOutside;
    answer["bytes"] = *bytes;
    answer["form"] = compressed ? "compressed in the second level" : "as it is";
    answer["kept_in"] = Json::array();
    if (in_memory) answer["kept_in"].push_back("memory");
    if (outside) answer["kept_in"].push_back("second level");
  } else {
    const auto outcome = RowOfOutcome(wanted);
    if (!outcome) return Fail(outcome.error());
    auto ttl = RememberedFor(**outcome);
    if (ttl) ttl = std::min(*ttl, policy.fresh);
    answer["ttl"] = ttl ? ttl->count() : 0;
    answer["kept_in"] = Json::array();
    if (ttl) answer["kept_in"].push_back("memory");
  }
  return Answer(call, answer);
}

Result<ExitCode> CacheErrorPolicy(const CacheCall& call) {
  Json rows = Json::array();
  for (const OutcomeRow& outcome : kOutcomes) {
    Json row;
    row["status"] = outcome.status;
    row["code"] = outcome.code;
    const auto ttl = RememberedFor(outcome);
    row["remembered"] = ttl.has_value();
    row["ttl"] = Seconds(ttl);
    rows.push_back(std::move(row));
  }
  return Answer(call, rows);
}

Result<ExitCode> CacheTokenTtl(const CacheCall& call) {
  const std::string path = call.Text("jwt");
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file) {
    return Fail(ErrorCode::kUsage, fmt::format("cannot read the token \"{}\"", path),
                "name a file that holds one JWT with --jwt");
  }
  std::ostringstream text;
  text << file.rdbuf();
  std::string token = text.str();
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  const auto claims = ReadTokenClaims(token);
  if (!claims || !claims->expires_at) {
    return Fail(ErrorCode::kUsage, fmt::format("{} holds no token with an expiry", path),
                "give a JWT with the claim exp");
  }
  const auto now = std::chrono::system_clock::now();
  const auto left = std::chrono::floor<std::chrono::seconds>(*claims->expires_at - now);
  Json answer;
  answer["expires_in"] = left.count();
  answer["skew"] = kTokenSkew.count();
  answer["ttl"] = TokenTtl(*claims, now).count();
  return Answer(call, answer, std::to_string(answer["ttl"].get<long>()));
}

}  // namespace spa
