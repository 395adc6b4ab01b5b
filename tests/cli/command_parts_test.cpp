// What the commands are made of: files, metrics, the questions of `config init`, how a run ends.
#include <fmt/format.h>
#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/config_init.h"
#include "cli/files.h"
#include "cli/metrics.h"
#include "cli/options.h"
#include "tests/catch.h"

namespace spa {
namespace {

// A directory that is gone after the test.
class Scratch {
 public:
  Scratch() : path_(std::filesystem::temp_directory_path() / "spa_cli_test") {
    std::filesystem::remove_all(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

int ModeOf(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Answers in order; the prompts that were shown are kept.
struct Answers {
  std::deque<std::string> left;
  std::string prompts;

  Ask ask() {
    return [this](const std::string& prompt) -> std::optional<std::string> {
      prompts += prompt;
      if (left.empty()) return std::nullopt;
      std::string answer = left.front();
      left.pop_front();
      return answer;
    };
  }
};

RunSummary Summary() {
  RunSummary summary;
  summary.run_id = "run-1";
  summary.status = "partial";
  summary.mode = "full";
  summary.counts.discovered = 100;
  summary.counts.read = 90;
  summary.counts.failed = 10;
  return summary;
}

}  // namespace

TEST_CASE("a file is written whole, private, with its directories, and not over another unasked") {
  const Scratch scratch;
  const std::string path = scratch / "a/b/config.json";

  REQUIRE(WriteWholeFile(path, "one", false).has_value());
  CHECK(ContentOf(path) == "one");
  CHECK(ModeOf(path) == 0600);
  CHECK(ModeOf(scratch / "a/b") == 0700);

  const auto again = WriteWholeFile(path, "two", false);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == ErrorCode::kUsage);
  CHECK(ContentOf(path) == "one");

  REQUIRE(WriteWholeFile(path, "two", true).has_value());
  CHECK(ContentOf(path) == "two");
}

TEST_CASE("a place that cannot be written to is bad usage") {
  CHECK(WriteWholeFile("/proc/nowhere/x", "", true).error().code == ErrorCode::kUsage);
  CHECK(OutputFile::Create("/proc/nowhere").error().code == ErrorCode::kUsage);
}

TEST_CASE("the questions make a configuration that the loader accepts") {
  Answers answers{{"https://contoso.sharepoint.com/", "contoso.example",
                   "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55", "certificate", "c.pfx", "PFX_PASSWORD"},
                  ""};

  const auto asked = AskForConfig(answers.ask());

  REQUIRE(asked.has_value());
  ConfigSources sources;
  sources.file = "config.json";
  sources.file_text = ConfigTemplate(*asked).dump();
  const auto loaded = LoadConfig(sources);
  REQUIRE(loaded.has_value());
  CHECK(loaded->config.tenant_url == "https://contoso.sharepoint.com");
  CHECK(loaded->config.auth.certificate_path == "c.pfx");
  CHECK(loaded->config.auth.certificate_password.Reveal() == "env:PFX_PASSWORD");
}

TEST_CASE("what flags have given is not asked for, and stands in the file with a comment above") {
  Answers answers{{"9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55"}, ""};
  const GivenKeys given = {{"tenant_url", "https://contoso.sharepoint.com"},
                           {"auth.tenant_id", "contoso.example"},
                           {"auth.certificate_path", "c.pem"},
                           {"target_sites", "https://contoso.sharepoint.com/sites/a"},
                           {"concurrency.max_sites", "3"}};

  const auto asked = AskForConfig(answers.ask(), given);
  REQUIRE(asked.has_value());
  CHECK(answers.prompts == "Application (client) id: ");
  const auto text = ConfigFileText(*asked, given);
  REQUIRE(text.has_value());
  CHECK(text->find("    // Directory (tenant) id: a GUID, or a verified domain\n"
                   "    \"tenant_id\": \"contoso.example\",\n") != std::string::npos);
  ConfigSources sources;
  sources.file = "config.json";
  sources.file_text = *text;
  const auto loaded = LoadConfig(sources);
  INFO((loaded ? "" : loaded.error().message));
  REQUIRE(loaded.has_value());
  CHECK(loaded->config.auth.client_id == "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55");
  CHECK(loaded->config.auth.certificate_path == "c.pem");
  CHECK(loaded->config.target_sites.size() == 1);
  CHECK(loaded->config.concurrency.max_sites == 3);
  // Every key has its line, and all that was not said stands at its default.
  for (const ConfigKey& key : ConfigKeys()) {
    INFO(key.path);
    CHECK(text->find(fmt::format("// {}\n", key.help)) != std::string::npos);
  }
  CHECK(ConfigFileText(*asked, {{"concurrency.max_sites", "many"}}).error().code ==
        ErrorCode::kUsage);
}

TEST_CASE("an answer that the loader refuses is asked for again, with the reason") {
  Answers answers{{"contoso", "https://contoso.sharepoint.com", "", "contoso.example",
                   "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55", "password", "secret", ""},
                  ""};

  const auto asked = AskForConfig(answers.ask());

  REQUIRE(asked.has_value());
  CHECK(answers.prompts.find("which is not an absolute URL") != std::string::npos);
  CHECK(answers.prompts.find("An answer is needed.") != std::string::npos);
  CHECK(answers.prompts.find("That is none of the four.") != std::string::npos);
  CHECK(asked->client_secret == "env:AZURE_CLIENT_SECRET");
}

TEST_CASE("an input that ends early writes nothing") {
  Answers answers{{"https://contoso.sharepoint.com"}, ""};

  const auto asked = AskForConfig(answers.ask());

  REQUIRE_FALSE(asked.has_value());
  CHECK(asked.error().code == ErrorCode::kUsage);
}

TEST_CASE("the metrics hold every number of the summary, kinds of cache entries as a label") {
  RunSummary summary = Summary();
  summary.tenant_id = "a\"b";
  summary.cache.by_kind["group"].hits = 7;

  const std::string text = PrometheusText(summary);

  CHECK(text.find("sharepoint_audit_run_info{run_id=\"run-1\",status=\"partial\",mode=\"full\","
                  "tenant_id=\"a\\\"b\"} 1\n") != std::string::npos);
  CHECK(text.find("\nsharepoint_audit_coverage_discovered 100\n") != std::string::npos);
  CHECK(text.find("\nsharepoint_audit_api_http_requests 0\n") != std::string::npos);
  CHECK(text.find("\nsharepoint_audit_cache_kind_hits{kind=\"group\"} 7\n") != std::string::npos);
  CHECK(text.find("\nsharepoint_audit_cache_enabled 0\n") != std::string::npos);
}

TEST_CASE("how a run ended becomes the exit code") {
  AuditOutcome outcome;
  outcome.summary = Summary();

  const auto exit = [&](std::optional<double> coverage, std::optional<Severity> fail_on = {}) {
    AuditCommand command;
    command.min_coverage = coverage;
    command.fail_on = fail_on;
    return ExitOfRun(outcome, command);
  };
  CHECK(exit(std::nullopt) == ExitCode::kDone);
  CHECK(exit(90.0) == ExitCode::kDone);
  CHECK(exit(90.1) == ExitCode::kCoverage);
  CHECK(exit(std::nullopt, Severity::kInfo) == ExitCode::kDone);
  outcome.summary.findings.open[static_cast<int>(Severity::kHigh)] = 1;
  CHECK(exit(std::nullopt) == ExitCode::kDone);
  CHECK(exit(std::nullopt, Severity::kMedium) == ExitCode::kFindings);
  CHECK(exit(std::nullopt, Severity::kHigh) == ExitCode::kFindings);
  CHECK(exit(std::nullopt, Severity::kCritical) == ExitCode::kDone);
  CHECK(exit(90.1, Severity::kHigh) == ExitCode::kCoverage);
  outcome.summary.status = "failed";
  CHECK(exit(std::nullopt) == ExitCode::kFailure);
  outcome.interrupted = true;
  CHECK(exit(99.0) == ExitCode::kInterrupted);
}

}  // namespace spa
