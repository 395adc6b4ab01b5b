#include "cli/cache/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "cli/files.h"
#include "cli/options.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr CacheOption kOptions[] = {
    // clang-format off
    {"json",       "--json",       "",         "Print JSON"},
    {"parts",      "--json",       "JSON",     "Make the id from these parts; the order of members does not matter"},
    {"kind",       "--kind",       "KIND",     "Kind of the entry, as `cache policy` lists them"},
    {"explain",    "--explain",    "",         "Say how it came about"},
    {"stdin",      "--stdin",      "",         "Read it from standard input"},
    {"file",       "--file",       "FILE",     "Read it from this file"},
    {"raw",        "--raw",        "",         "Print the value's bytes and nothing else"},
    {"level",      "--level",      "l1|l2",    "Look into this level alone"},
    {"selftest",   "--selftest",   "",         "Compare with the known results, and say them"},
    {"outcome",    "--outcome",    "TEXT",     "What came out: good, stable, unhealthy, a code like itemNotFound, or a status"},
    {"bytes",      "--bytes",      "N",        "How much; also as 64M or 10G"},
    {"jwt",        "--jwt",        "FILE",     "File with the token"},
    {"jti",        "--jti",        "ID",       "The token's claim jti (or uti)"},
    {"ttl",        "--ttl",        "DURATION", "How long it is kept, instead of the kind's time"},
    {"expires-at", "--expires-at", "TIME",     "When it ends: +90s, 2026-11-20T08:14:05Z or seconds since the epoch"},
    {"if-absent",  "--if-absent",  "",         "Only where nothing is under the key"},
    {"if-present", "--if-present", "",         "Only where something is under the key"},
    {"tag",        "--tag",        "INDEX=VALUE", "A tag; may be repeated"},
    {"pattern",    "--pattern",    "PATTERN",  "All keys that match: * any bytes, ? one, [a-c] one of these"},
    {"cmd",        "--cmd",        "COMMAND",  "Shell command whose output is the value, run where it is absent"},
    {"timeout",    "--timeout",    "DURATION", "Give up after so long, with exit code 5"},
    {"for",        "--for",        "DURATION", "End after so long"},
    {"by",         "--by",         "N",        "Add this; negative as --by=-1"},
    {"tasks",      "--tasks",      "N",        "So many at once"},
    {"times",      "--times",      "N",        "Each so many times"},
    {"watch",      "--watch",      "",         "Show it again and again"},
    {"interval",   "--interval",   "DURATION", "Time from one look to the next"},
    {"count",      "--count",      "N",        "So many"},
    {"internals",  "--internals",  "",         "Also what the memory is made of"},
    {"reset",      "--reset",      "",         "First set the sums over processes to 0"},
    {"all",        "--all",        "",         "All kinds"},
    {"yes",        "--yes",        "",         "It is meant"},
    {"l1",         "--l1",         "",         "From memory"},
    {"from",       "--from",       "URL",      "The one store"},
    {"to",         "--to",         "URL",      "The other store"},
    {"size",       "--size",       "small|medium|large", "100, 10,000 or 100,000 entries"},
    {"from-last-run", "--from-last-run", "",   "The groups and sites of the last run"},
    {"top",        "--top",        "N",        "The N groups that hold most grants"},
    {"provider",   "--provider",   "HOST",     "Host whose health and failures are to be forgotten"},
    {"baseline",   "--baseline",   "FILE",     "Compare with this earlier --json; exit code 3 where something fails"},
    {"warn",       "--warn",       "PERCENT",  "Remark from this loss of speed on"},
    {"fail",       "--fail",       "PERCENT",  "Fail from this loss of speed on"},
    {"report",     "--report",     "table|md", "Print Markdown"},
    {"threads",    "--threads",    "N,...",    "Threads"},
    {"ops",        "--ops",        "N",        "Operations"},
    {"repeats",    "--repeats",    "N",        "Rounds; the best counts"},
    {"iterations", "--iterations", "N",        "Of suites that wait for something"},
    {"trace",      "--trace",      "FILE",     "Replay this instead of a trace made for the suite"},
    {"duration",   "--duration",   "DURATION", "Of suites that take their time"},
    {"policy",     "--policy",     "NAME,...", "Which to evict by: hybrid, lru, s3fifo"},
    {"vs",         "--vs",         "lru-mutex", "Also the same of a plain list under one lock"},
    {"concurrency", "--concurrency", "N",      "Callers at once, of basic, disk and redis"},
    {"pipeline",   "--pipeline",   "auto|off", "off: callers of Redis wait for each other"},
    {"a",          "--a",          "URL",      "Of contract: the one second level; default: none"},
    {"b",          "--b",          "URL",      "Of contract: the other; default: a file that goes away"},
    {"capacity",   "--capacity",   "",         "Also the hit ratio that each size would have had"},
    {"nodes",      "--nodes",      "A,B*2,...", "Nodes of the ring, with a weight where it is not 1"},
    // clang-format on
};

