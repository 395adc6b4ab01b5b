// How much faster remembering is than doing it again (cache.md D.4).
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <list>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "bench/laps.h"
#include "bench/measure.h"
#include "bench/suites.h"
#include "bench/traces.h"
#include "cache/cache_manager.h"
#include "cache/memory_store.h"
#include "core/auth/token_validator.h"
#include "core/graph/service_error.h"

namespace spa {
namespace {

constexpr std::size_t kDifferent = 64;  // Tokens, answers: more than one, so that none is special.

// `operation(i)` of all kDifferent in turn, again and again. Percentiles are of whole turns, each
// too short for a busy machine to fall into many of them: the median is the figure to compare.
template <class Operation>
BenchResult InTurns(const char* operation_type, std::size_t turns, Operation operation) {
  Laps laps;
  for (std::size_t turn = 0; turn < std::max<std::size_t>(turns, 50); ++turn) {
    bool right = true;
    laps.Start();
    for (std::size_t i = 0; i < kDifferent; ++i) right = operation(i) && right;
    laps.Lap(right);
  }
  BenchResult result = laps.SumUp("ratios", operation_type, kDifferent);
  for (double* of_turn : {&result.avg_ms, &result.p50_ms, &result.p95_ms, &result.p99_ms,
                          &result.p99_9_ms, &result.max_ms}) {
    *of_turn /= kDifferent;
  }
  return result;
}

// `result` beside what it stands in for.
void Compare(BenchResult& result, const BenchResult& cold) {
  result.more["cold_ns"] = cold.p50_ms * 1e6;
  result.more["cached_ns"] = result.p50_ms * 1e6;
  result.more["ratio"] = cold.p50_ms / result.p50_ms;
}

struct Issuer {
  Issuer() : key(EVP_RSA_gen(2048), EVP_PKEY_free) {
    published.tenant_id = NewGuid();
    published.issuer = "https://login.microsoftonline.com/" + published.tenant_id + "/v2.0";
    published.keys["bench"] = key;
  }
  std::string Issue(CacheTime now) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    const nlohmann::json header = {{"typ", "JWT"}, {"alg", "RS256"}, {"kid", "bench"}};
    const nlohmann::json claims = {{"iss", published.issuer},
                                   {"tid", published.tenant_id},
                                   {"aud", client_id},
                                   {"azp", NewGuid()},
                                   {"sub", NewGuid()},
                                   {"uti", NewGuid()},
                                   {"roles", {"Sites.Read.All", "GroupMember.Read.All"}},
                                   {"nbf", seconds.count()},
                                   {"exp", seconds.count() + 3600}};
    std::string text = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
    std::size_t length = signature.size();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return text + "." + Base64Url(signature);
  }

  std::shared_ptr<EVP_PKEY> key;
  SigningKeys published;
  std::string client_id = NewGuid();
};

// The whole of a validation, against making the key of the token and finding its verdict.
void Token(const BenchOptions& options, std::vector<BenchResult>& results) {
  const Issuer issuer;
  const auto now = std::chrono::system_clock::now();
  CacheManager caches{CacheManager::Options()};
  auto verdicts = caches.Open<TokenVerdict>(CacheKind::kTokenValidation);
  std::vector<std::string> tokens;
  const auto validate = [&](const std::string& token) {
    return ValidateToken(token, issuer.published, issuer.client_id, now);
  };
  const auto remember = [&]() -> Task<void> {
    for (const std::string& token : tokens) {
      CacheKey key = CacheKey::OfSecret(CacheKind::kTokenValidation, token);
      TokenVerdict verdict = validate(token);
      co_await verdicts.Set(std::move(key), std::move(verdict));
    }
  };
  for (std::size_t i = 0; i < kDifferent; ++i) tokens.push_back(issuer.Issue(now));
  asio::io_context io;
  RunToEnd(io, remember());

  const std::size_t turns = options.operations / kDifferent;
  results.push_back(InTurns("token, validated", turns / 100,
                            [&](std::size_t i) { return validate(tokens[i]).valid(); }));
  results.push_back(InTurns("token, cached", turns, [&](std::size_t i) {
    const auto hit = verdicts.Peek(CacheKey::OfSecret(CacheKind::kTokenValidation, tokens[i]));
    return hit && *hit && (**hit).value->valid();
  }));
  Compare(results.back(), results[results.size() - 2]);
}

std::string Render(const Error& error) {
  return nlohmann::json{{"message", error.message},
                        {"remedy", error.remedy},
                        {"code", error.service_code},
                        {"request_id", error.request_id},
                        {"status", error.http_status}}
      .dump();
}

// A failed answer read, judged and rendered, against making the key of what was asked and finding
// what came of it. `against_50_ms`: the call to the service that a hit saves, which is what counts.
void ErrorAnswer(const BenchOptions& options, std::vector<BenchResult>& results) {
  CacheManager caches{CacheManager::Options()};
  auto rendered = caches.Open<std::string>(CacheKind::kServiceError);
  std::vector<std::string> asked, bodies;
  for (std::size_t i = 0; i < kDifferent; ++i) {
    const std::string id = NewGuid();
    asked.push_back("GET /v1.0/sites/" + id + "/drives");
    const nlohmann::json body = {{"error",
                                  {{"code", "itemNotFound"},
                                   {"message", "The resource could not be found: " + id},
                                   {"innerError",
                                    {{"code", "resourceNotFound"},
                                     {"date", "2026-01-02T03:04:05"},
                                     {"request-id", NewGuid()},
                                     {"client-request-id", NewGuid()}}}}}};
    bodies.push_back(body.dump());
  }
  const auto diagnose = [&](std::size_t i) {
    return Render(ErrorFromAnswer(404, {}, bodies[i], asked[i]));
  };
  const auto remember = [&]() -> Task<void> {
    for (std::size_t i = 0; i < kDifferent; ++i) {
      CacheKey key(CacheKind::kServiceError, asked[i]);
      co_await rendered.Set(std::move(key), diagnose(i));
    }
  };
  asio::io_context io;
  RunToEnd(io, remember());
  std::vector<std::string> right;
  for (std::size_t i = 0; i < kDifferent; ++i) right.push_back(diagnose(i));

  const std::size_t turns = options.operations / kDifferent;
  results.push_back(InTurns("error, diagnosed", turns / 10,
                            [&](std::size_t i) { return diagnose(i) == right[i]; }));
  results.push_back(InTurns("error, cached", turns, [&](std::size_t i) {
    const auto hit = rendered.Peek(CacheKey(CacheKind::kServiceError, asked[i]));
    return hit && *hit && *(**hit).value == right[i];
  }));
  Compare(results.back(), results[results.size() - 2]);
  results.back().more["against_50_ms"] = 50e6 / results.back().more["cached_ns"];
}

// What one would write at first: one lock, one list.
class PlainLru {
 public:
  explicit PlainLru(std::size_t limit) : limit_(limit) {}
  std::shared_ptr<const std::string> Get(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }
  void Set(const std::string& key, std::shared_ptr<const std::string> value) {
    std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found != places_.end()) order_.erase(found->second);
    order_.emplace_front(key, std::move(value));
    places_[key] = order_.begin();
    if (order_.size() <= limit_) return;
    places_.erase(order_.back().first);
    order_.pop_back();
  }

