// The dashboard for Grafana asks for what the server tells, and for nothing else.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/serve/serving.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// Every text of the document.
void Texts(const json& node, std::string& all) {
  if (node.is_string()) all += node.get<std::string>() + '\n';
  if (node.is_structured()) {
    for (const json& child : node) Texts(child, all);
  }
}

TEST_CASE("Every figure of the dashboard is one that a running server tells", "[cache][S3-111]") {
  std::ifstream file(SPA_SOURCE_DIR "/docs/grafana-dashboard.json");
  const json dashboard = json::parse(file, nullptr, false);
  REQUIRE(dashboard.is_object());
  REQUIRE(dashboard["panels"].size() > 10);
  for (const json& panel : dashboard["panels"]) {
    INFO(panel["title"]);
    CHECK_FALSE(panel["targets"].empty());
    for (const json& target : panel["targets"]) CHECK(target["expr"] != "");
  }
  std::string texts;
  Texts(dashboard, texts);
  const std::regex name("spa_[a-z0-9_]+");
  std::set<std::string> asked;
  for (std::sregex_iterator at(texts.begin(), texts.end(), name), end; at != end; ++at)
    asked.insert(at->str());
  REQUIRE(asked.size() > 20);

  std::string folder = (std::filesystem::temp_directory_path() / "spa-board-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  ServingOptions options;
  options.l2 = "disk:" + folder + "/cache.db";
  Serving serving(options);
  serving.Run([&](Serving& s) -> Task<void> {
    const Answered metrics = co_await s.Get("/metrics");
    REQUIRE(metrics.status == 200);
    std::set<std::string> told;
    std::istringstream lines(metrics.body);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('#')) told.insert(line.substr(0, line.find_first_of("{ ")));
    }
    for (const std::string& figure : asked) {
      INFO(figure);
      CHECK(told.contains(figure));
    }
  });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace spa::testing