constexpr CacheVerb kVerbs[] = {
    // clang-format off
    {"get", "KEY", "level explain raw json",
     "Print a value; exit code 1 where there is none", "get group_members:4711 --explain", CacheGet},
    {"set", "KEY [VALUE]", "ttl expires-at if-absent if-present tag file stdin json",
     "Store a value", "set k v --ttl 60", CacheSet},
    {"del", "[KEY...]", "pattern tag json",
     "Forget keys, or all that match; print how many were there", "del --pattern group_members:1*", CacheDel},
    {"has", "KEY", "json", "Say whether something is there; counts as no lookup", "has k", CacheHas},
    {"ttl", "[KEY]", "selftest json", "Print the seconds for which a value is still fresh", "ttl k", CacheTtl},
    {"meta", "KEY", "json", "Show what is known of an entry: age, state, size, tags", "meta k --json", CacheMeta},
    {"mget", "KEY...", "explain json", "Print several values, asked for together", "mget k1 k2", CacheMget},
    {"mset", "", "file stdin ttl expires-at tag json",
     "Store several values, one JSON object a line: {\"key\": …, \"value\": …}", "mset --file kv.jsonl", CacheMset},
    {"mdel", "KEY...", "json", "Forget several keys together", "mdel k1 k2", CacheMdel},
    {"get-or-set", "KEY", "cmd ttl expires-at tag timeout explain raw json",
     "Print a value; where it is absent, one process runs the command and all get its output",
     "get-or-set k --cmd date", CacheGetOrSet},
    {"incr", "KEY", "by tasks times ttl json", "Add to a number, atomically over all processes", "incr k --by 2", CacheIncr},
    {"keys", "[PATTERN]", "tag json", "List the keys that match", "keys group_members:*", CacheKeys},
    {"key", "[ID]", "parts kind explain stdin selftest",
     "Say the key under which a thing is kept", "key group_members:4711 --explain", CacheKeyVerb},
    {"index", "", "", "Tags: names for many entries at once", "", nullptr},
    {"index add", "INDEX VALUE [KEY...]", "pattern stdin json", "Give entries a tag", "index add site hr --pattern group_members:*", CacheIndexAdd},
    {"index rm", "INDEX VALUE [KEY...]", "pattern stdin json", "Take a tag from entries, or from all that carry it", "index rm site hr", CacheIndexRm},
    {"index get", "INDEX VALUE", "json", "List the keys that carry a tag", "index get site hr", CacheIndexGet},
    {"index delete", "INDEX VALUE", "json", "Forget everything that carries a tag, at the price of one write", "index delete site hr", CacheIndexDelete},
    {"stats", "[KIND]", "json watch interval count internals reset",
     "Show what the cache did, over all processes, and how full it is", "stats --json", CacheStatsVerb},
    {"health", "", "json watch interval count", "Show how the second level and this machine are", "health --json", CacheHealth},
    {"metrics", "", "", "Print the same figures for Prometheus", "metrics", CacheMetrics},
    {"memory", "", "json", "Show entries and bytes by level and kind", "memory", CacheMemory},
    {"ping", "", "json", "Ask the second level whether it is there; exit code 5 where not", "ping", CachePing},
    {"monitor", "", "interval count for json", "Show what other processes do with the cache, as they do it", "monitor --json", CacheMonitor},
    {"cleanup", "", "json", "Drop what has expired; print how many", "cleanup", CacheCleanup},
    {"clear", "[KIND]", "all yes json", "Forget everything of a kind, or of all", "clear group_members", CacheClear},
    {"evict", "", "l1 count json", "Drop the entries of memory that are least worth keeping", "evict --l1 --count 10", CacheEvict},
    {"populate", "", "size json", "Fill the cache with entries to try it", "populate --size small", CachePopulate},
    {"backup", "FILE", "json", "Write everything of the second level to one file, with a checksum", "backup cache.backup", CacheBackup},
    {"restore", "FILE", "json", "Read such a file into the second level; what has expired stays out", "restore cache.backup", CacheRestore},
    {"migrate", "", "from to pattern json", "Copy from one store to another", "migrate --from disk:a.db --to disk:b.db", CacheMigrate},
    {"validate", "", "from to json", "Compare two stores; exit code 1 where they differ", "validate --from disk:a.db --to disk:b.db", CacheValidate},
    {"verify", "", "json", "Open every entry of the second level; exit code 3 where one is forged", "verify", CacheVerify},
    {"warm", "", "from-last-run top json",
     "Load what the last run used from the tenant into the second level, before the next run asks for it",
     "warm --from-last-run --top 500", CacheWarm},
    {"invalidate", "", "provider json", "Forget what is known of a host", "invalidate --provider graph.microsoft.com", CacheInvalidate},
    {"revoke", "", "jti expires-at json", "Refuse a token from now on, in every process that shares the second level", "revoke --jti 4711", CacheRevoke},
    {"ring", "", "", "Which of several independent Redis servers keeps a key", "", nullptr},
    {"ring route", "KEY", "nodes json", "Name the server that keeps a key", "ring route k --nodes a,b,c", CacheRingRoute},
    {"ring show", "", "nodes json", "Show each server's share of the keys", "ring show --nodes a,b*2", CacheRingShow},
    {"ring selftest", "", "json", "Compare routes with those known, and their evenness", "ring selftest", CacheRingSelftest},
    {"security", "", "", "How the way to Redis is secured", "", nullptr},
    {"security check", "", "json", "Look for what is insecure; exit code 3 where something is", "security check", CacheSecurityCheck},
    {"security status", "", "json", "Show TLS, user and rights, with advice", "security status", CacheSecurityStatus},
    {"policy", "", "json", "List the kinds: how long each is kept, how many, and where", "policy --json", CachePolicyVerb},
    {"policy explain", "", "kind outcome bytes json",
     "Say what becomes of one answer: how long it is kept, where and in which form",
     "policy explain --kind group_members --bytes 4000", CachePolicyExplain},
    {"error-policy", "", "json", "List how long each failure is remembered", "error-policy", CacheErrorPolicy},
    {"bench", "[SUITE...]", "baseline warn fail report threads tasks ops repeats iterations trace policy vs concurrency pipeline json",
     "Measure the cache, with a second level where --l2 names one; without a suite: say which there are", "bench key --ops 1000", CacheBench},
    {"stress", "[SUITE]", "threads tasks ops bytes duration a b json",
     "Put the cache under load that should break it", "stress single-key --tasks 1000", CacheStress},
    {"advise", "", "capacity json", "Suggest sizes and times from what was counted", "advise --capacity", CacheAdvise},
    {"token", "", "", "Tokens and the cache", "", nullptr},
    {"token ttl", "", "jwt json", "Say how long the validation of a token would be remembered", "token ttl --jwt token.jwt", CacheTokenTtl},
    {"reference", "", "", "Print this table as Markdown", "", CacheReference},
    // clang-format on
};

}  // namespace

