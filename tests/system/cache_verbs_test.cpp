// The verbs of `cache`, as a stranger would call them: the built program over a disk store.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/catch.h"
#include "tests/system/program.h"

namespace spa::testing {
namespace {

using Json = nlohmann::json;

// A folder with a cache in it that each call of the program opens anew.
class Shelf {
 public:
  Words With(Words words) const {
    words.insert(words.begin(), "cache");
    words.insert(words.end(), {"--l2", url(), "-q"});
    return words;
  }
  Ended Do(Words words) const { return Run(With(std::move(words))); }
  Json Ask(Words words) const {
    words.push_back("--json");
    const Ended ended = Do(std::move(words));
    INFO(ended.err);
    INFO(ended.out);
    const Json json = Json::parse(ended.out, nullptr, false);
    REQUIRE_FALSE(json.is_discarded());
    return json;
  }
  std::string url() const { return "disk:" + folder_.File("cache.db"); }
  std::string File(const std::string& name) const { return folder_.File(name); }

 private:
  Folder folder_;
};

Words Lines(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A token that says when it ends and is signed by nobody.
void WriteToken(const std::string& path, long from_now) {
  const auto encode = [](const std::string& text) {
    constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    unsigned bits = 0;
    int have = 0;
    for (const unsigned char c : text) {
      bits = bits << 8 | c;
      for (have += 8; have >= 6; have -= 6) out += kLetters[bits >> (have - 6) & 63];
    }
    if (have > 0) out += kLetters[bits << (6 - have) & 63];
    return out;
  };
  const long now = static_cast<long>(std::time(nullptr));
  WriteText(path, encode(R"({"alg":"RS256"})") + '.' +
                      encode(Json{{"exp", now + from_now}}.dump()) + ".c2ln\n");
}

}  // namespace

TEST_CASE("A value goes in, comes back in another process, and goes again",
          "[system][cache][S1-04][S3-13][S3-14][S3-15][S3-17]") {
  const Shelf shelf;

  CHECK(shelf.Do({"get", "k"}).exit == 1);
  const Ended set = shelf.Do({"set", "k", "one two", "--ttl", "60"});
  CHECK(set.exit == 0);
  CHECK(set.out == "true\n");
  CHECK(shelf.Do({"get", "k"}).out == "one two\n");
  CHECK(shelf.Do({"get", "k", "--raw"}).out == "one two");
  CHECK(shelf.Do({"has", "k"}).exit == 0);
  CHECK(shelf.Do({"del", "k"}).out == "1\n");
  CHECK(shelf.Do({"has", "k"}).exit == 1);
  CHECK(shelf.Do({"get", "k"}).exit == 1);
  CHECK(shelf.Do({"del", "k"}).exit == 1);
}

TEST_CASE("has counts nothing, and get counts one lookup", "[system][cache][S3-17][S0-08][S0-05]") {
  const Shelf shelf;
  const auto total = [&](const char* name) {
    return shelf.Ask({"stats"}).at("total").at(name).get<int>();
  };
  CHECK(total("hits") == 0);
  CHECK(total("misses") == 0);
  CHECK(total("evictions") == 0);

  shelf.Do({"get", "k"});
  shelf.Do({"set", "k", "v"});
  shelf.Do({"get", "k"});
  shelf.Do({"has", "k"});
  shelf.Do({"has", "other"});

  CHECK(total("hits") == 1);
  CHECK(total("misses") == 1);
  CHECK(total("evictions") == 0);
  CHECK(shelf.Ask({"stats"}).at("caches").at("unnamed").at("hits") == 1);
  CHECK(shelf.Ask({"stats", "unnamed"}).at("l2_hits") == 1);
  shelf.Do({"stats", "--reset"});
  CHECK(total("hits") == 0);
}

TEST_CASE("Every named cache has the same fields", "[system][cache][S0-01][S1-53][S2-66]") {
  const Shelf shelf;

  const Json stats = shelf.Ask({"stats", "--internals"});

  std::set<std::string> fields;
  for (const auto& [name, value] : stats.at("caches").at("site").items()) fields.insert(name);
  for (const auto& [kind, row] : stats.at("caches").items()) {
    std::set<std::string> own;
    for (const auto& [name, value] : row.items()) own.insert(name);
    CHECK(own == fields);
  }
  for (const char* name :
       {"performance", "compression", "memory", "invalidation", "hit_ratio", "utilization",
        "evictions", "flights", "nodes", "keygen", "concurrency", "errors", "verify", "l2"}) {
    CHECK(stats.contains(name));
  }
  CHECK(stats.at("internals").at("shards") == 128);
  CHECK(shelf.Do({"stats", "nonsense"}).exit == 2);
}

TEST_CASE("An end in time is kept to the second, and one that is over stores nothing",
          "[system][cache][S0-04]") {
  const Shelf shelf;

  CHECK(shelf.Do({"set", "k", "v", "--expires-at", "+90s"}).exit == 0);
  const int ttl = std::stoi(shelf.Do({"ttl", "k"}).out);
  CHECK(ttl >= 80);  // The program may be slow to start.
  CHECK(ttl <= 90);

  const Ended past = shelf.Do({"set", "old", "v", "--expires-at", "2001-01-01T00:00:00Z"});
  CHECK(past.exit == 0);
  CHECK(past.out == "false\n");
  CHECK(shelf.Do({"ttl", "old"}).exit == 1);
  CHECK(shelf.Do({"set", "k", "v", "--expires-at", "soon"}).exit == 2);
}

TEST_CASE("set can ask for absence or presence", "[system][cache][S3-23][S3-24]") {
  const Shelf shelf;

  const Ended present = shelf.Do({"set", "k", "v", "--if-present"});
  CHECK(present.out == "false\n");
  CHECK(present.exit == 1);
  CHECK(shelf.Do({"set", "k", "a", "--if-absent"}).out == "true\n");
  CHECK(shelf.Do({"set", "k", "b", "--if-absent"}).out == "false\n");
  CHECK(shelf.Do({"set", "k", "c", "--if-present"}).out == "true\n");
  CHECK(shelf.Do({"get", "k"}).out == "c\n");
  CHECK(shelf.Do({"set", "k", "d", "--if-present", "--if-absent"}).exit == 2);
}

TEST_CASE("Of two processes that race for an absent key one wins", "[system][cache][S3-23]") {
  const Shelf shelf;

  std::vector<std::unique_ptr<Program>> racers;
  for (const char* value : {"a", "b"}) {
    racers.push_back(std::make_unique<Program>(shelf.With({"set", "k", value, "--if-absent"})));
  }
  int won = 0;
  for (auto& racer : racers) won += racer->Wait().out == "true\n" ? 1 : 0;

  CHECK(won == 1);
}

TEST_CASE("get explains where it found the value", "[system][cache][S1-17][S1-21][S1-23]") {
  const Shelf shelf;
  CHECK(shelf.Do({"get", "k", "--explain"}).out.find("result=miss") == 0);
  shelf.Do({"set", "k", "v"});

  CHECK(shelf.Do({"get", "k", "--explain"}).out.find("result=hit level=l2 age=") == 0);
  CHECK(shelf.Do({"get", "k", "--level", "l2"}).out == "v\n");
  CHECK(shelf.Do({"get", "k", "--level", "l1"}).exit == 1);  // This process has just begun.
  const Json hit = shelf.Ask({"get", "k"});
  CHECK(hit.at("value") == "v");
  CHECK(hit.at("stale") == false);
  CHECK(hit.at("age").get<int>() >= 0);
}

TEST_CASE("meta tells age, state, size and tags", "[system][cache][S3-32][S1-06]") {
  const Shelf shelf;
  WriteText(shelf.File("small"), std::string(999, 'a'));
  WriteText(shelf.File("large"), std::string(1001, 'a'));
  shelf.Do({"set", "small", "--file", shelf.File("small"), "--tag", "site=hr"});
  shelf.Do({"set", "large", "--file", shelf.File("large")});

  const Json small = shelf.Ask({"meta", "small"});
  CHECK(small.at("compressed") == false);
  CHECK(small.at("tags") == Json::array({"site=hr"}));
  CHECK(small.at("state") == "fresh");
  CHECK(small.at("bytes").get<int>() >= 999);
  CHECK(small.at("fence").get<std::uint64_t>() > 0);
  CHECK(shelf.Ask({"meta", "large"}).at("compressed") == true);
  CHECK(shelf.Do({"meta", "other"}).exit == 1);
  CHECK(shelf.Do({"get", "large", "--raw"}).out == std::string(1001, 'a'));
}

TEST_CASE("Many at once: mset, mget, mdel", "[system][cache][S3-20][S3-21][S3-22]") {
  const Shelf shelf;
  WriteText(shelf.File("kv.jsonl"),
            "{\"key\": \"k1\", \"value\": \"one\"}\n{\"key\": \"group_members:g\", \"value\": "
            "[1,2]}\n");

  CHECK(shelf.Do({"mset", "--file", shelf.File("kv.jsonl")}).out == "2\n");
  const Ended all = shelf.Do({"mget", "k1", "group_members:g"});
  CHECK(all.exit == 0);
  CHECK(all.out == "one\n[1,2]\n");
  CHECK(shelf.Do({"mget", "k1", "k2", "k1"}).exit == 1);
  CHECK(shelf.Do({"mdel", "k1", "group_members:g", "k3"}).out == "2\n");
  CHECK(shelf.Do({"mset"}).exit == 2);
}

TEST_CASE("Patterns name keys, and del prints exactly how many went",
          "[system][cache][S1-07][S3-30][S3-31]") {
  const Shelf shelf;
  std::string lines;
  for (int i = 0; i < 100; ++i) {
    lines += Json{{"key", "group_members:" + std::to_string(i)}, {"value", "v"}}.dump() + '\n';
  }
  WriteText(shelf.File("kv.jsonl"), lines);
  shelf.Do({"mset", "--file", shelf.File("kv.jsonl")});

  CHECK(Lines(shelf.Do({"keys", "group_members:*"}).out).size() == 100);
  CHECK(Lines(shelf.Do({"keys"}).out).size() == 100);
  CHECK(shelf.Do({"del", "--pattern", "group_members:1*"}).out == "11\n");  // 1, 10 to 19
  CHECK(Lines(shelf.Do({"keys"}).out).size() == 89);
  CHECK(shelf.Do({"keys", "token*"}).out.empty());
}

TEST_CASE("An index names entries and forgets them together",
          "[system][cache][S3-26][S3-27][S3-28][S3-29][S3-50][S3-99]") {
  const Shelf shelf;
  for (const char* key : {"group_members:a", "group_members:b", "user:c"}) {
    shelf.Do({"set", key, "v"});
  }

  CHECK(shelf.Do({"index", "add", "site", "hr", "user:c"}).out == "1\n");
  CHECK(shelf.Do({"index", "add", "site", "hr", "--pattern", "group_members:*"}).out == "2\n");
  const Words listed = Lines(shelf.Do({"index", "get", "site", "hr"}).out);
  CHECK(listed == Words{"sharepoint_audit:group_members:2:a", "sharepoint_audit:group_members:2:b",
                        "sharepoint_audit:user:1:c"});
  CHECK(shelf.Do({"index", "rm", "site", "hr", "user:c"}).out == "1\n");
  CHECK(Lines(shelf.Do({"keys", "--tag", "site=hr"}).out).size() == 2);
  CHECK(shelf.Do({"index", "delete", "site", "hr"}).exit == 0);
  CHECK(shelf.Do({"get", "group_members:a"}).exit == 1);
  CHECK(shelf.Do({"get", "user:c"}).exit == 0);
  CHECK(shelf.Do({"index", "get", "site", "hr"}).out.find("group_members") == std::string::npos);
}

TEST_CASE("Of ten processes that want an absent value one makes it",
          "[system][cache][S3-18][S3-71]") {
  const Shelf shelf;
  const std::string made = shelf.File("made");
  const std::string command = "echo x >> " + made + "; sleep 1; echo v";

  std::vector<std::unique_ptr<Program>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(std::make_unique<Program>(shelf.With({"get-or-set", "k", "--cmd", command})));
  }
  for (auto& one : all) {
    const Ended ended = one->Wait();
    CHECK(ended.exit == 0);
    CHECK(ended.out == "v\n");
  }

