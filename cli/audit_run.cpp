#include "cli/audit_run.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>

#include "cli/audit_pipeline.h"
#include "cli/cache_options.h"
#include "cli/cache_trace.h"
#include "cli/cached_tokens.h"
#include "cli/exit_code.h"
#include "cli/host_health.h"
#include "cli/progress.h"
#include "cli/replay.h"
#include "cli/run_loop.h"
#include "cli/shared_budget.h"
#include "cli/shared_reads.h"
#include "core/auth/token_source.h"
#include "core/capture/capture_reader.h"
#include "core/capture/capture_writer.h"
#include "core/clock.h"
#include "core/log/log.h"
#include "permissions/findings/evaluation.h"

namespace spa {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kLargeAnswer = 256 << 10;  // Bytes.
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr auto kCommit = std::chrono::milliseconds(500);

// Where the answers of a run go, or come from. At most one.
struct Tape {
  std::unique_ptr<CaptureWriter> writer;
  std::unique_ptr<CaptureReader> reader;
};

// Everything one audit needs, in the order in which it is made.
class Audit {
 public:
  Audit(const AuditOptions& options, std::unique_ptr<AuditStore> store, Tape tape)
      : options_(options),
        config_(options.config),
        record_(std::move(tape.writer)),
        replay_(std::move(tape.reader)),
        io_(1),
        store_(std::move(store)),
        concurrency_(io_, LimitsOf(options)),
        http_(io_, concurrency_, HttpOptionsOf(config_)),
        cache_(OptionsOfCache(options, replay_.get())),
        reads_(cache_, hosts_, config_.auth.tenant_id),
        writer_(*store_, concurrency_),
        progress_(stderr, Progress::ForStderr(options.quiet)) {}

  Result<AuditOutcome> Run(const std::vector<Rule>& rules);
  Result<WarmOutcome> Warm(const RunUse& use);

 private:
  static ConcurrencyManager::Limits LimitsOf(const AuditOptions& options) {
    const ConcurrencyConfig& config = options.config.concurrency;
    return {config.max_api_calls, config.max_db_connections, config.max_cpu_tasks,
            !options.replay.empty()};
  }
  static CacheManager::Options OptionsOfCache(const AuditOptions& options,
                                              const CaptureReader* replay) {
    CacheManager::Options cache = CacheOptionsOf(options.config);
    if (replay) {
      const auto time = RunTime(replay->head().started_at);
      cache.clock = [time] { return time; };
    }
    if (options.no_cache) cache.enabled = false;
    if (options.max_age) cache.not_before = cache.clock() - *options.max_age;
    cache.refresh_behind = false;              // An audit can wait, and would rather have it new.
    cache.load_cap = std::chrono::seconds(0);  // Throttling may take minutes: --patience ends it.
    return cache;
  }

  Status ConnectTape();
  Status Prepare();
  Ending RunLoop(Task<void> work);
  // With the cache open.
  [[nodiscard]] Task<void> Main(Task<void> work);
  [[nodiscard]] Task<void> Work();
  [[nodiscard]] Task<void> WarmWork(const RunUse& use, WarmOutcome& outcome);
  [[nodiscard]] Task<void> OpenCache();
  [[nodiscard]] Task<void> CloseCache();
  [[nodiscard]] Task<void> EndLoads();
  [[nodiscard]] Task<void> SignIn();
  [[nodiscard]] Task<void> ShareBudget(Shard shard, TaskGroup& group);
  [[nodiscard]] Task<void> ShowProgress();
  [[nodiscard]] Task<void> CommitNowAndThen();
  ProgressSnapshot Snapshot();
  Result<RunSummary> Summarise(const std::string& status);

