// The verbs that keep the cache in order: cleanup, clear, evict, populate, verify.
#include <fmt/format.h>

#include "cache/envelope.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"

namespace spa {
namespace {

Result<ExitCode> AnswerCount(const CacheCall& call, std::string_view name, std::size_t count) {
  return Answer(call, {{name, count}}, std::to_string(count));
}

// Calls `visit` for each page of the keys.
Task<Status> ForEachPage(Store& store,
                         std::function<Task<Status>(std::vector<std::string> keys)> visit) {
  std::string cursor;
  do {
    Glob all("sharepoint_audit:*");
    auto page = co_await store.Scan(std::move(all), std::move(cursor));
    if (!page) co_return Fail(page.error());
    cursor = std::move(page->cursor);
    if (auto done = co_await visit(std::move(page->keys)); !done) co_return done;
  } while (!cursor.empty());
  co_return Status();
}

}  // namespace

Result<ExitCode> CacheCleanup(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    co_return AnswerCount(call, "removed", co_await caches.Cleanup());
  });
}

Result<ExitCode> CacheClear(const CacheCall& call) {
  std::optional<CacheKind> kind;
  if (!call.words().empty()) {
    const auto known = KindTyped(call.words().front());
    if (!known) return Fail(known.error());
    kind = *known;
  } else if (!call.Has("all")) {
    return Fail(ErrorCode::kUsage, "clear needs to know what", "name a kind, or give --all --yes");
  } else if (!call.Has("yes")) {
    return Fail(ErrorCode::kUsage, "clear --all forgets everything that was ever read",
                "say that you mean it: clear --all --yes");
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    const std::size_t count = co_await caches.Clear(kind);
    Json warnings = Json::array();
    if (!kind) warnings.push_back("the next audit reads everything from the tenant again");
    co_return Answer(call, {{"cleared", count}, {"warnings", std::move(warnings)}},
                     std::to_string(count));
  });
}

Result<ExitCode> CacheEvict(const CacheCall& call) {
  const auto count = call.Number("count", 10, 1);
  if (!count) return Fail(count.error());
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    Remark(call, "the memory of this process begins empty; other processes keep theirs");
    co_return AnswerCount(call, "evicted", caches.EvictSome(static_cast<std::size_t>(*count)));
  });
}

// Entries of the kind "unnamed" with the ids populate-0 and so on, to try a store with.
Result<ExitCode> CachePopulate(const CacheCall& call) {
  const std::string size = call.Text("size", "small");
  const std::size_t entries = size == "small" ? 100 : size == "medium" ? 10'000 : 100'000;
  constexpr std::size_t kBatch = 500;
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    auto cache = caches.Open<std::string>(CacheKind::kUnnamed);
    std::size_t bytes = 0;
    for (std::size_t from = 0; from < entries; from += kBatch) {
      std::vector<std::pair<CacheKey, std::string>> batch;
      for (std::size_t i = from; i < std::min(from + kBatch, entries); ++i) {
        std::string value = fmt::format(R"({{"number": {}, "text": ")", i);
        value.append(20 + i % 7 * 300, static_cast<char>('a' + i % 26)).append("\"}");
        bytes += value.size();
        batch.emplace_back(CacheKey(CacheKind::kUnnamed, fmt::format("populate-{}", i)),
                           std::move(value));
      }
      co_await cache.SetMany(std::move(batch));
    }
    co_return Answer(call, {{"entries", entries}, {"bytes", bytes}}, std::to_string(entries));
  });
}

// Opens every envelope of the second level: what cannot be opened would be a miss, and something
// forged is a finding.
Result<ExitCode> CacheVerify(const CacheCall& call) {
  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    const SealOptions seal = CacheOptionsOf(call.config()).seal;
    std::map<OpenProblem, std::size_t> count;
    std::string first_forged;
    std::function<Task<Status>(std::vector<std::string>)> look =
        [&](std::vector<std::string> keys) -> Task<Status> {
      std::vector<std::string> asked = keys;
      const auto found = co_await store.Get(std::move(asked));
      if (!found) co_return Fail(found.error());
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (!(*found)[i]) continue;
        const OpenProblem problem = OpenEnvelope(*(*found)[i], keys[i], seal).problem;
        ++count[problem];
        if (problem == OpenProblem::kForged && first_forged.empty()) first_forged = keys[i];
      }
      co_return Status();
    };
    if (auto done = co_await ForEachPage(store, std::move(look)); !done)
      co_return Fail(done.error());
    const std::size_t forged = count[OpenProblem::kForged];
    const std::size_t unreadable =
        count[OpenProblem::kForeign] + count[OpenProblem::kVersion] + count[OpenProblem::kCorrupt];
    Json answer = {{"ok", count[OpenProblem::kNone]},
                   {"foreign", count[OpenProblem::kForeign]},
                   {"other_version", count[OpenProblem::kVersion]},
                   {"corrupt", count[OpenProblem::kCorrupt]},
                   {"forged", forged}};
    if (forged > 0) answer["first_forged"] = first_forged;
    co_return Answer(call, answer,
                     forged > 0       ? ExitCode::kFindings
                     : unreadable > 0 ? ExitCode::kFailure
                                      : ExitCode::kDone);
  });
}

}  // namespace spa