  CHECK(ReadText(made) == "x\n");
}

TEST_CASE("A value that is not made in time is given up, and its command is killed",
          "[system][cache][S3-25]") {
  const Shelf shelf;

  const Ended ended =
      shelf.Do({"get-or-set", "k", "--cmd", "sleep 60; echo v", "--timeout", "100ms"});

  CHECK(ended.exit == 5);
  CHECK(ended.took < std::chrono::seconds(20));
  CHECK(shelf.Do({"get-or-set", "k", "--cmd", "false"}).exit == 1);
  CHECK(shelf.Do({"get-or-set", "k"}).exit == 2);
}

TEST_CASE("No step of a number is lost between processes", "[system][cache][S3-19][S3-63][S3-72]") {
  const Shelf shelf;

  std::vector<std::unique_ptr<Program>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(
        std::make_unique<Program>(shelf.With({"incr", "n", "--tasks", "4", "--times", "25"})));
  }
  for (auto& one : all) CHECK(one->Wait().exit == 0);

  CHECK(shelf.Do({"get", "n"}).out == "400\n");
  CHECK(shelf.Do({"incr", "n", "--by=-1"}).out == "399\n");
  shelf.Do({"set", "word", "x"});
  CHECK(shelf.Do({"incr", "word"}).exit == 2);
}

