// The cache over a real Redis: which level answers, what the server is asked for, and what is told
// of it.
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cache/cache_report.h"
#include "cache/redis/scripts.h"
#include "core/log/log.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/redis_testing.h"

namespace spa::testing {
namespace {

const CacheKey kStaff(CacheKind::kGroupMembers, "staff");

// What a server was asked for since it began, by command.
std::map<std::string, long> CommandsOf(const RedisServer& server) {
  std::map<std::string, long> commands;
  std::istringstream lines(server.Ask({"INFO", "commandstats"}).text);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kHead = "cmdstat_", kCalls = ":calls=";
    const auto calls = line.find(kCalls);
    if (!line.starts_with(kHead) || calls == std::string::npos) continue;
    const std::string name = line.substr(kHead.size(), calls - kHead.size());
    if (name != "info") commands[name] = std::stol(line.substr(calls + kCalls.size()));
  }
  return commands;
}

std::string Sha1Hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  REQUIRE(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

// Processes, as far as Redis can tell.
struct Process {
  Process(asio::io_context& io, const std::string& url, CacheManager::Options options = {})
      : io(io), caches(With(std::move(options), url)) {
    REQUIRE(Await(io, [&] { return caches.Open(io.get_executor()); }));
  }
  ~Process() {
    Await(io, [&] { return caches.Close(); });
  }
  static CacheManager::Options With(CacheManager::Options options, const std::string& url) {
    options.l2 = url;
    options.store.timeout = 5s;  // The machine may be busy.
    return options;
  }
  Result<Hit<Group>> Ask(const CacheKey& key = kStaff) {
    auto groups = caches.Open<Group>(CacheKind::kGroupMembers);
    const Loader<Group> load = [this]() -> Task<Result<Group>> {
      ++loads;
      co_return Group(std::vector<std::string>(1, "ada"));
    };
    return Await(io, [&] { return groups.GetOrLoad(key, load); });
  }
  CacheReport Report() {
    return Await(io, [&] { return ReportOn(caches); });
  }

  asio::io_context& io;
  CacheManager caches;
  int loads = 0;
};

}  // namespace

TEST_CASE("A lookup goes to memory, then Redis, then the loader, and what Redis had fills memory",
          "[cache][redis][S1-05][S1-23][S4-05]") {
  RedisServer server;
  asio::io_context io;
  Process first(io, server.url()), second(io, server.url());

  CHECK(first.Ask()->level == CacheLevel::kLoaded);
  const auto after_load = CommandsOf(server);
  CHECK(second.Ask()->level == CacheLevel::kL2);
  const auto after_read = CommandsOf(server);
  CHECK(after_read != after_load);
  // From now on memory answers, and Redis hears nothing of it.
  for (int i = 0; i < 100; ++i) {
    CHECK(second.Ask()->level == CacheLevel::kL1);
    CHECK(first.Ask()->level == CacheLevel::kL1);
  }
  CHECK(CommandsOf(server) == after_read);
  CHECK(first.loads + second.loads == 1);
}

TEST_CASE("Steps that belong together run as scripts that the server has, by their digests alone",
          "[cache][redis][S3-70]") {
  RedisServer server;
  asio::io_context io;
  {
    Process one(io, server.url());
    auto groups = one.caches.Open<Group>(CacheKind::kGroupMembers);
    one.Ask();
    Await(io, [&]() -> Task<void> {
      WriteOptions tagged;
      tagged.tags.emplace_back("site", "hr");
      const CacheKey key(CacheKind::kGroupMembers, "a");
      Group group(std::vector<std::string>(1, "bob"));
      co_await groups.Set(key, std::move(group), std::move(tagged));
      Selector all = Tag("site", "hr");
      co_await one.caches.Erase(std::move(all));
      std::function<Result<Group>(const Group*)> change = [](const Group*) -> Result<Group> {
        return Group(std::vector<std::string>(1, "eve"));
      };
      const auto changed = co_await groups.Update(kStaff, change);
      CHECK(changed);
      co_await groups.Erase(kStaff);
    });
  }

  for (const std::string& source : RedisScriptSources()) {
    const Resp there = server.Ask({"SCRIPT", "EXISTS", Sha1Hex(source)});
    REQUIRE(there.items.size() == 1);
    CHECK(there.items[0].integer == 1);
  }
  const auto commands = CommandsOf(server);
  CHECK(commands.at("evalsha") > 0);
  CHECK_FALSE(commands.contains("eval"));
  CHECK_FALSE(commands.contains("keys"));
  CHECK_FALSE(commands.contains("flushdb"));
}

TEST_CASE("Health says whether Redis is available, and follows the server",
          "[cache][redis][S1-54][S1-03]") {
  RedisServer server;
  asio::io_context io;
  Process one(io, server.url());
  const auto available = [&] {
    return HealthJson(one.Report()).at("redis").at("available").get<bool>();
  };

  CHECK(available());
  server.Stop();
  CHECK(RunUntil(io, [&] { return !available(); }));
  CHECK(HealthJson(one.Report()).at("status") == "degraded");
  server.Restart();
  CHECK(RunUntil(io, [&] { return available(); }));
}

TEST_CASE("Redis has figures of its own: commands, bytes, reconnects and the breaker",
          "[cache][redis][S3-75][S3-110][S3-107]") {
  RedisServer server;
  asio::io_context io;
  Process one(io, server.url());
  one.Ask();
  const auto stats = [&] { return StatsJson(one.Report()); };

  auto told = stats();
  const auto commands = CommandsOf(server);
  const auto& redis = told.at("redis");
  for (const char* name : {"evalsha", "hello", "scan"}) {
    INFO(name);
    REQUIRE(commands.contains(name));
    if (std::string_view(name) == "hello") continue;  // The greeting is no call.
    const auto& command = redis.at("commands").at(name);
    CHECK(command.at("count") > 0);
    CHECK(command.at("p99_us") >= command.at("p50_us"));
    CHECK(command.at("max_us") > 0);
  }
  // What the server counted, but for what this very look asks of it.
  CHECK(redis.at("commands").at("evalsha").at("count") == commands.at("evalsha"));
  CHECK(redis.at("bytes_in") > 0);
  CHECK(redis.at("bytes_out") > 0);
  CHECK(redis.at("reconnects") == 0);
  CHECK(redis.at("breaker").at(server.host()) == "closed");
  CHECK(told.at("ops").at("acquire").at("redis").at("count") == 1);
  CHECK(told.at("errors").empty());

  server.Kill();
  const auto failures = [&] {
    one.Ask(CacheKey(CacheKind::kGroupMembers, "other"));
    one.Ask(CacheKey(CacheKind::kGroupMembers, std::to_string(one.loads)));
    std::uint64_t count = 0;
    const auto now = stats();
    for (const auto& row : now.at("errors")) {
      if (row.at("store") == "redis" && row.at("operation") == "acquire" &&
          row.at("type") == "unreachable") {
        count += row.at("count").get<std::uint64_t>();
      }
    }
    return count;
  };
  CHECK(RunUntil(io, [&] { return failures() > 0; }));
  CHECK(
      RunUntil(io, [&] { return stats().at("redis").at("breaker").at(server.host()) == "open"; }));
  server.Restart();
  CHECK(RunUntil(io, [&] { return stats().at("redis").at("reconnects") == 1; }));
}

TEST_CASE("Ten thousand lookups while Redis is dead are a few warnings", "[cache][redis][S1-09]") {
  RedisServer server;
  asio::io_context io;
  const std::string path =
      (std::filesystem::temp_directory_path() / ("spa-warnings-" + std::to_string(getpid())))
          .string();
  log::Options to;
  to.file = path;
  to.stderr_level = log::Level::kError;
  REQUIRE(log::Open(to));
  {
    Process one(io, server.url());
    one.Ask();
    server.Kill();
    for (int i = 0; i < 10'000; ++i) {
      const auto hit = one.Ask(CacheKey(CacheKind::kGroupMembers, std::to_string(i)));
      REQUIRE(hit);
    }
    CHECK(one.loads == 10'001);
  }
  REQUIRE(log::Open({}));
  std::ifstream file(path);
  int warnings = 0;
  for (std::string line; std::getline(file, line);) {
    warnings += line.find("\"level\":\"warn\"") != std::string::npos;
  }
  std::filesystem::remove(path);
  CHECK(warnings >= 1);
  CHECK(warnings <= 3);
}

}  // namespace spa::testing
