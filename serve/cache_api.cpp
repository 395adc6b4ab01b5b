#include "serve/cache_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/clock.h"
#include "core/encoding.h"
#include "core/log/log.h"
#include "core/secret.h"
#include "serve/openapi.h"
#include "serve/prometheus.h"

namespace spa {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestId = 256;
constexpr std::string_view kNameMark = "{name}";

HttpAnswer Json(const json& body, int status = 200) {
  return {status, "application/json",
          body.dump(2, ' ', false, json::error_handler_t::replace) + "\n"};
}

// The part of `path` that stands where the pattern says "{name}"; nothing where it is another path.
std::optional<std::string> Match(std::string_view pattern, std::string_view path) {
  const std::size_t mark = pattern.find(kNameMark);
  if (mark == std::string_view::npos) {
    return pattern == path ? std::optional<std::string>(std::string()) : std::nullopt;
  }
  if (!path.starts_with(pattern.substr(0, mark))) return std::nullopt;
  const std::string_view name = path.substr(mark);
  if (name.empty() || name.find('/') != std::string_view::npos) return std::nullopt;
  return UrlDecode(name);
}

// "Bearer x" -> "x"
std::string_view BearerOf(const HttpCall& call) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view header = call.Header("Authorization");
  if (header.size() <= kScheme.size()) return {};
  if (AsciiLower(header.substr(0, kScheme.size())) != kScheme) return {};
  return header.substr(kScheme.size());
}

// The body as a JSON object; an empty one is {}. Nothing where it is neither.
std::optional<json> BodyOf(const HttpCall& call) {
  if (call.body.empty()) return json::object();
  json body = json::parse(call.body, nullptr, false);
  if (!body.is_object()) return std::nullopt;
  return body;
}

std::string TextOf(const json& body, const char* name) {
  const auto at = body.find(name);
  return at != body.end() && at->is_string() ? at->get<std::string>() : std::string();
}

json HealthOf(const std::string& name, const Health& health) {
  return {{"name", name},
          {"state", NameOf(health.state)},
          {"p50_us", health.p50.count()},
          {"p99_us", health.p99.count()},
          {"error_rate", health.error_rate},
          {"last_error", health.last_error},
          {"degraded_ms", health.degraded.count()}};
}

HttpAnswer UnknownCache(const std::string& name) {
  return Problem(404, "There is no such cache", fmt::format("\"{}\" is no cache", name));
}

}  // namespace

const CacheApi::Route CacheApi::kRoutes[] = {
    {"GET", "/healthz", true, &CacheApi::Healthz},
    {"GET", "/metrics", false, &CacheApi::Metrics},
    {"GET", "/openapi.json", false, &CacheApi::OpenApi},
    {"GET", "/cache/stats", false, &CacheApi::Stats},
    {"GET", "/cache/stats/{name}", false, &CacheApi::KindStatsOf},
    {"GET", "/cache/health", false, &CacheApi::Health},
    {"GET", "/cache/performance-metrics", false, &CacheApi::Performance},
    {"POST", "/cache/cleanup", false, &CacheApi::Cleanup},
    {"POST", "/cache/clear/{name}", false, &CacheApi::Clear},
    {"POST", "/cache/clear-all", false, &CacheApi::ClearAll},
    {"POST", "/cache/invalidate", false, &CacheApi::Invalidate},
    {"POST", "/cache/token/revoke", false, &CacheApi::Revoke},
    {"POST", "/cache/token/validate", false, &CacheApi::Validate},
};

std::vector<CacheApi::RouteName> CacheApi::Routes() {
  std::vector<RouteName> names;
  for (const Route& route : kRoutes) names.push_back({route.method, route.path});
  return names;
}

CacheApi::CacheApi(CacheManager& caches, ApiKey key, TokenGate* tokens, const AlertWatch& alerts,
                   Options options)
    : caches_(caches),
      key_(std::move(key)),
      tokens_(tokens),
      alerts_(alerts),
      options_(std::move(options)),
      limiter_(options_.rate, 2 * options_.rate),
      started_(options_.clock()) {}

void CacheApi::Renew(ApiKey key, double rate) {
  key_ = std::move(key);
  options_.rate = rate;
  limiter_ = RateLimiter(rate, 2 * rate);
}