TEST_CASE("clear forgets a kind, and all of it only when that is meant",
          "[system][cache][S2-39][S2-40][S3-16]") {
  const Shelf shelf;
  shelf.Do({"set", "group_members:a", "v"});
  shelf.Do({"set", "user:b", "v"});

  CHECK(shelf.Do({"clear"}).exit == 2);
  CHECK(shelf.Do({"clear", "--all"}).exit == 2);
  CHECK(shelf.Do({"clear", "group_members"}).exit == 0);
  CHECK(shelf.Do({"get", "user:b"}).exit == 0);
  CHECK(shelf.Do({"get", "group_members:a"}).exit == 1);
  const Json cleared = shelf.Ask({"clear", "--all", "--yes"});
  CHECK_FALSE(cleared.at("warnings").empty());
  CHECK(shelf.Do({"get", "user:b"}).exit == 1);
}

TEST_CASE("cleanup drops what has expired", "[system][cache][S2-38]") {
  const Shelf shelf;
  shelf.Do({"set", "k", "v", "--ttl", "1"});
  while (shelf.Do({"get", "k"}).exit == 0) {
  }

  CHECK(std::stoi(shelf.Do({"cleanup"}).out) <= 1);
  CHECK(shelf.Do({"keys"}).out.empty());
}

TEST_CASE("populate fills, memory counts, verify opens all of it",
          "[system][cache][S1-51][S1-08]") {
  const Shelf shelf;

  CHECK(shelf.Do({"populate", "--size", "small"}).out == "100\n");
  const Json memory = shelf.Ask({"memory"});
  CHECK(memory.at("l2").at("entries") == 100);
  CHECK(memory.at("rss_bytes").get<long>() > 0);
  CHECK(shelf.Ask({"verify"}).at("ok") == 100);
  CHECK(shelf.Do({"evict", "--l1", "--count", "10"}).exit == 0);
}

