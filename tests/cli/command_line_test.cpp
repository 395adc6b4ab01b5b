#include "cli/command_line.h"

#include <set>
#include <sstream>

#include "cli/completion.h"
#include "cli/exit_code.h"
#include "cli/manual.h"
#include "cli/options.h"
#include "core/config/config_keys.h"
#include "tests/catch.h"

namespace spa {
namespace {

using Arguments = std::vector<std::string>;

Flags Parsed(const Arguments& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  return parsed->flags;
}

Error Refused(const Arguments& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(ExitCodeOf(parsed.error().code) == ExitCode::kUsage);
  return parsed.error();
}

LoadedConfig Complete() {
  ConfigSources sources;
  sources.flags = {{"auth.tenant_id", "contoso.example"},
                   {"auth.client_id", "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55"},
                   {"auth.managed_identity", "true"},
                   {"tenant_url", "https://contoso.sharepoint.com"}};
  auto loaded = LoadConfig(sources);
  REQUIRE(loaded.has_value());
  return *loaded;
}

}  // namespace

TEST_CASE("every option of audit parses") {
  const Flags flags = Parsed({"audit",
                              "--config",
                              "c.json",
                              "--db",
                              "x.db",
                              "--sites",
                              "https://a,https://b",
                              "--full",
                              "--no-cache",
                              "--resume",
                              "last",
                              "--dry-run",
                              "--max-concurrent",
                              "5",
                              "--max-sites",
                              "3",
                              "--output-format",
                              "csv",
                              "--metrics",
                              "m.prom",
                              "--fail-on",
                              "high",
                              "--min-coverage",
                              "99.5",
                              "--max-age",
                              "7d",
                              "--patience",
                              "2m",
                              "-v",
                              "-v",
                              "-q"});

  CHECK(flags.command == "audit");
  CHECK(flags.config_file == "c.json");
  CHECK(flags.keys == std::map<std::string, std::string>{{"db.path", "x.db"},
                                                         {"target_sites", "https://a,https://b"},
                                                         {"concurrency.max_api_calls", "5"},
                                                         {"concurrency.max_sites", "3"}});
  CHECK(flags.full);
  CHECK(flags.no_cache);
  CHECK(flags.dry_run);
  CHECK(flags.resume == "last");
  CHECK(flags.output_format == "csv");
  CHECK(flags.metrics_file == "m.prom");
  CHECK(flags.fail_on == "high");
  CHECK(flags.min_coverage == "99.5");
  CHECK(flags.max_age == "7d");
  CHECK(flags.patience == "2m");
  CHECK(flags.verbosity == 2);
  CHECK(flags.quiet);
  CHECK(Parsed({"audit", "--incremental", "-vvv"}).verbosity == 3);
}

TEST_CASE("every key that has a flag can be given to audit, doctor and serve") {
  const auto command = GENERATE(as<std::string>(), "audit", "doctor", "serve");

  for (const ConfigKey& key : ConfigKeys()) {
    if (key.flag.empty() || (key.path.starts_with("serve.") && command != "serve")) continue;
    CHECK(Parsed({command, std::string(key.flag), "x"}).keys.at(std::string(key.path)) == "x");
  }
}

TEST_CASE("sites may be given in one option or in several") {
  CHECK(Parsed({"audit", "--sites", "a", "--sites", "b,c"}).keys.at("target_sites") == "a,b,c");
}

TEST_CASE("the other commands parse") {
  CHECK(Parsed({"demo"}).directory == "demo-output");
  CHECK(Parsed({"demo", "there", "--preset", "small"}).directory == "there");
  const Flags simulate = Parsed({"simulate", "--preset", "small", "--port", "8080", "--set",
                                 "items=5", "--set", "wire.gzip=true", "--https", "--threads", "2",
                                 "--write-config", "c.json", "--credential", "certificate"});
  CHECK(simulate.preset == "small");
  CHECK(simulate.port == "8080");
  CHECK(simulate.settings == std::vector<std::string>{"items=5", "wire.gzip=true"});
  CHECK(simulate.https);
  CHECK(simulate.threads == 2);
  CHECK(simulate.write_config == "c.json");
  CHECK(simulate.credential == "certificate");
  CHECK(Parsed({"simulate", "--spec", "mine.json"}).spec_file == "mine.json");
  CHECK(Parsed({"doctor", "--json"}).json);
  CHECK(Parsed({"runs", "--db", "x.db"}).command == "runs");
  CHECK(Parsed({"runs", "show", "last"}).run == "last");
  CHECK(Parsed({"config", "init", "--force"}).command == "config init");
  CHECK(Parsed({"config", "show", "--origin", "--defaults"}).origin);
  CHECK(Parsed({"config", "schema"}).command == "config schema");
  CHECK(Parsed({"completion", "fish"}).shell == "fish");
  const Flags flags = Parsed({"export", "permissions", "--run", "r", "--all", "--format", "csv",
                              "--csv-dialect", "excel", "--output", "f.csv", "--db", "x.db"});
  CHECK(flags.what == "permissions");
  CHECK(flags.run == "r");
  CHECK(flags.all);
  CHECK(flags.format == "csv");
  CHECK(flags.csv_dialect == "excel");
  CHECK(flags.output_file == "f.csv");
}

TEST_CASE("a mistake on the command line is explained and the nearest word offered") {
  const auto [arguments, message, remedy] = GENERATE(table<Arguments, std::string, std::string>({
      {{"audit", "--ful"}, "--ful is no option of audit", "did you mean --full?"},
      {{"audit", "--max-site=3"}, "--max-site is no option of audit", "did you mean --max-sites?"},
      {{"audti"}, "\"audti\" is no command", "did you mean audit?"},
      {{"config", "shwo"}, "\"shwo\" is no command of config", "did you mean show?"},
      {{"config"}, "config needs a command", "give one of init, show, schema"},
      {{"doctor", "now"},
       "doctor does not take the word \"now\"",
       "see `sharepoint-audit doctor --help`"},
      {{"audit", "--nothing-like-it"},
       "--nothing-like-it is no option of audit",
       "see `sharepoint-audit audit --help`"},
  }));

  const Error error = Refused(arguments);

  CHECK(error.message == message);
  CHECK(error.remedy == remedy);
}

TEST_CASE("a choice that is none, a missing value and contradicting flags are bad usage") {
  CHECK(Refused({"audit", "--output-format", "xml"})
            .message.find("\"xml\" is none of table, json, csv") != std::string::npos);
  CHECK(Refused({"audit", "--db"}).message.find("--db") != std::string::npos);
  CHECK(Refused({"audit", "--full", "--incremental"}).message.find("--full") != std::string::npos);
  CHECK(Refused({"export"}).message.find("what") != std::string::npos);
  CHECK(Refused({}).message == "sharepoint-audit needs a command");
}

TEST_CASE("A run is recorded or replayed, and nothing that depends on an earlier one") {
  CHECK(Parsed({"audit", "--record", "r", "--pseudonymise"}).record == "r");
  CHECK(Parsed({"audit", "--record", "r", "--pseudonymise"}).pseudonymise);
  CHECK(Parsed({"audit", "--replay", "p", "--full"}).replay == "p");
  for (const Arguments& line :
       {Arguments{"--record", "r", "--replay", "p"}, Arguments{"--record", "r", "--incremental"},
        Arguments{"--record", "r", "--resume", "last"}, Arguments{"--replay", "p", "--incremental"},
        Arguments{"--replay", "p", "--resume", "last"},
        Arguments{"--replay", "p", "--sites", "https://a"}, Arguments{"--pseudonymise"}}) {
    Arguments whole = {"audit"};
    whole.insert(whole.end(), line.begin(), line.end());
    const auto parsed = ParseCommandLine(whole);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kUsage);
  }
}