Task<HttpAnswer> CacheApi::Handle(HttpCall call) {
  Turn turn(std::move(call));
  HttpAnswer answer = co_await Answer(turn);
  if (turn.call.method == "POST") {
    log::Info("cache management",
              {{"caller", turn.caller.empty() ? "nobody known at " + turn.call.peer : turn.caller},
               {"call", turn.call.method + " " + turn.call.path},
               {"status", std::to_string(answer.status)},
               {"count", turn.count ? std::to_string(*turn.count) : "-"}});
  }
  Wipe(turn.token);
  for (auto& [name, value] : turn.call.headers) Wipe(value);
  co_return answer;
}

Task<HttpAnswer> CacheApi::Answer(Turn& turn) {
  const Route* found = nullptr;
  std::string allowed;
  for (const Route& route : kRoutes) {
    auto name = Match(route.path, turn.call.path);
    if (!name) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method != turn.call.method) continue;
    found = &route;
    turn.name = *std::move(name);
  }
  if (found == nullptr || !found->open) {
    if (auto refusal = co_await Refuse(turn)) co_return *std::move(refusal);
  } else if (auto refusal = Limit("address " + turn.call.peer)) {
    co_return *std::move(refusal);
  }
  if (found == nullptr && allowed.empty()) co_return Problem(404, "There is nothing here");
  if (found == nullptr) {
    HttpAnswer answer = Problem(405, "That is not done here");
    answer.headers.emplace_back("Allow", allowed);
    co_return answer;
  }
  co_return co_await (this->*found->answer)(turn);
}

// --- who calls, and how often ---

Task<std::optional<HttpAnswer>> CacheApi::Refuse(Turn& turn) {
  auto refusal = co_await Authenticate(turn);
  if (!refusal) co_return Limit(turn.caller);
  // Whoever tries keys is slowed down, without harm to those who have one.
  if (auto slower = Limit("address " + turn.call.peer)) co_return slower;
  co_return refusal;
}

Task<std::optional<HttpAnswer>> CacheApi::Authenticate(Turn& turn) {
  const std::string_view key = turn.call.Header("X-Api-Key");
  if (!key.empty()) {
    if (!key_.Matches(key)) co_return Unauthorized("the API key is wrong");
    turn.caller = "api key";
    co_return std::nullopt;
  }
  std::string token(BearerOf(turn.call));
  if (token.empty()) co_return Unauthorized("give an API key or an access token");
  if (tokens_ == nullptr) {
    co_return Unauthorized("access tokens are not taken: no tenant and application are configured");
  }
  const auto verdict = co_await tokens_->Check(token);
  if (!verdict) {
    log::Warn("an access token could not be checked", {{"reason", verdict.error().message}});
    HttpAnswer answer = Problem(503, "The tenant's signing keys cannot be read now");
    answer.headers.emplace_back("Retry-After", "10");
    co_return answer;
  }
  const TokenVerdict& known = **verdict;
  if (!known.valid()) co_return Unauthorized(WordsFor(known.fault));
  const TokenClaims& claims = known.claims;
  const bool own = claims.app_id == options_.client_id && !claims.delegated;
  const auto& roles = claims.roles;
  if (!own && std::find(roles.begin(), roles.end(), kRole) == roles.end()) {
    co_return Problem(403, "This token may not manage the cache",
                      fmt::format("it needs the application role {}", kRole));
  }
  turn.caller = fmt::format("application {} subject {}", claims.app_id, claims.subject);
  turn.token = std::move(token);
  co_return std::nullopt;
}

std::optional<HttpAnswer> CacheApi::Limit(const std::string& caller) {
  const auto wait = limiter_.Take(caller, options_.clock());
  if (!wait) return std::nullopt;
  HttpAnswer answer = Problem(429, "Too many calls");
  answer.headers.emplace_back("Retry-After", std::to_string(wait->count()));
  return answer;
}

HttpAnswer CacheApi::Unauthorized(std::string_view detail) {
  HttpAnswer answer = Problem(401, "Who are you?", detail);
  answer.headers.emplace_back(
      "WWW-Authenticate",
      fmt::format("Bearer error=\"invalid_token\", error_description=\"{}\"", detail));
  return answer;
}

// --- looking ---

Task<HttpAnswer> CacheApi::Healthz(Turn&) { co_return Json({{"status", "ok"}}); }

Task<HttpAnswer> CacheApi::Metrics(Turn&) {
  co_return HttpAnswer(200, "text/plain; version=0.0.4; charset=utf-8",
                       PrometheusText(caches_.Stats(), alerts_));
}