TEST_CASE("ping tells whether the second level is there", "[system][cache][S1-19]") {
  const Shelf shelf;

  CHECK(shelf.Do({"ping"}).exit == 0);
  CHECK(Run({"cache", "ping", "--l2", "none"}).exit == 2);
  CHECK(Run({"cache", "ping", "--l2", "redis://127.0.0.1:1"}).exit == 5);
}

TEST_CASE("The cache goes on without a second level that does not answer",
          "[system][cache][S1-48][S3-13]") {
  const Ended get = Run({"cache", "get", "k", "--l2", "redis://127.0.0.1:1"});
  CHECK(get.exit == 1);
  CHECK(get.err.find("going on without it") != std::string::npos);
  CHECK(Run({"cache", "set", "k", "v", "--l2", "redis://127.0.0.1:1"}).exit == 0);
  CHECK(Run({"cache", "set", "k", "v", "--l2", "redis://127.0.0.1:99999"}).exit == 2);
}

TEST_CASE("The ring routes a key where it always did", "[system][cache][S0-13][S0-14]") {
  const Words route = {"cache", "ring", "route", "k", "--nodes", "a,b,c"};
  const std::string node = Run(route).out;
  CHECK((node == "a\n" || node == "b\n" || node == "c\n"));
  CHECK(Run({"cache", "ring", "route", "k", "--nodes", "c,a,b"}).out == node);
  CHECK(Run({"cache", "ring", "selftest"}).exit == 0);
  CHECK(Run({"cache", "ring", "show", "--nodes", "a,b*2", "--json"}).exit == 0);
  CHECK(Run({"cache", "ring", "show", "--nodes", "a*x"}).exit == 2);
  CHECK(Run({"cache", "ring", "show", "--l2", "none"}).exit == 2);
}