std::span<const CacheVerb> CacheVerbs() { return kVerbs; }
std::span<const CacheOption> CacheOptions() { return kOptions; }

const CacheVerb* FindCacheVerb(std::string_view name) {
  const auto at = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                               [&](const CacheVerb& verb) { return verb.name == name; });
  return at == std::end(kVerbs) ? nullptr : at;
}

const CacheOption& CacheOptionOf(std::string_view id) {
  const auto at = std::find_if(std::begin(kOptions), std::end(kOptions),
                               [&](const CacheOption& option) { return option.id == id; });
  if (at == std::end(kOptions)) throw std::logic_error(fmt::format("no cache option {}", id));
  return *at;
}

std::vector<std::string> SplitWords(std::string_view text, char between) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(between), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string DescribeCacheVerbs() {
  std::string text = "| command | does | options |\n|---|---|---|\n";
  for (const CacheVerb& verb : kVerbs) {
    if (verb.run == nullptr || verb.example.empty()) continue;
    std::string words;
    for (const std::string& word : SplitWords(verb.words)) words += ' ' + word;
    std::string options;
    for (const std::string& id : SplitWords(verb.options)) {
      if (id != "json") options += fmt::format(" `{}`", CacheOptionOf(id).flag);
    }
    // A bar would end the cell, also within code.
    while (words.find('|') != std::string::npos) words.replace(words.find('|'), 1, "/");
    text += fmt::format("| `{}{}` | {} |{} |\n", verb.name, words, verb.help, options);
  }
  return text;
}

