// who, what, why, cut and whatif of the built program: they agree with `export access`, with each
// other and with what can be found by trying.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "tests/system/access_compare.h"

namespace spa::testing {
namespace {

using nlohmann::json;

struct Audited {
  explicit Audited(Words set = {}) : tenant("small", kCertificate, std::move(set)) {
    tenant.Summary();
    rows = ParseLines(ReadText(tenant.Export("access")));
    REQUIRE(rows.size() > 100);
  }

  Ended Ask(Words words) const {
    words.insert(words.end(), {"--config", tenant.config()});
    return Run(words);
  }
  json Answer(Words words) const {
    words.push_back("--json");
    const Ended ended = Ask(words);
    INFO("stderr: " << ended.err);
    REQUIRE(ended.exit == 0);
    return json::parse(ended.out);
  }
  // The first rows for which `holds`, one per object.
  template <class Holds>
  std::vector<json> Some(std::size_t most, Holds holds) const {
    std::vector<json> some;
    for (const json& row : rows) {
      if (some.size() == most) break;
      if (!some.empty() && some.back().at("object_id") == row.at("object_id")) continue;
      if (holds(row)) some.push_back(row);
    }
    return some;
  }

  Tenant tenant;
  std::vector<json> rows;
};

bool IsPerson(const json& row) {
  return row.at("audience") == "person" && row.at("user_id").is_string();
}

// A row without what only the export has, or only the command.
json Core(json row) {
  for (const char* field : {"object_type", "object_id", "object_url", "bound", "user_name"}) {
    row.erase(field);
  }
  return row;
}

}  // namespace

TEST_CASE("Who reaches an object is what the export of access says of its scope") {
  const Audited audited;
  for (const json& row : audited.Some(12, [](const json&) { return true; })) {
    std::vector<json> expected, told;
    for (const json& each : audited.rows) {
      if (each.at("object_id") == row.at("object_id")) expected.push_back(Core(each));
    }

    const json answer = audited.Answer({"who", row.at("object_url"), "--limit", "0"});

    for (const json& each : answer.at("reached_by")) {
      if (each.at("audience") != "application") told.push_back(Core(each));
    }
    CHECK(told == expected);
    CHECK(answer.at("bound") == row.at("bound"));
    CHECK(answer.at("scope").at("object_id") == row.at("object_id"));
    const json by_id = audited.Answer({"who", row.at("object_id"), "--limit", "0"});
    CHECK(by_id == answer);
  }
}

TEST_CASE("What a person reaches is every scope that names it or an audience it belongs to") {
  const Audited audited;
  std::set<std::string> asked;
  for (const json& row : audited.Some(300, IsPerson)) {
    const std::string id = row.at("user_id");
    if (asked.size() == 6 || !asked.insert(id).second) continue;
    const bool member = row.at("user_type") == "member";
    std::set<std::string> expected, told, named;
    for (const json& each : audited.rows) {
      const std::string audience = each.at("audience");
      if (each.at("user_id") == id) named.insert(each.at("object_id"));
      if (each.at("user_id") == id || audience == "anyone" || audience == "everyone" ||
          (audience == "organization" && member)) {
        expected.insert(each.at("object_id"));
      }
    }

    const json answer = audited.Answer({"what", row.at("user_principal_name"), "--limit", "0"});

    for (const json& each : answer.at("reaches")) told.insert(each.at("object_id"));
    CHECK(told == expected);
    CHECK(answer.at("total") == expected.size());
    CHECK(named.size() <= told.size());
  }
}

TEST_CASE("Why tells the paths of the export and cut hits each with the fewest removals") {
  const Audited audited({"nested_group_rate=0.9", "group_cycles=2", "m365_rate=0"});
  std::size_t compared = 0, several = 0;
  const auto many = [](const json& row) { return IsPerson(row) && row.at("paths").size() > 1; };
  for (const json& row : audited.Some(15, many)) {
    const std::string who = row.at("user_id"), object = row.at("object_id");

    const json why = audited.Answer({"why", who, object});
    const json cut = audited.Answer({"cut", who, object});

    // The person's own paths are those of the export; audiences come on top.
    std::set<std::string> exported, told;
    for (const json& path : NormalRow(row).at("paths")) exported.insert(path);
    std::map<std::string, int> numbers;
    std::vector<std::uint32_t> open;
    for (const json& path : why.at("paths")) {
      std::string text;
      std::uint32_t steps = 0;
      std::string before;
      for (const json& hop : path.at("hops")) {
        const std::string here = fmt::format("{}:{}", hop.at("kind").get<std::string>(),
                                             hop.at("id").get<std::string>());
        const bool fixed = before.empty() || before.starts_with("everyone") ||
                           (before.starts_with("link:") && path.at("needs_link") == true);
        if (!fixed) {
          steps |= 1u << numbers.emplace(before + " " + here, numbers.size()).first->second;
        }
        text += (text.empty() ? "" : " > ") + here;
        before = here;
        if (hop.at("since").is_null()) continue;
        CHECK(hop.at("since_run") == why.at("run_id"));
      }
      told.insert(text);
      if (path.at("blocked_by").is_null()) open.push_back(steps);
      CHECK(path.at("since_run") == why.at("run_id"));
    }
    CHECK(std::includes(told.begin(), told.end(), exported.begin(), exported.end()));
    if (numbers.size() > 18) continue;
    int smallest = 99;
    for (std::uint32_t set = 0; set < 1u << numbers.size(); ++set) {
      if (std::all_of(open.begin(), open.end(), [&](auto path) { return (path & set) != 0; })) {
        smallest = std::min(smallest, std::popcount(set));
      }
    }
    CHECK(cut.at("size") == smallest);
    CHECK(cut.at("removals").size() == cut.at("size"));
    ++compared;
    several += smallest > 1;
  }
  CHECK(compared >= 5);
  CHECK(several >= 1);
}

TEST_CASE("Without a user what is lost is what only the user's own paths gave") {
  const Audited audited;
  const json person = audited.Some(1, IsPerson).front();
  std::set<std::string> own, open_to_anyone;
  for (const json& row : audited.rows) {
    if (row.at("user_id") == person.at("user_id") && row.at("blocked_by") != "expired") {
      own.insert(row.at("object_id"));
    }
    if (row.at("audience") == "anyone" && row.at("blocked_by").is_null()) {
      open_to_anyone.insert(row.at("object_id"));
    }
  }
  const auto lost = std::count_if(own.begin(), own.end(), [&](const std::string& object) {
    return !open_to_anyone.contains(object);
  });

  const json answer = audited.Answer(
      {"whatif", "--limit", "0", "--remove", "user:" + person.at("user_id").get<std::string>()});

  CHECK(answer.at("lost") == lost);
  CHECK(answer.at("lost_access").size() == answer.at("lost"));
  CHECK(answer.at("reduced").get<std::size_t>() + answer.at("kept").get<std::size_t>() ==
        own.size() - static_cast<std::size_t>(lost));
}

TEST_CASE("Without anonymous links nobody is left who has nothing but such a link") {
  const Audited audited({"anonymous_weight=1"});
  std::size_t only_link = 0, scopes = 0;
  for (const json& row : audited.rows) {
    if (row.at("audience") != "anyone" || !row.at("blocked_by").is_null()) continue;
    ++scopes;
    only_link += row.at("needs_link") == true;
  }
  REQUIRE(scopes > 3);

  const json answer =
      audited.Answer({"whatif", "--remove", "link-class:anonymous", "--limit", "0"});

  std::size_t anyone = 0;
  for (const json& line : answer.at("lost_access")) {
    anyone += line.at("who").at("id") == "anyone";
  }
  CHECK(anyone == only_link);
  for (const json& line : answer.at("kept_access")) {
    for (const json& path : line.at("paths")) {
      CHECK(path.dump().find("\"anonymous") == std::string::npos);
    }
  }
}

TEST_CASE("Who or what cannot be told ends with one sentence and the nearest names") {
  const Audited audited;
  const json person = audited.Some(1, IsPerson).front();
  const std::string name = person.at("user_principal_name"), url = person.at("object_url");
  std::string near = name;
  near.erase(2, 1);

  const Ended nobody = audited.Ask({"what", near});
  const Ended nothing = audited.Ask({"who", url + "/no/such/thing.txt"});
  const Ended bad = audited.Ask({"whatif", "--remove", "everything"});
  const Ended run = audited.Ask({"who", url, "--run", "no-such-run"});

  for (const Ended* ended : {&nobody, &nothing, &bad, &run}) {
    INFO(ended->err);
    CHECK(ended->exit == 2);
    CHECK(ended->out.empty());
    CHECK(std::count(ended->err.begin(), ended->err.end(), '\n') == 1);
  }
  CHECK(nobody.err.find(name) != std::string::npos);
  CHECK(nothing.err.find("nearest") != std::string::npos);
}

TEST_CASE("Names of a tenant cannot take over a terminal") {
  const Audited audited({"odd_name_rate=1"});
  const json person = audited.Some(1, IsPerson).front();

  for (const Words& words : {Words{"what", person.at("user_id"), "--limit", "0"},
                             Words{"who", person.at("object_id"), "--limit", "0"},
                             Words{"why", person.at("user_id"), person.at("object_id")},
                             Words{"whatif", "--remove", "link-class:anonymous", "--limit", "0"}}) {
    const Ended ended = audited.Ask(words);
    INFO(words.front());
    REQUIRE(ended.exit == 0);
    CHECK(std::none_of(ended.out.begin(), ended.out.end(),
                       [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; }));
    for (const char* mark : {"\xE2\x80\xAE", "\xE2\x80\x8F", "\xE2\x81\xA6"}) {
      CHECK(ended.out.find(mark) == std::string::npos);
    }
  }
}

TEST_CASE("Every form of the export of access says the same, in the same order") {
  const Audited audited;
  const std::string lines = ReadText(audited.tenant.Export("access"));

  const json list = json::parse(ReadText(audited.tenant.Export("access", {"--format", "json"})));
  const std::string csv = ReadText(audited.tenant.Export("access", {"--format", "csv"}));

  CHECK(ReadText(audited.tenant.Export("access")) == lines);
  CHECK(list == json(audited.rows));
  CHECK(
      csv.starts_with("object_type,object_id,object_url,audience,user_id,user_principal_name,"
                      "user_type,role,needs_link,blocked_by,paths,bound,more_paths\r\n"));
  CHECK(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')) ==
        audited.rows.size() + 1);
}

TEST_CASE("An earlier run is answered as it was") {
  const Audited audited;
  const json person = audited.Some(1, IsPerson).front();
  const std::string who = person.at("user_id"), object = person.at("object_id");
  const json before = audited.Answer({"why", who, object});

  const std::string second = audited.tenant.Summary().at("run_id");

  const std::string first = before.at("run_id");
  REQUIRE(first != second);
  CHECK(audited.Answer({"why", who, object, "--run", first}) == before);
  const json now = audited.Answer({"why", who, object});
  CHECK(now.at("run_id") == second);
  // Nothing changed, so each step is as old as the first run.
  CHECK(now.at("paths") == before.at("paths"));
}

}  // namespace spa::testing