TEST_CASE("The security check finds plain text to another host", "[system][cache][S1-38]") {
  // Nobody answers there, and nobody has to.
  const Ended check =
      Run({"cache", "security", "check", "--json", "--l2", "redis://192.0.2.1:6379"});
  CHECK(check.exit == 3);
  CHECK(check.out.find("\"plaintext\"") != std::string::npos);
  CHECK(Run({"cache", "security", "check", "--l2", "none"}).exit == 2);
  CHECK(Run({"cache", "warm", "--from-last-run"}).exit == 2);
}

TEST_CASE("Without a second level every verb works and forgets", "[system][cache][S0-07][S4-15]") {
  const Ended set = Run({"cache", "set", "k", "v", "--l2", "none"});
  CHECK(set.exit == 0);
  CHECK(set.err.find("nothing outlives this process") != std::string::npos);
  CHECK(Run({"cache", "get", "k", "--l2", "none"}).exit == 1);
  CHECK(Run({"cache", "stats", "--json", "--l2", "none"}).exit == 0);
  CHECK(Run({"cache", "health", "--l2", "none"}).exit == 0);
}

TEST_CASE("What must not leave memory is not stored", "[system][cache][S2-64]") {
  const Shelf shelf;

  CHECK(shelf.Do({"set", "access_token:a", "secret"}).exit == 0);

  CHECK(shelf.Do({"get", "access_token:a"}).exit == 1);
  CHECK(shelf.Do({"keys"}).out.empty());
}

TEST_CASE("health is sampled with the machine's load", "[system][cache][S0-06][S3-112]") {
  const Shelf shelf;

  const Ended ended = shelf.Do({"health", "--watch", "--interval", "10ms", "--count", "3"});
  CHECK(ended.exit == 0);
  std::size_t samples = 0;
  for (std::size_t at = 0; (at = ended.out.find("system.cpu_percent", at)) != std::string::npos;
       ++at)
    ++samples;
  CHECK(samples == 3);
  const Json health = shelf.Ask({"health"});
  CHECK(health.at("status") == "healthy");
  CHECK(health.at("redis").at("available") == false);
  CHECK(health.at("system").at("memory_percent").get<double>() > 0);
  REQUIRE(health.at("providers").size() == 1);
  for (const char* field : {"state", "latency_p50_us", "latency_p99_us", "error_rate", "last_error",
                            "since", "retry_after"}) {
    CHECK(health.at("providers")[0].contains(field));
  }
}

TEST_CASE("monitor shows what another process does", "[system][cache][S1-16]") {
  const Shelf shelf;
  shelf.Do({"set", "there", "v"});
  const std::string seen = shelf.File("seen");
  Surroundings around;
  around.out = open(seen.c_str(), O_CREAT | O_WRONLY, 0600);
  REQUIRE(around.out >= 0);
  const Program monitor(shelf.With({"monitor", "--json", "--interval", "20ms"}), around);
  close(around.out);

  const auto shown = [&](const std::string& event) {
    return ReadText(seen).find("\"event\":\"" + event + "\"") != std::string::npos;
  };
  // Until it has begun to watch, what happens is not seen: so each is done until it is.
  CHECK(monitor.RunUntil([&] { return shelf.Do({"set", "new", "v"}), shown("set"); }));
  CHECK(monitor.RunUntil([&] { return shelf.Do({"get", "there"}), shown("get_hit"); }));
  CHECK(monitor.RunUntil([&] { return shelf.Do({"get", "other"}), shown("get_miss"); }));
  CHECK(monitor.RunUntil([&] {
    shelf.Do({"set", "new", "v"});
    shelf.Do({"del", "new"});
    return shown("delete");
  }));
}

TEST_CASE("key tells under which key a thing is kept",
          "[system][cache][S0-02][S1-24][S1-26][S1-27]") {
  const auto key = [](Words words) {
    words.insert(words.begin(), {"cache", "key"});
    return Run(words).out;
  };

  CHECK(key({"group_members:4711"}) == "sharepoint_audit:group_members:2:4711\n");
  const std::string parts = key({"--kind", "t", "--json", R"({"b":1,"a":2})"});
  CHECK(parts == key({"--kind", "t", "--json", R"({"a":2,"b":1})"}));
  CHECK(parts != key({"--kind", "t", "--json", R"({"a":2,"b":1,"question":"q"})"}));
  CHECK(key({"--kind", "t", "--json", R"({"a":2,"b":1})", "--explain"}).find("sha256") !=
        std::string::npos);
  CHECK(Run({"cache", "key"}).exit == 2);
  CHECK(Run({"cache", "key", "--json", "{"}).exit == 2);
}

