// How much faster remembering is than doing it again (cache.md D.4).
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "bench/laps.h"
#include "bench/measure.h"
#include "bench/plain_lru.h"
#include "bench/suites.h"
#include "bench/traces.h"
#include "bench/turns.h"
#include "cache/cache_manager.h"
#include "cache/memory_store.h"
#include "core/auth/token_validator.h"

namespace spa {
namespace {

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
  auto errors = BenchErrors(options);
  if (!errors) return errors;
  results.insert(results.end(), errors->begin(), errors->end());
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
