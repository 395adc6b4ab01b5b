#include "tests/system/tenant.h"

#include <sstream>

#include "simulator/truth.h"

namespace spa::testing {

using nlohmann::json;

Tenant::Setup Tenant::MakeSetup(const std::string& preset, const std::string& credential,
                                Words set) {
  Setup setup;
  setup.preset = preset;
  setup.credential = credential;
  setup.set = std::move(set);
  return setup;
}

Tenant::Tenant(const Setup& setup) {
  SimulateOptions options;
  options.preset = setup.preset;
  options.set = setup.set;
  options.https = setup.https;
  options.threads = setup.threads;
  options.credential = setup.credential;
  options.write_config = config();
  auto server = StartSimulation(options);
  INFO((server ? std::string() : server.error().message));
  REQUIRE(server);
  server_ = *std::move(server);
}

Words Tenant::AuditWords(const Words& more) const {
  Words words = {"audit", "--config", config(), "--output-format", "json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

json Tenant::Summary(const Words& more) const {
  const Ended ended = Audit(more);
  INFO("stderr: " << ended.err);
  REQUIRE(ended.exit == 0);
  return ParseSummary(ended);
}

std::string Tenant::Export(const std::string& what, const Words& more) const {
  const std::string path = File("export-" + what + ".out");
  Words words = {"export", what, "--config", config(), "--output", path};
  words.insert(words.end(), more.begin(), more.end());
  const Ended ended = Run(words);
  INFO("stderr: " << ended.err);
  REQUIRE(ended.exit == 0);
  REQUIRE(ended.out.empty());
  return path;
}

Comparison Tenant::CompareAll(const Words& more) const {
  Words words = {"--all"};
  words.insert(words.end(), more.begin(), more.end());
  return CompareLines(TruePermissions(), LinesOfFile(Export("permissions", words)));
}

Comparison Tenant::CompareItems() const {
  const auto result = CompareLines(TruePermissions(), LinesOfFile(Export("permissions", {"--all"})),
                                   Compare::kAccessToItems);
  REQUIRE(result.expected > 0);
  return result;
}

std::vector<json> Tenant::Coverage() const { return ParseLines(ReadText(Export("coverage"))); }

std::string Tenant::origin() const {
  std::string origin = server_->base_url();
  if (truth().spec().wire.separate_sharepoint_host) {
    origin.replace(origin.find("127.0.0.1"), 9, "localhost");
  }
  return origin;
}

Lines Tenant::TruePermissions() const {
  return [this](const Line& line) {
    const auto next = sim::TruePermissions(truth(), origin());
    std::string piece;
    for (bool more = true; more;) {
      piece.clear();
      more = next(piece);
      std::istringstream lines(piece);
      for (std::string one; std::getline(lines, one);) line(one);
    }
  };
}

std::vector<json> Tenant::TrueObjects() const {
  std::string all;
  const auto next = sim::TrueObjects(truth(), origin());
  while (next(all)) {
  }
  std::set<std::string> subsites;
  for (const sim::Web& web : truth().webs()) {
    if (web.parent >= 0) subsites.insert(web.id);
  }
  auto objects = ParseLines(all);
  // Nobody is told of the subsites of a site that cannot be opened.
  std::erase_if(objects, [&](const json& object) {
    return object.at("state") != "open" && subsites.contains(object.at("object_id"));
  });
  return objects;
}

void Tenant::Configure(const json& patch) const {
  json document = json::parse(ReadText(config()));
  document.merge_patch(patch);
  WriteText(config(), document.dump(2));
}

json ParseSummary(const Ended& ended) {
  INFO("stdout: " << ended.out << "\nstderr: " << ended.err);
  const json summary = json::parse(ended.out, nullptr, false);
  REQUIRE(summary.is_object());
  return summary;
}

std::vector<json> ParseLines(const std::string& text) {
  std::vector<json> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
  return all;
}

std::set<std::string> Values(const std::vector<json>& lines, const std::string& key) {
  std::set<std::string> values;
  for (const json& line : lines) {
    if (line.at(key).is_string()) values.insert(line.at(key));
  }
  return values;
}

}  // namespace spa::testing