TEST_CASE("The known keys and times are as they were", "[system][cache][S0-02][S0-29]") {
  CHECK(Run({"cache", "key", "--selftest"}).exit == 0);
  CHECK(Run({"cache", "ttl", "--selftest"}).exit == 0);
}

TEST_CASE("A long id is hashed as it comes, in little memory", "[system][cache][S1-25][S1-28]") {
  const Folder folder;
  const std::string program = SPA_PROGRAM;
  WriteText(folder.File("run"), "head -c 300000000 /dev/zero | (ulimit -v 400000; exec " + program +
                                    " cache key --kind t --stdin)\n");
  const std::string out = folder.File("out");

  REQUIRE(std::system(("sh " + folder.File("run") + " > " + out).c_str()) == 0);

  const std::string key = ReadText(out);
  CHECK(key.size() < 1100);
  CHECK(key.find("sharepoint_audit:t:1:~") == 0);
}

TEST_CASE("A token is remembered until it ends, and not for long",
          "[system][cache][S0-10][S2-22]") {
  const Folder folder;
  const auto ttl = [&](long from_now) {
    WriteToken(folder.File("t.jwt"), from_now);
    return std::stoi(Run({"cache", "token", "ttl", "--jwt", folder.File("t.jwt")}).out);
  };

  CHECK(ttl(120) >= 50);
  CHECK(ttl(120) <= 120);
  CHECK(ttl(3600) == 300);
  CHECK(ttl(-10) == 0);
  CHECK(Run({"cache", "token", "ttl", "--jwt", "/nowhere"}).exit == 2);
}

TEST_CASE("The policies are told, and what comes of one answer",
          "[system][cache][S1-61][S2-11][S2-54][S2-61]") {
  const auto ask = [](Words words) {
    words.insert(words.begin(), "cache");
    words.push_back("--json");
    return Json::parse(Run(words).out);
  };

  CHECK(ask({"policy"}).size() >= 14);
  const auto explain = [&](Words more) {
    more.insert(more.begin(), {"policy", "explain", "--kind"});
    return ask(more);
  };
  CHECK(explain({"group_members"}).at("ttl") == 21600);
  CHECK(explain({"group_members", "--bytes", "4000"}).at("form") == "compressed");
  CHECK(explain({"group_members", "--bytes", "2000000"}).at("tier") == "second level");
  CHECK(explain({"group_members", "--bytes", "20000000"}).at("tier") != "second level");
  CHECK(explain({"access_token"}).at("tier") == "memory");
  CHECK(explain({"health", "--outcome", "unhealthy"}).at("ttl") == 60);
  CHECK(explain({"graph_error", "--outcome", "stable"}).at("ttl") == 600);
  CHECK(explain({"token_validation"}).at("ttl") == 300);
  CHECK(explain({"group_members", "--outcome", "403"}).at("ttl") == 600);
  CHECK(explain({"group_members", "--outcome", "401"}).at("tier") == "nowhere");
  CHECK(Run({"cache", "policy", "explain", "--kind", "nonsense"}).exit == 2);
  CHECK(ask({"error-policy"}).at(2).at("ttl") == 600);  // 403
}

TEST_CASE("A token that is revoked is on the list that processes share",
          "[system][cache][S0-11][S2-08]") {
  const Shelf shelf;

  CHECK(shelf.Do({"revoke", "--jti", "4711"}).exit == 0);
  CHECK(shelf.Do({"has", "revoked_jti:4711"}).exit == 0);
  CHECK(shelf.Do({"revoke"}).exit == 2);
  CHECK(shelf.Do({"invalidate", "--provider", "graph.microsoft.com"}).exit == 0);
}

TEST_CASE("What a tenant says is escaped in tables", "[system][cache]") {
  const Shelf shelf;
  shelf.Do({"set", "site:a\xE2\x80\xAE", "v", "--tag", "site=\x1b[31m"});

  CHECK(shelf.Do({"meta", "site:a\xE2\x80\xAE"}).out.find('\x1b') == std::string::npos);
  CHECK(shelf.Do({"keys"}).out.find("\xE2\x80\xAE") == std::string::npos);
}