  const AuditOptions& options_;
  const Config& config_;
  const std::unique_ptr<CaptureWriter> record_;  // --record
  const std::unique_ptr<CaptureReader> replay_;  // --replay
  asio::io_context io_;
  std::unique_ptr<AuditStore> store_;
  ConcurrencyManager concurrency_;
  HostHealth hosts_;
  HttpClient http_;
  CacheManager cache_;
  CacheStats cache_stats_;  // As it was at the end of the work.
  SharedReads reads_;
  Subscription cache_log_, cache_trace_;
  std::unique_ptr<TokenSource> tokens_;
  std::optional<ServiceClient> service_;
  std::unique_ptr<BudgetSharing> sharing_;  // Of a shard, with Redis.
  StoreWriter writer_;
  Progress progress_;
  RunProgress counters_;
  RunInfo run_;
  SteadyClock::time_point started_ = SteadyClock::now();
};

Status Audit::Prepare() {
  http_.set_listener([this](const HttpEnding& ending) { hosts_.Heard(ending); });
  if (auto connected = ConnectTape(); !connected) return Fail(std::move(connected.error()));
  service_.emplace(io_, concurrency_, http_, *tokens_,
                   Audiences(config_.graph.base_url, config_.tenant_url), options_.patience,
                   replay_ ? UnitBudget::Limits()
                           : UnitBudget::LimitsOf(config_.concurrency.resource_units_per_minute));
  return {};
}

Ending Audit::RunLoop(Task<void> work) {
  // Answers are large and short of life. The heap would learn to keep them, and with many threads
  // it would keep the most of each.
  mallopt(M_MMAP_THRESHOLD, kLargeAnswer);
  Ending ending = RunUntilSignal(io_, Main(std::move(work)));
  progress_.Clear();
  malloc_trim(0);  // What comes then has other needs.
  return ending;
}

Result<AuditOutcome> Audit::Run(const std::vector<Rule>& rules) {
  if (auto prepared = Prepare(); !prepared) return Fail(std::move(prepared.error()));
  const Ending ending = RunLoop(Work());

  AuditOutcome outcome;
  std::optional<Error> aborted;
  try {
    if (ending.failure) std::rethrow_exception(ending.failure);
  } catch (const RunAborted& error) {
    aborted = error.error();
  } catch (const boost::system::system_error& error) {
    if (!ending.interrupted || !IsCancellation(error)) throw;
    outcome.interrupted = true;
  }
  if (run_.number == 0) {  // Never began.
    if (aborted) return Fail(std::move(*aborted));
    return outcome;
  }
  const bool whole = !outcome.interrupted && !aborted;
  if (whole) {
    if (auto settled = store_->Settle(); !settled) return Fail(settled.error());
    const auto began = SteadyClock::now();
    if (auto found = EvaluateFindings(*store_, run_.number, config_.findings, rules); !found) {
      return Fail(found.error());
    }
    const std::chrono::duration<double> took = SteadyClock::now() - began;
    log::Debug(fmt::format("the rules were evaluated in {:.2f} s", took.count()));
  }
  auto summary = Summarise(whole ? "" : outcome.interrupted ? "interrupted" : "failed");
  if (!summary) return Fail(aborted ? std::move(*aborted) : std::move(summary.error()));
  outcome.summary = std::move(*summary);
  outcome.aborted = std::move(aborted);
  const Status finished = store_->FinishRun(outcome.summary.status, ToJson(outcome.summary));
  if (!finished && !outcome.aborted) return Fail(finished.error());
  if (record_ && whole) {
    CaptureHead head = HeadOf(config_, run_, SharePointListens(config_, *tokens_));
    head.finished_at = outcome.summary.finished_at;
    head.duration_seconds = outcome.summary.duration_seconds;
    if (auto ended = record_->PutHead(std::move(head)); !ended) {
      return Fail(std::move(ended.error()));
    }
  }
  return outcome;
}

// Who signs in, where answers come from and where they go.
Status Audit::ConnectTape() {
  if (replay_) {
    tokens_ = std::make_unique<ReplayTokens>(replay_->head().sharepoint);
    http_.set_source([this](const HttpRequest& request) {
      auto answer = replay_->Answer(request);
      if (!answer && answer.error().code == ErrorCode::kStorage) throw RunAborted(answer.error());
      return answer;
    });
    return {};
  }
  auto tokens = MakeTokenSource(config_.auth, http_);
  if (!tokens) return Fail(std::move(tokens.error()));
  tokens_ = std::make_unique<CachedTokens>(*std::move(tokens), cache_,
                                           config_.auth.tenant_id + '/' + config_.auth.client_id);
  if (record_) {
    http_.set_recorder([this](const HttpRequest& request, const Result<HttpResponse>& answer) {
      auto kept = record_->Record(request, answer);
      if (!kept) throw RunAborted(std::move(kept.error()));
    });
  }
  return {};
}

Result<WarmOutcome> Audit::Warm(const RunUse& use) {
  if (auto prepared = Prepare(); !prepared) return Fail(std::move(prepared.error()));
  WarmOutcome outcome;
  outcome.run_id = use.run_id;
  outcome.sites = use.sites.size();
  outcome.groups = use.groups.size();
  const Ending ending = RunLoop(WarmWork(use, outcome));
  outcome.stats = cache_stats_;
  try {
    if (ending.failure) std::rethrow_exception(ending.failure);
  } catch (const RunAborted& error) {
    return Fail(error.error());
  } catch (const boost::system::system_error& error) {
    if (!ending.interrupted || !IsCancellation(error)) throw;
    outcome.interrupted = true;
  }
  return outcome;
}

Task<void> Audit::WarmWork(const RunUse& use, WarmOutcome& outcome) {
  co_await RunGroup(io_.get_executor(), 0, [&](TaskGroup& group) -> Task<void> {
    group.Start(ShowProgress());
    co_await SignIn();
    counters_.phase = "warming the cache";
    AuditPipeline pipeline(config_, Shard(), SharePointListens(config_, *tokens_),
                           /*incremental=*/false, *service_, cache_, writer_, counters_);
    AuditPipeline::NotWarmed failed = [&](std::string what, const Error& error) {
      outcome.failed.push_back({std::move(what), error});
    };
    std::exception_ptr failure;
    try {
      co_await pipeline.Warm(use, std::move(failed));
    } catch (...) {
      failure = std::current_exception();
    }
    co_await EndLoads();
    if (failure) std::rethrow_exception(failure);
    group.Stop();
  });
}

Task<void> Audit::Main(Task<void> work) {
  co_await OpenCache();
  std::exception_ptr failure;
  try {
    co_await std::move(work);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await CloseCache();
  if (failure) std::rethrow_exception(failure);
}

Task<void> Audit::OpenCache() {
  if (log::Enabled(log::Level::kDebug)) {
    cache_log_ =
        cache_.Observe(kCacheLookups, [](const CacheEvent& event) { log::Debug(Render(event)); });
  }
  cache_trace_ = TraceLoads(cache_);
  const CacheManager::Options& options = cache_.options();
  if (!options.enabled) co_return;
  // Reading together would change what the mode `observe` is to show.
  const bool together = options.mode == CacheMode::kRead || options.mode == CacheMode::kReadWrite;
  // Which question is spared because another has failed depends on their order, and a replay must
  // find an answer to each it asks.
  if (together && !record_ && !replay_) service_->set_memory(&reads_);
  co_await cache_.Open(io_.get_executor());  // It tells what is wrong, and goes on.
}

// Also after an interruption: what was learnt is handed over.
Task<void> Audit::CloseCache() {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  cache_stats_ = cache_.Stats();  // Closed, the second level would look out of reach.
  co_await cache_.Close();
  if (sharing_) co_await sharing_->Close();
}

Task<void> Audit::Work() {
  co_await RunGroup(io_.get_executor(), 0, [this](TaskGroup& group) -> Task<void> {
    group.Start(ShowProgress());
    co_await SignIn();
    run_ = co_await writer_.Do([this](AuditStore& store) {
      RunRequest request(config_.auth.tenant_id, options_.mode);
      request.max_age = options_.max_age;
      if (replay_) request.replayed = IdentityOf(replay_->head());
      if (options_.shard) request.shard = options_.shard->Text();
      return options_.resume.empty() ? store.BeginRun(request)
                                     : store.ResumeRun(request, options_.resume);
    });
    progress_.SetRunId(run_.id);
    log::SetRunId(run_.id);
    if (record_) {
      auto begun = record_->PutHead(HeadOf(config_, run_, SharePointListens(config_, *tokens_)));
      if (!begun) throw RunAborted(std::move(begun.error()));
    }
    const Shard shard = ParseShard(run_.shard).value_or(Shard());
    co_await ShareBudget(shard, group);
    // What was read is kept also while nothing comes. A replay's time is not ours.
    if (!replay_) group.Start(CommitNowAndThen());
    AuditPipeline pipeline(config_, shard, SharePointListens(config_, *tokens_),
                           run_.mode == "incremental", *service_, cache_, writer_, counters_);
    if (record_ || replay_) pipeline.AskOneByOne();
    std::exception_ptr failure;
    try {
      co_await pipeline.Run();
    } catch (...) {
      failure = std::current_exception();
    }
    co_await EndLoads();
    if (failure) std::rethrow_exception(failure);
    group.Stop();
  });
}

// Loads behind the scenes refer to the pipeline: they end before it does.
Task<void> Audit::EndLoads() {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await RunGroup(io_.get_executor(), 0, [this](TaskGroup& ending) -> Task<void> {
    ending.Start(cache_.Settle());
    ending.Stop();
    co_return;
  });
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
}

// A request that is part of no audit (signing in) is in no budget.
Task<void> Audit::ShareBudget(Shard shard, TaskGroup& group) {
  if (shard.count == 1 || replay_) co_return;
  auto sharing = BudgetSharing::Make(config_, shard, *service_);
  if (!sharing) throw RunAborted(std::move(sharing.error()));
  sharing_ = *std::move(sharing);
  if (!sharing_) co_return;
  co_await sharing_->Open();
  group.Start(sharing_->Watch());
}

// Before anything is stored: a wrong secret must not leave a run behind.
Task<void> Audit::SignIn() {
  counters_.phase = "signing in";
  auto token = co_await tokens_->Get(service_->audiences().graph_resource());
  if (!token) throw RunAborted(std::move(token.error()));
}

// A token made with a secret is refused by SharePoint's own interface (graph.md 1.8).
Task<void> Audit::ShowProgress() {
  asio::steady_timer timer(io_);
  for (;;) {
    progress_.Tick(SteadyClock::now(), Snapshot());
    timer.expires_after(kTick);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Task<void> Audit::CommitNowAndThen() {
  asio::steady_timer timer(io_);
  for (;;) {
    timer.expires_after(kCommit);
    co_await timer.async_wait(asio::use_awaitable);
    co_await writer_.Do([](AuditStore& store) { return store.Commit(); });
  }
}

ProgressSnapshot Audit::Snapshot() {
  ProgressSnapshot now;
  now.phase = counters_.phase;
  now.elapsed = SteadyClock::now() - started_;
  now.sites_done = counters_.sites_done;
  now.sites_total = counters_.sites_found;
  now.libraries = counters_.libraries_done;
  now.items = counters_.items;
  now.scopes_read = counters_.scopes_read;
  now.scopes_pending = counters_.scopes_found - counters_.scopes_read;
  now.http_requests = http_.counters().requests;
  now.in_flight = concurrency_.api().in_use();
  now.retries = service_->counters().retried;
  now.resource_units = static_cast<double>(service_->counters().resource_units);
  UnitBudget& budget = service_->gate(Family::kSharePoint).budget();
  now.units_in_minute = budget.spent_in_minute(SteadyClock::now());
  now.units_per_minute = budget.limits().per_minute;
  now.throttled_for = std::max(service_->gate(Family::kSharePoint).Remaining(),
                               service_->gate(Family::kDirectory).Remaining());
  return now;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Of what an audit reads: tokens and failures that were looked up on the way would flatter the
// rates.
RunSummary::Cache SummariseCache(const CacheStats& stats) {
  const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  RunSummary::Cache cache;
  KindStats total;
  for (const KindStats& kind : stats.kinds) {
    CacheKindSummary& row = cache.by_kind[std::string(kind.kind)];
    row.hits = number(kind.hits());
    row.misses = number(kind.misses);
    row.hit_rate = kind.hit_rate();
    const auto known = KindNamed(kind.kind);
    if (known && PolicyOf(*known).residence == Residence::kEverywhere) total += kind;
  }
  cache.enabled = stats.enabled;
  cache.mode = stats.mode;
  cache.l1_hits = number(total.l1_hits);
  cache.l2_hits = number(total.l2_hits);
  cache.misses = number(total.misses);
  cache.coalesced = number(total.coalesced);
  cache.hit_rate = total.hit_rate();
  cache.repeat_hit_rate = total.repeat_hit_rate();
  cache.stale = number(total.stale);
  cache.verified = number(total.verify_checked);
  cache.mismatch = number(total.verify_mismatch + total.would_mismatch);
  cache.would_hit = number(total.would_hit);
  cache.l2.place = stats.l2.url;
  cache.l2.reachable = stats.l2.reachable;
  cache.l2.writes = number(total.l2_writes);
  cache.l2.errors = number(stats.l2.errors);
  cache.l2.degraded_seconds = std::chrono::duration<double>(stats.l2.degraded).count();
  return cache;
}

std::chrono::seconds OldestHit(const CacheStats& stats) {
  std::chrono::seconds oldest{0};
  for (const KindStats& kind : stats.kinds) {
    const auto known = KindNamed(kind.kind);
    if (known && PolicyOf(*known).residence == Residence::kEverywhere)
      oldest = std::max(oldest, kind.oldest_hit);
  }
  return oldest;
}

// `status` empty: complete, or partial where there is any gap.
Result<RunSummary> Audit::Summarise(const std::string& status) {
  if (auto done = store_->Commit(); !done) return Fail(done.error());
  auto counts = store_->Counts(run_.number);
  if (!counts) return Fail(counts.error());
  auto gaps = store_->Gaps(run_.number);
  if (!gaps) return Fail(gaps.error());
  auto methods = store_->MethodCounts(run_.number);
  if (!methods) return Fail(methods.error());
  auto findings = store_->CountFindings(run_.number);
  if (!findings) return Fail(findings.error());
  auto oldest = store_->OldestRead();
  if (!oldest) return Fail(oldest.error());

  RunSummary s;
  s.run_id = run_.id;
  s.mode = run_.mode;
  s.shard = run_.shard;
  s.tenant_id = config_.auth.tenant_id;
  s.started_at = run_.started_at;
  const auto ended =
      replay_ ? RunTime(IdentityOf(replay_->head()).finished_at) : std::chrono::system_clock::now();
  s.finished_at = UtcText(ended);
  s.duration_seconds = replay_
                           ? replay_->head().duration_seconds
                           : std::chrono::duration<double>(SteadyClock::now() - started_).count();
  s.counts = *counts;
  s.findings = *std::move(findings);
  // What the configuration leaves out is no gap: it was asked for, and counts as skipped.
  std::erase_if(*gaps, [](const Gap& gap) { return gap.state == CoverageState::kSkipped; });
  s.gaps = std::move(*gaps);
  s.scope_methods = std::move(*methods);
  const bool whole = s.gaps.empty() && s.counts.failed == 0;
  s.status = !status.empty() ? status : whole ? "complete" : "partial";

  const ApiCounters& api = service_->counters();
  s.api.http_requests = http_.counters().requests;
  s.api.graph_requests = api.graph_requests;
  s.api.sharepoint_requests = api.sharepoint_requests;
  s.api.token_requests = tokens_->requests();
  s.api.batched = api.batched;
  s.api.throttled = api.throttled;
  s.api.retried = api.retried;
  s.api.resource_units = api.resource_units;
  s.api.peak_in_flight = http_.counters().peak_in_flight;
  s.api.shared = static_cast<std::int64_t>(reads_.joined());

  s.cache = SummariseCache(cache_stats_);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(ended.time_since_epoch());
  s.oldest_datum_seconds =
      std::max({static_cast<std::int64_t>(s.duration_seconds), OldestHit(cache_stats_).count(),
                *oldest > 0 ? now.count() - *oldest : 0});

  if (replay_) return s;  // What this process used has nothing to do with the run.
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  s.peak_rss_bytes = usage.ru_maxrss * 1024;
  s.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  return s;
}

}  // namespace

Result<AuditOutcome> RunAudit(const AuditOptions& asked) {
  AuditOptions options = asked;
  Tape tape;
  if (!asked.replay.empty()) {
    auto reader = CaptureReader::Open(asked.replay);
    if (!reader) return Fail(std::move(reader.error()));
    tape.reader = *std::move(reader);
    options = ForReplay(std::move(options), tape.reader->head());
  }
  auto store = AuditStore::Open(options.config.db_path, AuditStore::Mode::kReadWrite);
  if (!store) return Fail(std::move(store.error()));
  if (!asked.record.empty()) {
    std::unique_ptr<Pseudonyms> pseudonyms;
    if (asked.pseudonymise) {
      pseudonyms = std::make_unique<Pseudonyms>(options.config.graph.base_url,
                                                options.config.auth.tenant_id);
    }
    auto writer = CaptureWriter::Create(asked.record, std::move(pseudonyms));
    if (!writer) return Fail(std::move(writer.error()));
    tape.writer = *std::move(writer);
    options = ForRecording(std::move(options));
  }
  auto rules = RulesOf(options.config.findings);
  if (!rules) return Fail(std::move(rules.error()));
  Audit audit(options, std::move(*store), std::move(tape));
  return audit.Run(*rules);
}

Result<WarmOutcome> RunWarm(const AuditOptions& options, std::int64_t groups) {
  const std::string& path = options.config.db_path;
  const auto use = UseOfLastRun(path, groups);
  if (!use) return Fail(use.error());
  auto store = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(std::move(store.error()));
  Audit warming(options, std::move(*store), Tape());
  return warming.Warm(*use);
}

}  // namespace spa