const std::vector<std::string>* CacheCall::Find(std::string_view option) const {
  const auto found = flags().options.find(std::string(option));
  return found == flags().options.end() ? nullptr : &found->second;
}

std::string CacheCall::Text(std::string_view option, std::string_view otherwise) const {
  const auto* found = Find(option);
  return found == nullptr || found->empty() ? std::string(otherwise) : found->back();
}

const std::vector<std::string>& CacheCall::All(std::string_view option) const {
  static const std::vector<std::string> kNone;
  const auto* found = Find(option);
  return found == nullptr ? kNone : *found;
}

Result<long> CacheCall::Number(std::string_view option, long otherwise, long least) const {
  if (!Has(option)) return otherwise;
  const std::string text = Text(option);
  long number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end || number < least) {
    return Fail(ErrorCode::kUsage, fmt::format("{} \"{}\" is no whole number from {} on",
                                               CacheOptionOf(option).flag, text, least));
  }
  return number;
}

Result<std::size_t> CacheCall::Bytes(std::string_view option, std::size_t otherwise) const {
  if (!Has(option)) return otherwise;
  const std::string text = Text(option);
  std::size_t number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  constexpr std::string_view kUnits = "KMG";
  const std::size_t step = unit.size() == 1 ? kUnits.find(unit[0]) : std::string_view::npos;
  if (read.ec != std::errc() || number >> 32 != 0 ||
      (!unit.empty() && step == std::string_view::npos)) {
    return Fail(ErrorCode::kUsage,
                fmt::format("{} \"{}\" is no number of bytes", CacheOptionOf(option).flag, text),
                "give a whole number, also with K, M or G, like 64M");
  }
  return unit.empty() ? number : number << (10 * (step + 1));
}

Result<std::chrono::milliseconds> CacheCall::Duration(std::string_view option,
                                                      std::chrono::milliseconds otherwise) const {
  if (!Has(option)) return otherwise;
  const std::string text = Text(option);
  if (text.ends_with("ms")) {
    if (const auto whole = ParseDuration(text.substr(0, text.size() - 2)))
      return std::chrono::milliseconds(whole->count());
  } else if (const auto whole = ParseDuration(text)) {
    return *whole;
  }
  return Fail(ErrorCode::kUsage,
              fmt::format("{} \"{}\" is no duration", CacheOptionOf(option).flag, text),
              "give a whole number with ms, s, m, h or d, like 15m");
}

Result<ExitCode> CacheReference(const CacheCall&) { return Print(DescribeCacheVerbs()); }

Result<ExitCode> CommandCache(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto done = ResolveSecrets(*loaded, invocation.environment, "cache."); !done)
    return Fail(std::move(done.error()));
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  const std::string name = invocation.flags.command.substr(std::string_view("cache ").size());
  const CacheCall call(invocation, std::move(loaded->config));
  return FindCacheVerb(name)->run(call);
}

}  // namespace spa