TEST_CASE("A backup is restored as it was, and a copy is validated",
          "[system][cache][S1-30][S1-31][S1-33][S1-34]") {
  const Shelf shelf, other, third;
  shelf.Do({"populate", "--size", "small"});
  const std::string file = shelf.File("backup");

  const Json backup = shelf.Ask({"backup", file});
  CHECK(backup.at("entries") == 100);
  CHECK(backup.at("sha256").get<std::string>().size() == 64);
  CHECK(other.Ask({"restore", file}).at("entries") == 100);
  const auto validate = [&](const Shelf& to) {
    return Run({"cache", "validate", "--from", shelf.url(), "--to", to.url(), "--json"});
  };
  const Ended same = validate(other);
  CHECK(same.exit == 0);
  for (const char* field : {"is_consistent", "key_count_match", "value_mismatches",
                            "ttl_mismatches", "metadata_mismatches"}) {
    CHECK(Json::parse(same.out).contains(field));
  }
  CHECK(Run({"cache", "migrate", "--from", shelf.url(), "--to", third.url()}).exit == 0);
  CHECK(validate(third).exit == 0);
  third.Do({"set", "populate-1", "other"});
  const Ended differs = validate(third);
  CHECK(differs.exit == 1);
  CHECK(Json::parse(differs.out).at("is_consistent") == false);
  CHECK(Run({"cache", "migrate", "--from", shelf.url()}).exit == 2);
  WriteText(file, "something else");
  CHECK(other.Do({"restore", file}).exit == 1);
}

TEST_CASE("bench measures, and compares with an earlier run",
          "[system][cache][S1-41][S1-45][S1-46][S0-22]") {
  const Folder folder;
  const Words few = {"cache", "bench", "key", "--ops", "2000", "--repeats", "1"};
  const auto with = [&](Words more) {
    more.insert(more.begin(), few.begin(), few.end());
    return Run(more);
  };

  const Ended json = with({"--json"});
  REQUIRE(json.exit == 0);
  const Json results = Json::parse(json.out);
  for (const char* field : {"operation_type", "avg_ms", "p95_ms", "p99_ms", "operations_per_second",
                            "memory_usage_mb", "success_rate"}) {
    CHECK(results.at(0).contains(field));
  }
  CHECK(with({"--report", "md"}).out.find("| operation_type |") != std::string::npos);
  Json faster = results;
  for (Json& result : faster) {
    result["operations_per_second"] = result["operations_per_second"].get<double>() * 1000;
  }
  WriteText(folder.File("baseline.json"), faster.dump());
  CHECK(with({"--baseline", folder.File("baseline.json"), "--warn", "1%", "--fail", "5%"}).exit ==
        3);
  CHECK(Run({"cache", "bench"}).out.find("hit-ratio") != std::string::npos);
  CHECK(Run({"cache", "bench", "nonsense"}).exit == 2);
  CHECK(Run({"cache", "stress", "single-key", "--tasks", "100"}).exit == 0);
}

TEST_CASE("advise says when it knows nothing", "[system][cache][S2-75]") {
  const Shelf shelf;

  CHECK(shelf.Ask({"advise", "--capacity"}).at("recorded") == false);
  shelf.Do({"get", "k"});
  const Json advice = shelf.Ask({"advise", "--capacity"});
  CHECK(advice.at("recorded") == true);
  CHECK(advice.at("kinds").at(0).at("entries").is_null());
}

TEST_CASE("metrics speaks to Prometheus", "[system][cache][S3-08]") {
  const Shelf shelf;
  shelf.Do({"get", "k"});

  const std::string text = shelf.Do({"metrics"}).out;
  CHECK(text.find("spa_cache_misses_total{kind=\"unnamed\"} 1\n") != std::string::npos);
}

TEST_CASE("Unknown words are bad usage and named", "[system][cache]") {
  CHECK(Run({"cache"}).exit == 2);
  const Ended ended = Run({"cache", "sett"});
  CHECK(ended.exit == 2);
  CHECK(ended.err.find("set") != std::string::npos);
  CHECK(Run({"cache", "get"}).exit == 2);
  CHECK(Run({"cache", "get", "k", "--level", "l3"}).exit == 2);
}

TEST_CASE("The files of the cache are for their owner alone", "[system][cache]") {
  const Shelf shelf;
  shelf.Do({"set", "k", "v"});

  struct stat status {};
  REQUIRE(stat(shelf.File("cache.db").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

}  // namespace spa::testing
