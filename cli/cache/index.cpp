// The verbs about many entries by pattern or tag: keys, index, invalidate, revoke.
#include <algorithm>
#include <iostream>
#include <set>

#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"

namespace spa {
namespace {

Tag TagOf(const CacheCall& call) { return Tag(call.words()[0], call.words()[1]); }

// The keys that were typed, come in on standard input, or match --pattern.
Result<std::vector<Selector>> Chosen(const CacheCall& call) {
  std::vector<Selector> chosen;
  const auto add_key = [&](const std::string& text) {
    chosen.emplace_back(GlobOf(KeyTyped(text)));
  };
  for (std::size_t i = 2; i < call.words().size(); ++i) add_key(call.words()[i]);
  if (call.Has("stdin")) {
    std::string line;
    while (std::getline(std::cin, line)) {
      if (!line.empty()) add_key(line);
    }
  }
  if (call.Has("pattern")) {
    for (Glob& glob : PatternTyped(call.Text("pattern"))) chosen.emplace_back(std::move(glob));
  }
  return chosen;
}

Task<std::vector<std::string>> Listed(CacheManager& caches, std::vector<Selector> selectors) {
  std::set<std::string> keys;
  for (Selector& selector : selectors) {
    for (std::string& key : co_await caches.Keys(std::move(selector))) keys.insert(std::move(key));
  }
  co_return std::vector<std::string>(keys.begin(), keys.end());
}

Result<ExitCode> AnswerCount(const CacheCall& call, std::string_view name, std::size_t count) {
  return Answer(call, {{name, count}}, std::to_string(count));
}

}  // namespace

Result<ExitCode> CacheKeys(const CacheCall& call) {
  std::vector<Selector> selectors;
  for (const std::string& text : call.All("tag")) {
    auto tag = TagTyped(text);
    if (!tag) return Fail(tag.error());
    selectors.emplace_back(std::move(*tag));
  }
  if (selectors.empty()) {
    const std::string pattern = call.words().empty() ? std::string() : call.words().front();
    for (Glob& glob : PatternTyped(pattern)) selectors.emplace_back(std::move(glob));
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    co_return Answer(call, Json(co_await Listed(caches, selectors)));
  });
}

Result<ExitCode> CacheIndexAdd(const CacheCall& call) {
  auto chosen = Chosen(call);
  if (!chosen) return Fail(chosen.error());
  if (chosen->empty()) {
    return Fail(ErrorCode::kUsage, "index add needs keys", "give keys, --pattern or --stdin");
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::size_t count = 0;
    for (const Selector& selector : *chosen) count += co_await caches.AddTag(selector, TagOf(call));
    co_return AnswerCount(call, "tagged", count);
  });
}

Result<ExitCode> CacheIndexRm(const CacheCall& call) {
  auto chosen = Chosen(call);
  if (!chosen) return Fail(chosen.error());
  if (chosen->empty()) chosen->emplace_back(TagOf(call));
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::size_t count = 0;
    for (const Selector& selector : *chosen) count += co_await caches.Untag(selector, TagOf(call));
    co_return AnswerCount(call, "untagged", count);
  });
}

Result<ExitCode> CacheIndexGet(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::vector<Selector> tag;
    tag.emplace_back(TagOf(call));
    co_return Answer(call, Json(co_await Listed(caches, std::move(tag))));
  });
}

Result<ExitCode> CacheIndexDelete(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    Selector tag = TagOf(call);  // One stamp, whatever carries it: nothing is counted.
    co_await caches.Erase(std::move(tag));
    const std::string done =
        "everything that carried " + call.words()[0] + "=" + call.words()[1] + " is gone";
    co_return Answer(call, {{"erased", true}, {"tag", call.words()[0] + "=" + call.words()[1]}},
                     done);
  });
}

Result<ExitCode> CacheInvalidate(const CacheCall& call) {
  const std::string provider = call.Text("provider");
  if (provider.empty()) {
    return Fail(ErrorCode::kUsage, "invalidate needs a provider",
                "name a host with --provider graph.microsoft.com");
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    Selector tag = Tag("provider", provider);
    co_await caches.Erase(std::move(tag));
    const CacheKey health(CacheKind::kHealth, provider);
    co_await caches.Open<std::string>(CacheKind::kHealth).Erase(health);
    co_return Answer(call, {{"provider", provider}, {"invalidated", true}},
                     "what was known of " + provider + " is gone");
  });
}

Result<ExitCode> CacheRevoke(const CacheCall& call) {
  const std::string jti = call.Text("jti");
  if (jti.empty()) {
    return Fail(ErrorCode::kUsage, "revoke needs the id of a token",
                "give the claim jti (or uti) with --jti");
  }
  WriteOptions options;
  if (call.Has("expires-at")) {
    const auto until = MomentTyped(call.Text("expires-at"), std::chrono::system_clock::now());
    if (!until) return Fail(until.error());
    options.expires_at = *until;
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    const CacheKey listed(CacheKind::kRevokedJti, jti);
    const bool stored =
        co_await caches.Open<std::string>(CacheKind::kRevokedJti).Set(listed, "", options);
    Selector verdicts = Tag("jti", jti);
    co_await caches.Erase(std::move(verdicts));
    if (caches.store() == nullptr) {
      Remark(call, "without a second level no other process learns of it");
    }
    co_return Answer(call, {{"jti", jti}, {"revoked", stored}},
                     stored ? "revoked" : "not revoked: the cache may not store",
                     stored ? ExitCode::kDone : ExitCode::kFailure);
  });
}

}  // namespace spa
