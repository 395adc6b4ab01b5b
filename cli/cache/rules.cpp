// The verbs that need no store: what a key is, how long things are kept.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "cache/cache_policy.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"
#include "cli/files.h"
#include "core/auth/token_claims.h"
#include "core/digest.h"
#include "core/graph/service_error.h"

namespace spa {
namespace {

// What a service answers when it fails, as far as the cache has a rule for it.
struct Answered {
  int status;
  std::string_view code;
};
constexpr Answered kAnswers[] = {
    {400, "invalidRequest"},       {401, "InvalidAuthenticationToken"},
    {403, "accessDenied"},         {404, "itemNotFound"},
    {410, "resyncRequired"},       {423, "resourceLocked"},
    {429, "activityLimitReached"}, {500, "generalException"},
    {501, "notSupported"},         {503, "serviceNotAvailable"},
    {504, "gatewayTimeout"},
};

std::optional<std::chrono::seconds> RememberedFor(const Answered& answered) {
  const std::string body = Json{{"error", {{"code", answered.code}}}}.dump();
  return NegativeTtl(ErrorFromAnswer(answered.status, {}, body, "asking"));
}

Json Seconds(std::optional<std::chrono::seconds> time) {
  return time ? Json(time->count()) : Json();
}

std::string_view NameOf(Residence residence) {
  return residence == Residence::kMemory ? "memory" : "memory, second level";
}

// The rule of a kind as the configuration has it.
CachePolicy RuleOf(const CachePolicy& policy, const Config& config) {
  const CacheManager::Options options = CacheOptionsOf(config);
  const auto at = options.overrides.find(policy.kind);
  return at == options.overrides.end() ? policy : policy.With(at->second);
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

const Answered* AnsweredNamed(std::string_view text) {
  for (const Answered& answered : kAnswers) {
    if (text == answered.code || text == std::to_string(answered.status)) return &answered;
  }
  return nullptr;
}

// The key of the id that comes in on standard input, however long: beyond what an id may have a
// digest stands for it, and that is made piece by piece.
CacheKey KeyOfInput(std::string_view kind) {
  constexpr std::size_t kLongestId = 1000;
  Sha256 digest;
  std::string id;
  std::vector<char> piece(1 << 16);
  for (;;) {
    std::cin.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const std::string_view read(piece.data(), static_cast<std::size_t>(std::cin.gcount()));
    if (read.empty()) break;
    digest.Add(read);
    id += read.substr(0, kLongestId + 1 - std::min(id.size(), kLongestId + 1));
  }
  if (id.size() <= kLongestId) return CacheKey::Named(kind, id);
  return *CacheKey::Parse(CacheKey::Named(kind, "").text() + '~' + digest.Hex());
}

// What keys have been since the first version; a key that changed would lose all that is stored.
struct KnownKey {
  std::string_view kind, parts, id, text;
};
constexpr KnownKey kKnownKeys[] = {
    {"group_members", "", "4711", "sharepoint_audit:group_members:2:4711"},
    {"site", "", "https://a.example/sites/x",
     "sharepoint_audit:site:1:https%3A//a.example/sites/x"},
    {"unnamed", "", "", "sharepoint_audit:unnamed:1:"},
    {"item", "", "{a}~%", "sharepoint_audit:item:1:%7Ba%7D%7E%25"},
    {"t", R"({"b":1,"a":2})", "",
     "sharepoint_audit:t:1:"
     "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"},
    {"t", R"({"a":2,"b":1})", "",
     "sharepoint_audit:t:1:"
     "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"},
};

CacheKey OfParts(std::string_view kind, const nlohmann::json& parts) {
  const std::string text = CacheKey::OfParts(CacheKind::kUnnamed, parts).text();
  return CacheKey::Named(kind, std::string_view(text).substr(text.rfind(':') + 1));
}

Result<ExitCode> KeySelftest() {
  bool ok = true;
  std::string text;
  for (const KnownKey& known : kKnownKeys) {
    const CacheKey key = known.parts.empty()
                             ? CacheKey::Named(known.kind, known.id)
                             : OfParts(known.kind, nlohmann::json::parse(known.parts));
    const bool same = key.text() == known.text;
    ok = ok && same;
    text += fmt::format("{} {}\n", same ? "ok   " : "WRONG", key.text());
  }
  if (auto printed = Print(text); !printed) return printed;
  return ok ? ExitCode::kDone : ExitCode::kFailure;
}

}  // namespace

Result<ExitCode> CacheKeyVerb(const CacheCall& call) {
  if (call.Has("selftest")) return KeySelftest();
  const std::string kind = call.Text("kind", "unnamed");
  std::optional<CacheKey> key;
  std::string form = "as it is";
  if (call.Has("stdin")) {
    key = KeyOfInput(kind);
  } else if (call.Has("parts")) {
    const auto parts = nlohmann::json::parse(call.Text("parts"), nullptr, false);
    if (parts.is_discarded()) {
      return Fail(ErrorCode::kUsage, "--json holds no JSON", "give it as '{\"a\": 1}'");
    }
    key = OfParts(kind, parts);
  } else if (!call.words().empty()) {
    key = call.Has("kind") ? CacheKey::Named(kind, call.words().front())
                           : KeyTyped(call.words().front());
  } else {
    return Fail(ErrorCode::kUsage, "key needs an id", "give it, or --json, --stdin or --selftest");
  }
  std::string text = key->text() + '\n';
  if (call.Has("explain")) {
    const std::size_t id = text.rfind(':') + 1;
    const bool digest = call.Has("parts") || text[id] == '~';
    text += RenderJson({{"kind", PolicyOf(key->kind()).name},
                        {"id", digest ? "a digest, sha256" : "as it is, escaped"},
                        {"fingerprint", "128 bits under a key of this process"},
                        {"bytes", key->text().size()}});
  }
  return Print(text);
}

Result<ExitCode> CachePolicyVerb(const CacheCall& call) {
  Json rows = Json::array();
  for (const CachePolicy& policy : kCachePolicies)
    rows.push_back(RowOf(RuleOf(policy, call.config()), call.config().cache));
  return Answer(call, rows);
}

Result<ExitCode> CachePolicyExplain(const CacheCall& call) {
  const auto kind = KindTyped(call.Text("kind", "unnamed"));
  if (!kind) return Fail(kind.error());
  const auto bytes = call.Bytes("bytes", 0);
  if (!bytes) return Fail(bytes.error());
  const CachePolicy policy = RuleOf(PolicyOf(*kind), call.config());
  const std::string wanted = call.Text("outcome", "good");
  Json answer = {{"kind", policy.name}, {"schema", policy.schema}, {"outcome", wanted}};
  if (const Answered* answered = AnsweredNamed(wanted)) {
    auto ttl = RememberedFor(*answered);
    if (ttl) ttl = std::min(*ttl, policy.fresh);
    answer["ttl"] = ttl ? ttl->count() : 0;
    answer["tier"] = ttl ? "memory" : "nowhere";
    answer["reasons"] = {ttl ? "a failure that is likely to stay is remembered, in memory alone"
                             : "it is tried again at once"};
    return Answer(call, answer);
  }
  const auto outcome = OutcomeNamed(wanted);
  if (!outcome) {
    return Fail(ErrorCode::kUsage, fmt::format("--outcome \"{}\" is not known", wanted),
                "give good, stable, unhealthy, or a code or status that `sharepoint-audit cache "
                "error-policy` lists");
  }
  const auto size = *bytes;
  const auto from = static_cast<std::size_t>(call.config().cache.compression_threshold);
  const PolicyExplanation explained = Explain(policy, *outcome, size, from);
  answer["ttl"] = explained.fresh.count();
  answer["stale_while_revalidate"] = explained.stale_while_revalidate.count();
  answer["stale_if_error"] = explained.stale_if_error.count();
  answer["bytes"] = *bytes;
  answer["tier"] = explained.in_memory && explained.in_store ? "memory and second level"
                   : explained.in_memory                     ? "memory"
                   : explained.in_store                      ? "second level"
                                                             : "nowhere";
  answer["form"] = explained.compressed ? "compressed" : "raw";
  answer["reasons"] = explained.reasons;
  return Answer(call, answer);
}

Result<ExitCode> CacheErrorPolicy(const CacheCall& call) {
  Json rows = Json::array();
  for (const Answered& answered : kAnswers) {
    Json row;
    row["status"] = answered.status;
    row["code"] = answered.code;
    const auto ttl = RememberedFor(answered);
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

// The time something is kept, from the time it ends: to the second, never below 0.
Result<ExitCode> CacheTtlSelftest(const CacheCall& call) {
  struct Known {
    CacheKind kind;
    Outcome outcome;
    long ends_in;  // seconds; 0: it has no end of its own.
    long ttl;
  };
  constexpr Known kKnown[] = {
      {CacheKind::kUnnamed, Outcome::kGood, 0, 3600},
      {CacheKind::kUnnamed, Outcome::kGood, 90, 90},
      {CacheKind::kUnnamed, Outcome::kGood, -5, 0},
      {CacheKind::kGroupMembers, Outcome::kGood, 0, 21600},
      {CacheKind::kTokenValidation, Outcome::kGood, 3600, 300},
      {CacheKind::kTokenValidation, Outcome::kUnhealthy, 0, 60},
      {CacheKind::kServiceError, Outcome::kGood, 0, 300},
      {CacheKind::kServiceError, Outcome::kStable, 0, 600},
      {CacheKind::kServiceError, Outcome::kUnhealthy, 0, 60},
      {CacheKind::kHealth, Outcome::kGood, 0, 180},
      {CacheKind::kHealth, Outcome::kUnhealthy, 0, 60},
  };
  const CacheTime now(std::chrono::seconds(1'000'000'000));
  bool ok = true;
  Json rows = Json::array();
  for (const Known& known : kKnown) {
    std::optional<CacheTime> ends;
    if (known.ends_in != 0) ends = now + std::chrono::seconds(known.ends_in);
    const CachePolicy& policy = PolicyOf(known.kind);
    const long ttl = policy.Ttl(known.outcome, ends, now).count();
    ok = ok && ttl == known.ttl;
    rows.push_back({{"kind", policy.name},
                    {"outcome", NameOf(known.outcome)},
                    {"ends_in", known.ends_in == 0 ? Json() : Json(known.ends_in)},
                    {"ttl", ttl},
                    {"ok", ttl == known.ttl}});
  }
  return Answer(call, rows, ok ? ExitCode::kDone : ExitCode::kFailure);
}

}  // namespace spa