Task<HttpAnswer> CacheApi::OpenApi(Turn&) {
  co_return HttpAnswer(200, "application/json", std::string(kOpenApi));
}

Task<HttpAnswer> CacheApi::Stats(Turn&) {
  json body = ToJson(caches_.Stats());
  if (Store* store = caches_.store()) {
    const auto counters = co_await store->Counters();
    if (counters) body["stored"] = StoredToJson(*counters);
  }
  co_return Json(body);
}

Task<HttpAnswer> CacheApi::KindStatsOf(Turn& turn) {
  const auto kind = KindNamed(turn.name);
  if (!kind) co_return UnknownCache(turn.name);
  const CacheStats stats = caches_.Stats();
  KindStats found;
  for (const KindStats& each : stats.kinds) {
    if (each.kind == turn.name) found = each;
  }
  json body = ToJson(found);
  body["kind"] = turn.name;
  co_return Json(body);
}

Task<HttpAnswer> CacheApi::Health(Turn&) {
  const CacheStats stats = caches_.Stats();
  json alerts = json::array();
  for (const AlertRule rule : kAlertRules) {
    const Alert& alert = alerts_.Of(rule);
    if (alert.active) alerts.push_back({{"rule", NameOf(rule)}, {"reason", alert.reason}});
  }
  json nodes = json::array();
  if (Store* store = caches_.store()) {
    const auto info = co_await store->Info();
    for (const StoreNode& node : info ? info->nodes : std::vector<StoreNode>()) {
      nodes.push_back(HealthOf(node.name, node.health));
    }
  }
  json providers = json::array();
  if (options_.hosts) {
    for (const auto& [name, health] : options_.hosts()) providers.push_back(HealthOf(name, health));
  }
  const bool missing = !stats.l2.url.empty() && !(stats.l2.open && stats.l2.reachable);
  const std::string_view status = missing ? "unhealthy" : alerts.empty() ? "healthy" : "degraded";
  json body = {{"status", status},
               {"enabled", stats.enabled},
               {"mode", stats.mode},
               {"memory",
                {{"entries", stats.total.entries},
                 {"bytes", stats.total.bytes},
                 {"utilization", stats.total.utilization()}}},
               {"l2",
                {{"url", stats.l2.url},
                 {"reachable", stats.l2.open && stats.l2.reachable},
                 {"watching", stats.l2.watching},
                 {"degraded_ms", stats.l2.degraded.count()},
                 {"nodes", std::move(nodes)}}},
               {"providers", std::move(providers)},
               {"alerts", std::move(alerts)}};
  co_return Json(body, missing ? 503 : 200);
}

Task<HttpAnswer> CacheApi::Performance(Turn&) {
  const CacheStats stats = caches_.Stats();
  const double uptime = std::chrono::duration<double>(options_.clock() - started_).count();
  const auto rate = [uptime](std::uint64_t count) {
    return uptime > 0 ? static_cast<double>(count) / uptime : 0.0;
  };
  const auto describe = [&](const KindStats& kind) {
    const json all = ToJson(kind);
    return json{{"lookups_per_second", rate(kind.lookups)},
                {"loads_per_second", rate(kind.loads)},
                {"evictions_per_second", rate(kind.evictions)},
                {"hit_rate", kind.hit_rate()},
                {"utilization", kind.utilization()},
                {"speedup", kind.speedup()},
                {"latency_ns", all["latency_ns"]}};
  };
  const auto joined = static_cast<double>(stats.total.flights_joined);
  const double wanted = joined + static_cast<double>(stats.total.flights_started);
  json kinds = json::object();
  for (const KindStats& kind : stats.kinds) kinds[std::string(kind.kind)] = describe(kind);
  const json all = ToJson(stats);
  co_return Json({{"uptime_seconds", uptime},
                  {"kinds", std::move(kinds)},
                  {"total", describe(stats.total)},
                  {"concurrency",
                   {{"flights_active", stats.total.flights_active},
                    {"flights_started", stats.total.flights_started},
                    {"flights_joined", stats.total.flights_joined},
                    {"joined_ratio", wanted > 0 ? joined / wanted : 0.0},
                    {"shard_waits", stats.total.shard_waits}}},
                  {"l2",
                   {{"operations_per_second", rate(stats.l2.operations)},
                    {"errors_per_second", rate(stats.l2.errors)},
                    {"latency_ns", all["l2"]["latency_ns"]}}}});
}

