// The verbs of `sharepoint-audit cache`, as one table: name, words, options, help, example, and the
// function that does it. The command line, --help, the completions and docs/cache.md come from it.
//
// A verb is a thin caller: it reads its words and options, asks cache/ (through CacheSession,
// cli/cache/session.h), and prints. What it says about entries goes to standard output, all else to
// standard error.
//
// Exit codes: those of the program (cli/exit_code.h), which within `cache` mean
//   0 done · 1 absent, not stored, or a failure · 2 bad usage · 3 a regression or a finding ·
//   4 Redis refused the credential · 5 second level unreachable, or not in time · 130 interrupted
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "core/config/config.h"

namespace spa {

struct CacheOption {
  std::string_view id;     // How verbs name it; its flag, unless two flags are spelled alike.
  std::string_view flag;   // "--ttl"
  std::string_view value;  // "DURATION"; empty: it takes none. "a|b": one of these.
  std::string_view help;
};

// One verb as it was typed.
class CacheCall {
 public:
  CacheCall(const Invocation& invocation, Config config)
      : invocation_(invocation), config_(std::move(config)) {}

  const Flags& flags() const { return invocation_.flags; }
  const Invocation& invocation() const { return invocation_; }
  const Config& config() const { return config_; }
  bool json() const { return Has("json"); }

  const std::vector<std::string>& words() const { return flags().words; }
  bool Has(std::string_view option) const { return Find(option) != nullptr; }
  std::string Text(std::string_view option, std::string_view otherwise = {}) const;
  const std::vector<std::string>& All(std::string_view option) const;
  Result<long> Number(std::string_view option, long otherwise, long least = 1) const;
  // "4000", "64K", "64M", "10G".
  Result<std::size_t> Bytes(std::string_view option, std::size_t otherwise) const;
  // "60" (seconds), "100ms", "90s", "15m", "2h", "7d".
  Result<std::chrono::milliseconds> Duration(std::string_view option,
                                             std::chrono::milliseconds otherwise) const;

 private:
  const std::vector<std::string>* Find(std::string_view option) const;

  const Invocation& invocation_;
  Config config_;
};

struct CacheVerb {
  std::string_view name;  // "get", "index add"; a name with verbs below it and no `run` is a group.
  std::string_view words;    // "KEY VALUE", "KEY...", "[PATTERN]"; a word may also be "a|b".
  std::string_view options;  // Ids of CacheOptions.
  std::string_view help;
  std::string_view example;  // Empty: not advertised. What follows "sharepoint-audit cache ".
  Result<ExitCode> (*run)(const CacheCall& call);
};

std::span<const CacheVerb> CacheVerbs();
std::span<const CacheOption> CacheOptions();
const CacheVerb* FindCacheVerb(std::string_view name);
const CacheOption& CacheOptionOf(std::string_view id);  // logic_error where there is none.

// The words of "a b c" and "a|b|c".
std::vector<std::string> SplitWords(std::string_view text, char between = ' ');

// The table above as Markdown, for docs/cache.md.
std::string DescribeCacheVerbs();

// --- the verbs, by the file they are in ---

// entries.cpp
Result<ExitCode> CacheGet(const CacheCall& call);
Result<ExitCode> CacheSet(const CacheCall& call);
Result<ExitCode> CacheDel(const CacheCall& call);
Result<ExitCode> CacheHas(const CacheCall& call);
Result<ExitCode> CacheTtl(const CacheCall& call);
Result<ExitCode> CacheMeta(const CacheCall& call);
Result<ExitCode> CacheMget(const CacheCall& call);
Result<ExitCode> CacheMset(const CacheCall& call);
Result<ExitCode> CacheMdel(const CacheCall& call);
Result<ExitCode> CacheGetOrSet(const CacheCall& call);
Result<ExitCode> CacheIncr(const CacheCall& call);

// index.cpp
Result<ExitCode> CacheKeys(const CacheCall& call);
Result<ExitCode> CacheIndexAdd(const CacheCall& call);
Result<ExitCode> CacheIndexRm(const CacheCall& call);
Result<ExitCode> CacheIndexGet(const CacheCall& call);
Result<ExitCode> CacheIndexDelete(const CacheCall& call);
Result<ExitCode> CacheInvalidate(const CacheCall& call);
Result<ExitCode> CacheRevoke(const CacheCall& call);

// advise.cpp, verbs.cpp, warm.cpp
Result<ExitCode> CacheAdvise(const CacheCall& call);
Result<ExitCode> CacheWarm(const CacheCall& call);
Result<ExitCode> CacheReference(const CacheCall& call);

// measure.cpp
Result<ExitCode> CacheBench(const CacheCall& call);
Result<ExitCode> CacheStress(const CacheCall& call);

// moving.cpp
Result<ExitCode> CacheBackup(const CacheCall& call);
Result<ExitCode> CacheRestore(const CacheCall& call);
Result<ExitCode> CacheMigrate(const CacheCall& call);
Result<ExitCode> CacheValidate(const CacheCall& call);

// ring.cpp, security.cpp
Result<ExitCode> CacheRingRoute(const CacheCall& call);
Result<ExitCode> CacheRingShow(const CacheCall& call);
Result<ExitCode> CacheRingSelftest(const CacheCall& call);
Result<ExitCode> CacheSecurityCheck(const CacheCall& call);
Result<ExitCode> CacheSecurityStatus(const CacheCall& call);

// rules.cpp
Result<ExitCode> CacheKeyVerb(const CacheCall& call);
Result<ExitCode> CacheTtlSelftest(const CacheCall& call);
Result<ExitCode> CachePolicyVerb(const CacheCall& call);
Result<ExitCode> CachePolicyExplain(const CacheCall& call);
Result<ExitCode> CacheErrorPolicy(const CacheCall& call);
Result<ExitCode> CacheTokenTtl(const CacheCall& call);

// status.cpp
Result<ExitCode> CacheStatsVerb(const CacheCall& call);
Result<ExitCode> CacheHealth(const CacheCall& call);
Result<ExitCode> CacheMetrics(const CacheCall& call);
Result<ExitCode> CacheMemory(const CacheCall& call);
Result<ExitCode> CachePing(const CacheCall& call);
Result<ExitCode> CacheMonitor(const CacheCall& call);

// upkeep.cpp
Result<ExitCode> CacheCleanup(const CacheCall& call);
Result<ExitCode> CacheClear(const CacheCall& call);
Result<ExitCode> CacheEvict(const CacheCall& call);
Result<ExitCode> CachePopulate(const CacheCall& call);
Result<ExitCode> CacheVerify(const CacheCall& call);

}  // namespace spa
