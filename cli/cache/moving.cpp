// The verbs that move what a store holds: backup, restore, migrate, and validate, which compares.
#include "cache/migration.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"

namespace spa {
namespace {

struct Ends {
  std::string from, to;
};
Result<Ends> EndsOf(const CacheCall& call) {
  Ends ends{call.Text("from"), call.Text("to")};
  if (ends.from.empty() || ends.to.empty() || ends.from == ends.to) {
    return Fail(ErrorCode::kUsage, "two stores are needed",
                "name them: --from disk:a.db --to redis://127.0.0.1:6379");
  }
  return ends;
}

Json JsonOf(const ValidationReport& report) {
  Json ttls = Json::array();
  for (const TtlMismatch& mismatch : report.ttl_mismatches) {
    ttls.push_back({{"key", mismatch.key},
                    {"from_ms", mismatch.from.count()},
                    {"to_ms", mismatch.to.count()}});
  }
  return {{"is_consistent", report.is_consistent},
          {"key_count_match", report.key_count_match},
          {"value_mismatches", report.value_mismatches},
          {"ttl_mismatches", std::move(ttls)},
          {"metadata_mismatches", report.metadata_mismatches}};
}

}  // namespace

Result<ExitCode> CacheBackup(const CacheCall& call) {
  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    const auto done = co_await Backup(store, call.words().front());
    if (!done) co_return Fail(done.error());
    co_return Answer(call, {{"path", done->path},
                            {"entries", done->entries},
                            {"bytes", done->bytes},
                            {"sha256", done->sha256},
                            {"duration_ms", done->duration.count()}});
  });
}

Result<ExitCode> CacheRestore(const CacheCall& call) {
  return WithStore(call, [&](Store& store) -> Task<Result<ExitCode>> {
    const auto done = co_await Restore(call.words().front(), store);
    if (!done) co_return Fail(done.error());
    co_return Answer(call, {{"path", done->path},
                            {"entries", done->entries},
                            {"skipped", done->skipped},
                            {"duration_ms", done->duration.count()}});
  });
}

Result<ExitCode> CacheMigrate(const CacheCall& call) {
  const auto ends = EndsOf(call);
  if (!ends) return Fail(ends.error());
  return WithStores(call, ends->from, ends->to,
                    [&](Store& from, Store& to) -> Task<Result<ExitCode>> {
                      MigrationResult sum;
                      for (Glob& glob : PatternTyped(call.Text("pattern"))) {
                        const auto done = co_await Migrate(from, to, std::move(glob));
                        if (!done) co_return Fail(done.error());
                        sum.entries += done->entries;
                        sum.skipped += done->skipped;
                      }
                      co_return Answer(call, {{"entries", sum.entries}, {"skipped", sum.skipped}});
                    });
}

Result<ExitCode> CacheValidate(const CacheCall& call) {
  const auto ends = EndsOf(call);
  if (!ends) return Fail(ends.error());
  return WithStores(
      call, ends->from, ends->to, [&](Store& from, Store& to) -> Task<Result<ExitCode>> {
        const auto report = co_await Validate(from, to);
        if (!report) co_return Fail(report.error());
        co_return Answer(call, JsonOf(*report),
                         report->is_consistent ? ExitCode::kDone : ExitCode::kFailure);
      });
}

}  // namespace spa