// --- keeping ---

Task<HttpAnswer> CacheApi::Cleanup(Turn& turn) {
  turn.count = co_await caches_.Cleanup();
  co_return Json({{"removed", *turn.count}});
}

Task<HttpAnswer> CacheApi::Clear(Turn& turn) {
  const auto kind = KindNamed(turn.name);
  if (!kind) co_return UnknownCache(turn.name);
  turn.count = co_await caches_.Clear(kind);
  co_return Json({{"cache", turn.name}, {"removed", *turn.count}});
}

Task<HttpAnswer> CacheApi::ClearAll(Turn& turn) {
  if (turn.call.Query("confirm") != "true") {
    co_return Problem(409, "This empties every cache",
                      "ask again with ?confirm=true if that is what you want");
  }
  turn.count = co_await caches_.Clear(std::nullopt);
  json warnings = json::array(
      {"Everything remembered is gone: the next audit reads it all again.",
       "The list of revoked tokens is gone, too: revoke again those that have not ended yet."});
  if (caches_.store() != nullptr) {
    warnings.push_back("The second level was emptied for every process that shares it.");
  }
  co_return Json({{"removed", *turn.count}, {"warnings", std::move(warnings)}});
}

Task<HttpAnswer> CacheApi::Invalidate(Turn& turn) {
  const auto provider = turn.call.Query("provider");
  if (!provider || provider->empty() || provider->size() > kLongestId) {
    co_return Problem(400, "Of which provider?", "give ?provider=HOST");
  }
  Selector selector = Tag("provider", std::string(*provider));
  turn.count = (co_await caches_.Keys(selector)).size();  // Erasing by tag counts nothing.
  co_await caches_.Erase(std::move(selector));
  co_return Json({{"provider", *provider}, {"removed", *turn.count}});
}

// --- access tokens ---

Task<HttpAnswer> CacheApi::Revoke(Turn& turn) {
  if (tokens_ == nullptr) {
    co_return Problem(409, "Access tokens are not taken here", "there is nothing to revoke");
  }
  const auto body = BodyOf(turn.call);
  if (!body) co_return Problem(400, "The body is no JSON object");
  std::string id = TextOf(*body, "jti");
  std::optional<CacheTime> until;
  if (const auto at = body->find("expires_at"); at != body->end()) {
    if (!at->is_number_unsigned() || at->get<std::uint64_t>() > 4'000'000'000) {
      co_return Problem(400, "expires_at is no time", "give seconds since 1970, as the claim exp");
    }
    until = CacheTime(std::chrono::seconds(at->get<std::int64_t>()));
  }
  if (id.empty() && body->empty() && !turn.token.empty()) {  // The caller's own: signing off.
    const auto claims = ReadTokenClaims(turn.token);
    if (claims) id = claims->id, until = claims->expires_at;
  }
  if (id.empty() || id.size() > kLongestId) {
    co_return Problem(400, "Which token?", "give {\"jti\": \"…\"}, the token's claim jti or uti");
  }
  if (!co_await tokens_->Revoke(id, until)) {
    co_return Problem(409, "The cache may not store", "start the server with cache.mode readwrite");
  }
  turn.count = 1;
  co_return Json({{"jti", id}, {"revoked", true}});
}

Task<HttpAnswer> CacheApi::Validate(Turn& turn) {
  if (tokens_ == nullptr) co_return Problem(409, "Access tokens are not taken here");
  const auto body = BodyOf(turn.call);
  std::string token = body ? TextOf(*body, "token") : std::string();
  if (token.empty() && body && body->empty()) token = turn.token;
  if (token.empty()) co_return Problem(400, "Which token?", "give {\"token\": \"…\"}");
  const auto verdict = co_await tokens_->Check(std::move(token));
  if (!verdict) co_return Problem(503, "The tenant's signing keys cannot be read now");
  const TokenVerdict& known = **verdict;
  json answer = {
      {"valid", known.valid()}, {"fault", NameOf(known.fault)}, {"reason", WordsFor(known.fault)}};
  if (known.valid()) {
    answer["jti"] = known.claims.id;
    answer["application"] = known.claims.app_id;
    answer["subject"] = known.claims.subject;
    answer["expires_at"] = UtcText(*known.claims.expires_at);
  }
  co_return Json(answer);
}

}  // namespace spa