TEST_CASE("help and version need nothing else") {
  CHECK(ParseCommandLine({"--help"})->help.find("Exit codes") != std::string::npos);
  CHECK(ParseCommandLine({"audit", "--help"})->help.find("--min-coverage") != std::string::npos);
  CHECK(ParseCommandLine({"config", "show", "-h"})->help.find("--origin") != std::string::npos);
  CHECK(ParseCommandLine({"--version"})->version);
}

TEST_CASE("audit's options become checked values") {
  const auto checked = CheckAudit(Parsed({"audit", "--full", "--no-cache", "--min-coverage", "99.5",
                                          "--patience", "90s", "--fail-on", "high", "-v"}),
                                  Complete(), {}, true);

  REQUIRE(checked.has_value());
  CHECK(checked->fail_on == Severity::kHigh);
  CHECK(checked->run.no_cache);
  CHECK(checked->run.mode == RunMode::kFull);
  CHECK(CheckAudit(Parsed({"audit"}), Complete(), {}, false)->run.mode == RunMode::kAuto);
  CHECK(CheckAudit(Parsed({"audit", "--incremental"}), Complete(), {}, false)->run.mode ==
        RunMode::kIncremental);
  CHECK(CheckAudit(Parsed({"audit", "--resume", "last"}), Complete(), {}, false)->run.resume ==
        "last");
  CHECK(checked->min_coverage == 99.5);
  CHECK(checked->run.patience == std::chrono::seconds(90));
  CHECK(checked->output_format == "table");
  CHECK(CheckAudit(Parsed({"audit"}), Complete(), {}, false)->output_format == "json");
  CHECK(CheckAudit(Parsed({"audit"}), Complete(), {}, false)->run.patience ==
        std::chrono::minutes(15));
}