 private:
  using Order = std::list<std::pair<std::string, std::shared_ptr<const std::string>>>;
  const std::size_t limit_;
  std::mutex mutex_;
  Order order_;  // Last used first.
  std::unordered_map<std::string, Order::iterator> places_;
};

// Nine lookups to one write, by as many threads as asked, of sessions that all fit.
Status Registry(const BenchOptions& options, std::vector<BenchResult>& results) {
  TraceShape shape;
  shape.keys = options.keys;
  shape.length = options.operations;
  shape.seed = options.seed;
  const auto trace = MakeTrace("zipf-0.99", shape);
  if (!trace) return Fail(trace.error());
  std::vector<CacheKey> keys;
  std::vector<std::shared_ptr<const std::string>> values;
  PlainLru plain(options.keys + 1);
  MemoryStore ours({options.keys * 2, std::size_t{1} << 30});
  const auto entry = [&](std::size_t key) {
    Entry made;
    made.value = values[key];
    made.cost = options.value_bytes;
    made.expires = CacheTime::max();
    return made;
  };
  for (const std::string& text : trace->keys) {
    keys.emplace_back(CacheKind::kAccessToken, text);
    values.push_back(std::make_shared<const std::string>(text));
    plain.Set(text, values.back());
    ours.Set(keys.back(), entry(keys.size() - 1));
  }
  for (const int threads : options.threads) {
    const std::size_t each = options.operations / static_cast<std::size_t>(threads);
    const auto at = [&](int thread, std::size_t i) {
      return trace
          ->sequence[(i + static_cast<std::size_t>(thread) * 7'919) % trace->sequence.size()];
    };
    results.push_back(Measure("ratios", fmt::format("sessions, one lock, {} threads", threads),
                              threads, each, options.repeats, [&](int thread, std::size_t i) {
                                const auto key = at(thread, i);
                                if (i % 10 == 0) {
                                  plain.Set(trace->keys[key], values[key]);
                                  return true;
                                }
                                return plain.Get(trace->keys[key]) == values[key];
                              }));
    const double locked = 1e9 / results.back().operations_per_second;
    results.push_back(Measure("ratios", fmt::format("sessions, {} threads", threads), threads, each,
                              options.repeats, [&](int thread, std::size_t i) {
                                const auto key = at(thread, i);
                                if (i % 10 == 0) {
                                  ours.Set(keys[key], entry(key));
                                  return true;
                                }
                                const auto found = ours.Get(keys[key], CacheTime());
                                return found && found->value == values[key];
                              }));
    BenchResult& result = results.back();
    result.more["locked_ns"] = locked;
    result.more["ratio"] = locked * result.operations_per_second / 1e9;
  }
  return {};
}

}  // namespace

BenchResults BenchRatios(const BenchOptions& options) {
  std::vector<BenchResult> results;
  Token(options, results);
  ErrorAnswer(options, results);
  auto dedup = BenchDedup(options);
  if (!dedup) return dedup;
  for (BenchResult& result : *dedup) {
    result.suite = "ratios";
    result.more["ratio"] = result.more["calls_per_load"];
    results.push_back(std::move(result));
  }
  if (auto measured = Registry(options, results); !measured) return Fail(measured.error());
  return results;
}

}  // namespace spa