TEST_CASE("numbers that are none are bad usage") {
  const auto [arguments, message] = GENERATE(table<Arguments, std::string>({
      {{"audit", "--min-coverage", "101"}, "--min-coverage \"101\" is no percentage"},
      {{"audit", "--min-coverage", "nan"}, "--min-coverage \"nan\" is no percentage"},
      {{"audit", "--min-coverage", "all"}, "--min-coverage \"all\" is no percentage"},
      {{"audit", "--patience", "soon"}, "--patience \"soon\" is no duration"},
  }));

  const auto checked = CheckAudit(Parsed(arguments), Complete(), {}, true);

  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().message == message);
}

TEST_CASE("durations are whole numbers with a unit") {
  CHECK(ParseDuration("90") == std::chrono::seconds(90));
  CHECK(ParseDuration("90s") == std::chrono::seconds(90));
  CHECK(ParseDuration("15m") == std::chrono::minutes(15));
  CHECK(ParseDuration("2h") == std::chrono::hours(2));
  CHECK(ParseDuration("7d") == std::chrono::hours(7 * 24));
  for (const char* text : {"", "m", "-1s", "1.5h", "1w", "99999999999d"})
    CHECK_FALSE(ParseDuration(text));
}

TEST_CASE("each kind of error has the exit code of the contract") {
  const auto [code, exit] = GENERATE(table<ErrorCode, int>({
      {ErrorCode::kUsage, 2},
      {ErrorCode::kAuth, 4},
      {ErrorCode::kForbidden, 4},
      {ErrorCode::kUnreachable, 5},
      {ErrorCode::kThrottled, 5},
      {ErrorCode::kBusy, 75},
      {ErrorCode::kStorage, 1},
      {ErrorCode::kInternal, 1},
      {ErrorCode::kMalformed, 1},
      {ErrorCode::kRefused, 1},
      {ErrorCode::kNotFound, 1},
  }));

  CHECK(static_cast<int>(ExitCodeOf(code)) == exit);
  CHECK(static_cast<int>(ExitCode::kFindings) == 3);
  CHECK(static_cast<int>(ExitCode::kCoverage) == 6);
  CHECK(static_cast<int>(ExitCode::kInterrupted) == 130);
}

TEST_CASE("the completions name every command, option and choice") {
  const auto shell = GENERATE(as<std::string>(), "bash", "zsh", "fish");
  const std::string script = CompletionScript(shell, DescribeCommands());

  for (const CommandInfo& command : DescribeCommands()) {
    const std::string last = command.name.substr(command.name.rfind(' ') + 1);
    CHECK(script.find(last) != std::string::npos);
    for (const std::string& word : command.operands) CHECK(script.find(word) != std::string::npos);
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : option.names) {
        const std::string spelled = shell != "fish"          ? name
                                    : name.starts_with("--") ? "-l " + name.substr(2)
                                                             : "-s " + name.substr(1);
        CHECK(script.find(spelled) != std::string::npos);
      }
      for (const std::string& choice : option.choices)
        CHECK(script.find(choice) != std::string::npos);
    }
  }
}

TEST_CASE(
    "the manual page names every command and option, and nothing in it is taken for a request") {
  const std::string page = ManualPage(DescribeCommands());
  const auto dashed = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('-', at)) != std::string::npos; at += 2) {
      text.insert(at, 1, '\\');
    }
    return text;
  };

  for (const CommandInfo& command : DescribeCommands()) {
    CAPTURE(command.name);
    if (!command.name.empty()) CHECK(page.find(".SS " + dashed(command.name)) != std::string::npos);
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : option.names) {
        CHECK(page.find("\\fB" + dashed(name)) != std::string::npos);
      }
    }
  }
  const std::set<std::string> requests{".TH", ".SH", ".SS", ".TP",  ".B",
                                       ".I",  ".nf", ".fi", ".\\\""};
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.find('\'') != 0);
    if (line.starts_with(".")) CHECK(requests.count(line.substr(0, line.find(' '))) == 1);
  }
}

TEST_CASE("the commands that exist are these") {
  std::set<std::string> names;
  for (const CommandInfo& command : DescribeCommands()) {
    if (!command.name.starts_with("cache ")) names.insert(command.name);
  }

  CHECK(names == std::set<std::string>{"",
                                       "audit",
                                       "plan",
                                       "demo",
                                       "diff",
                                       "simulate",
                                       "doctor",
                                       "runs",
                                       "runs show",
                                       "runs delete",
                                       "runs prune",
                                       "runs merge",
                                       "backup",
                                       "restore",
                                       "export",
                                       "report",
                                       "config",
                                       "config init",
                                       "config show",
                                       "config schema",
                                       "completion",
                                       "cache",
                                       "serve",
                                       "who",
                                       "what",
                                       "why",
                                       "cut",
                                       "whatif",
                                       "findings",
                                       "findings rules",
                                       "findings accept",
                                       "findings reopen",
                                       "findings baseline",
                                       "findings test"});
}

TEST_CASE("every option has a line of help") {
  for (const CommandInfo& command : DescribeCommands()) {
    for (const OptionInfo& option : command.options) CHECK_FALSE(option.help.empty());
  }
}

}  // namespace spa
